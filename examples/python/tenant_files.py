"""A file for each tenant: ``uvicorn tenant_files:app``, and one ``python -m knocker worker tenant_files:tenants`` for all of them."""

import os

import knocker


def set_up(hooks, tenant):
    # Each time that a tenant's file is opened. STRIPE_WEBHOOK_SECRET_ACME: of your configuration, or your vault.
    stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ[f"STRIPE_WEBHOOK_SECRET_{tenant.upper()}"]])
    stripe.add_handler("invoice.paid", note)


def note(event, tx):
    # Into the file of the event's tenant.
    tx.execute("CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY)")
    tx.execute("INSERT INTO payments VALUES (?) ON CONFLICT DO NOTHING", [event.key])


def tenant_of(scope):
    # https://acme.shop.example/webhooks/stripe
    return dict(scope["headers"])[b"host"].decode().partition(".")[0]


tenants = knocker.open_many(os.path.join(os.environ.get("TENANTS", "tenants"), "*.db"), set_up)
app = tenants.asgi(tenant_of, mount="/webhooks")
