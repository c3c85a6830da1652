"""A request is stored in the file of the tenant whose host it came to, by that tenant's secret, and handled there."""

import asyncio

import pytest
from tenant_files import set_up, tenant_of

import knocker
from knocker.testing import drain, sign


@pytest.fixture
def tenants(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_ACME", "acme")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET_GLOBEX", "globex")
    with knocker.open_many(tmp_path / "*.db", set_up) as opened:
        opened.create("acme")
        opened.create("globex")
        yield opened


def sent_to(tenants, host, request):
    """The status of the answer."""
    answers = []

    async def receive():
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message):
        answers.append(message)

    headers = [(b"host", host.encode()), *((name.lower().encode(), value.encode()) for name, value in request.headers)]
    scope = {"type": "http", "method": "POST", "path": "/webhooks/stripe", "headers": headers}
    asyncio.run(tenants.asgi(tenant_of, mount="/webhooks")(scope, receive, send))
    return answers[0]["status"]


def test_each_tenant_has_a_file_and_a_secret_of_its_own(tenants):
    paid = sign("stripe", {"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}}, "acme")
    assert sent_to(tenants, "acme.shop.example", paid) == 200
    assert sent_to(tenants, "globex.shop.example", paid) == 401
    assert sent_to(tenants, "nobody.shop.example", paid) == 404
    for tenant, payments in (("acme", [("evt_1",)]), ("globex", [])):
        with tenants.hooks(tenant) as hooks:
            drain(hooks)
            hooks.database.rows("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY)")
            assert hooks.database.rows("SELECT event FROM payments") == payments
    assert tenants.names() == ["acme", "globex"]
