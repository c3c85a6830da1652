"""The usual webhook on Celery, which celery_after.py moves to Knocker: verify in the route, enqueue a task, answer 200."""

import hashlib
import hmac
import json
import os
import sqlite3

from celery import Celery
from flask import Flask, abort, request

app = Flask(__name__)
celery = Celery("shop", broker=os.environ.get("CELERY_BROKER", "redis://localhost"))


def signed_by_stripe(header, body):
    parts = dict(part.split("=", 1) for part in header.split(","))
    secret = os.environ["STRIPE_WEBHOOK_SECRET"].encode()
    wanted = hmac.new(secret, f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts["v1"])


# region: task
@celery.task(bind=True, max_retries=10)
def fulfil(self, body):
    session = json.loads(body)["data"]["object"]
    try:
        with sqlite3.connect(os.environ["SHOP_DB"]) as connection:
            connection.execute("INSERT INTO paid (id) VALUES (?) ON CONFLICT DO NOTHING", [session["id"]])
    except sqlite3.OperationalError as error:
        raise self.retry(exc=error, countdown=60) from error


@app.post("/webhooks/stripe")
def stripe():
    if not signed_by_stripe(request.headers.get("Stripe-Signature", ""), request.get_data()):
        abort(400)
    fulfil.delay(request.get_data(as_text=True))
    return ""


# endregion: task
