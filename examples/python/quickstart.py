"""The quick start of packages/python/README.md in one file: serve with ``uvicorn quickstart:app``."""

import os

import knocker

hooks = knocker.open("app.db")
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])


@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    tx.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
    tx.execute("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [event.json()["data"]["object"]["id"]])


app = hooks.asgi("/webhooks")
