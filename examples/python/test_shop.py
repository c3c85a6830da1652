"""Tests of the shop's own handlers, each on a file of its own."""

import json
import os
from pathlib import Path

import pytest

from knocker.testing import drain, sign
from shop import hooks, stripe

CHECKOUT = Path(__file__).parent.parent / "payloads" / "stripe-checkout-session-completed.json"


@pytest.fixture(autouse=True)
def isolated(knocker_on_file):
    knocker_on_file(hooks)


def test_a_checkout_becomes_an_order_once(knocker_clock):
    secret = os.environ["STRIPE_WEBHOOK_SECRET"]
    receipt = stripe.receive(sign("stripe", CHECKOUT.read_bytes(), secret, now=knocker_clock()))
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
    hooks.replay(receipt.event_id)
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
    checkout = json.loads(CHECKOUT.read_text())["data"]["object"]
    assert hooks.database.rows("SELECT id, total FROM orders") == [(checkout["id"], checkout["amount_total"])]
