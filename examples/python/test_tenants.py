"""Each tenant's secrets open its own URL and no other."""

import pytest

from knocker.testing import drain, sign
from tenants import hooks, stripe


@pytest.fixture(autouse=True)
def isolated(knocker_on_file):
    knocker_on_file(hooks)


@pytest.mark.parametrize(
    ("tenant", "secret", "outcome"),
    [("acme", "acme-new", "accepted"), ("acme", "acme-old", "accepted"), ("acme", "globex", "invalid"), ("nobody", "acme-new", "invalid")],
)
def test_a_tenant_is_known_by_its_url_and_proven_by_its_secret(tenant, secret, outcome, knocker_clock):
    body = {"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}
    request = sign("stripe", body, secret, url=f"https://shop.example/webhooks/{tenant}/stripe", now=knocker_clock())
    assert stripe.receive(request).outcome == outcome
    if outcome == "accepted":
        drain(hooks)
        assert hooks.database.rows("SELECT * FROM payments") == [("in_1", tenant)]
