"""A handler that may run twice, and late: ``python -m knocker worker replay_safe:hooks``."""

import os

import knocker

hooks = knocker.open(os.environ.get("SHOP_DB", "shop.db"))
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])


def grant_access(customer, idempotency_key):
    """Stands for a call over the network, to a service that does nothing twice for the same key."""


@stripe.on("customer.subscription.*")
def follow(event, tx):
    subscription = event.json()["data"]["object"]
    # Outside of the file first: it may happen again, always with the same key.
    grant_access(subscription["customer"], idempotency_key=event.idempotency_key)
    # In the file: what is older than what stands there changes nothing.
    tx.execute("CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, status TEXT, told_at INTEGER)")
    tx.execute(
        "INSERT INTO subscriptions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE "
        "SET status = excluded.status, told_at = excluded.told_at WHERE excluded.told_at >= told_at",
        [subscription["id"], subscription["status"], event.json()["created"]],
    )
