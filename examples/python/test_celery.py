"""A webhook of Celery before and after it moves, on a broker in memory."""

import json
import os
from pathlib import Path

import pytest

os.environ["CELERY_BROKER"] = "memory://"
worker = pytest.importorskip("celery.contrib.testing.worker")

import celery_after  # noqa: E402 - the broker is named before
import celery_before  # noqa: E402

from knocker.testing import drain, sign  # noqa: E402

CHECKOUT = (Path(__file__).parent.parent / "payloads" / "stripe-checkout-session-completed.json").read_bytes()
ORDER = json.loads(CHECKOUT)["data"]["object"]["id"]
hooks = celery_after.hooks


@pytest.fixture(autouse=True)
def isolated(knocker_on_file, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "before.db"))
    knocker_on_file(hooks)
    with hooks.database.connection() as connection:
        connection.execute("CREATE TABLE paid (id TEXT PRIMARY KEY)")
        connection.execute("CREATE TABLE sent (task TEXT PRIMARY KEY)")


def test_before_a_task_writes_the_order(tmp_path):
    with celery_before.sqlite3.connect(tmp_path / "before.db") as file:
        file.execute("CREATE TABLE paid (id TEXT PRIMARY KEY)")
    celery_before.celery.conf.task_always_eager = True
    request = sign("stripe", CHECKOUT, os.environ["STRIPE_WEBHOOK_SECRET"])
    client = celery_before.app.test_client()
    assert client.post("/webhooks/stripe", data=CHECKOUT, headers=dict(request.headers)).status_code == 200
    assert client.post("/webhooks/stripe", data=b"{}", headers=dict(request.headers)).status_code == 400
    assert file.execute("SELECT id FROM paid").fetchall() == [(ORDER,)]
    file.close()


def test_afterwards_the_handler_does_and_hands_on_what_is_celerys(knocker_clock):
    celery_after.celery.conf.result_backend = "cache+memory://"
    receipt = celery_after.stripe.receive(sign("stripe", CHECKOUT, os.environ["STRIPE_WEBHOOK_SECRET"], now=knocker_clock()))
    assert [attempt.status for attempt in drain(hooks)] == ["handled"]
    key = hooks.event(receipt.event_id).key
    assert hooks.database.rows("SELECT id FROM paid") == [(ORDER,)]
    again = celery_after.send_receipt.apply_async([ORDER], task_id=key)
    with worker.start_worker(celery_after.celery, perform_ping_check=False, pool="solo", loglevel="error"):
        again.get(timeout=30)
    assert hooks.database.rows("SELECT task FROM sent") == [(key,)]
