"""Replays and late events change nothing."""

import os

import pytest

import replay_safe
from knocker.testing import drain, sign
from replay_safe import hooks, stripe


@pytest.fixture(autouse=True)
def isolated(knocker_on_file):
    knocker_on_file(hooks)


def receive(clock, event, status, created):
    body = {
        "id": event,
        "type": "customer.subscription.updated",
        "created": created,
        "data": {"object": {"id": "sub_1", "customer": "cus_1", "status": status}},
    }
    return stripe.receive(sign("stripe", body, os.environ["STRIPE_WEBHOOK_SECRET"], now=clock()))


def test_the_newest_word_stands_and_a_replay_keeps_its_key(knocker_clock, monkeypatch):
    keys = []
    monkeypatch.setattr(replay_safe, "grant_access", lambda customer, idempotency_key: keys.append(idempotency_key))
    newer = receive(knocker_clock, "evt_2", "active", created=200)
    receive(knocker_clock, "evt_1", "incomplete", created=100)
    drain(hooks)
    hooks.replay(newer.event_id)
    drain(hooks)
    assert hooks.database.rows("SELECT id, status FROM subscriptions") == [("sub_1", "active")]
    assert keys == ["stripe/evt_2", "stripe/evt_1", "stripe/evt_2"]
