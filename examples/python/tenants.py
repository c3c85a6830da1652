"""One endpoint for several tenants, each with secrets of its own: ``python -m knocker worker tenants:hooks``."""

import os
from urllib.parse import urlsplit

import knocker

# Of your configuration, or a table. While a secret is replaced both are there, and each is tried.
SECRETS = {"acme": ["acme-new", "acme-old"], "globex": ["globex"]}


def tenant_of(url):
    # https://shop.example/webhooks/acme/stripe
    return urlsplit(url).path.rstrip("/").split("/")[-2]


hooks = knocker.open(os.environ.get("SHOP_DB", "tenants.db"))
stripe = hooks.endpoint("stripe", provider="stripe", secrets=lambda request: SECRETS.get(tenant_of(request.url), []))


@stripe.on("invoice.paid")
def note(event, tx):
    tx.execute("CREATE TABLE IF NOT EXISTS payments (invoice TEXT PRIMARY KEY, tenant TEXT)")
    invoice = event.json()["data"]["object"]["id"]
    tx.execute("INSERT INTO payments VALUES (?, ?) ON CONFLICT DO NOTHING", [invoice, tenant_of(event.delivery.url)])
