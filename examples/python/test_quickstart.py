"""Tests of handlers, as you would write them for your own."""

import knocker
from knocker.testing import drain, sign


def make_shop(hooks):
    stripe = hooks.endpoint("stripe", provider="stripe", secrets=["whsec_test"])
    stripe.add_handler("checkout.session.completed", fulfil)
    hooks.database.rows("CREATE TABLE orders (id TEXT PRIMARY KEY)")
    return stripe


def fulfil(event, tx):
    session = event.json()["data"]["object"]
    if session["payment_status"] != "paid":
        raise knocker.Retry(after=60, reason="not paid yet")
    tx.execute("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [session["id"]])


def checkout(clock, status):
    body = {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1", "payment_status": status}}}
    return sign("stripe", body, "whsec_test", now=clock())


def test_a_paid_checkout_becomes_an_order(knocker_hooks, knocker_clock):
    stripe = make_shop(knocker_hooks)
    request = checkout(knocker_clock, "paid")
    assert stripe.receive(request).outcome == "accepted"
    assert stripe.receive(request).outcome == "duplicate"
    assert [attempt.status for attempt in drain(knocker_hooks)] == ["handled"]
    assert knocker_hooks.database.rows("SELECT id FROM orders") == [("cs_1",)]


def test_an_unpaid_one_is_tried_again_after_a_minute(knocker_hooks, knocker_clock):
    stripe = make_shop(knocker_hooks)
    stripe.receive(checkout(knocker_clock, "unpaid"))
    assert [attempt.status for attempt in drain(knocker_hooks)] == ["failed"]
    assert drain(knocker_hooks) == []
    knocker_clock.advance(60)
    assert [attempt.status for attempt in drain(knocker_hooks)] == ["failed"]
