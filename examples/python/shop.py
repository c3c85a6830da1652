"""A tiny shop: paid checkouts become orders, pushes become builds. The HTTP apps and the worker import it."""

import os

import knocker


def page_somebody(event, reason):
    print(f"event {event.id} of {event.endpoint} ({event.type}) is dead: {reason}")


hooks = knocker.open(os.environ.get("SHOP_DB", "shop.db"), on_dead=page_somebody)
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])
github = hooks.endpoint("github", provider="github", secrets=[os.environ["GITHUB_WEBHOOK_SECRET"]])


def create_tables(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total INTEGER, email TEXT)")
    connection.execute("CREATE TABLE IF NOT EXISTS builds (repository TEXT, revision TEXT, PRIMARY KEY (repository, revision))")


with hooks.database.connection() as connection:
    create_tables(connection)


@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    session = event.json()["data"]["object"]
    if session["payment_status"] != "paid":
        # Stripe sends checkout.session.async_payment_succeeded later.
        raise knocker.Ignore("not paid yet")
    tx.execute(
        "INSERT INTO orders (id, total, email) VALUES (?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET total = excluded.total, email = excluded.email",
        [session["id"], session["amount_total"], session["customer_details"]["email"]],
    )


@github.on("push")
async def build(event, tx):
    push = event.json()
    tx.execute("INSERT INTO builds VALUES (?, ?) ON CONFLICT DO NOTHING", [push["repository"]["full_name"], push["after"]])


@github.on("ping")
def greet(event, tx):
    raise knocker.Ignore("GitHub says hello")
