"""The webhook of celery_before.py on Knocker. Celery stays for what the app itself decides to do."""

import os

from celery import Celery
from flask import Flask

import knocker

app = Flask(__name__)
celery = Celery("shop", broker=os.environ.get("CELERY_BROKER", "redis://localhost"))

# region: handler
hooks = knocker.open(os.environ.get("SHOP_DB", "shop.db"))
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]], max_attempts=10)
app.wsgi_app = hooks.wsgi("/webhooks", otherwise=app.wsgi_app)


@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    session = event.json()["data"]["object"]
    tx.execute("INSERT INTO paid (id) VALUES (?) ON CONFLICT DO NOTHING", [session["id"]])
    # The last act: should the process die before the commit, the task is enqueued again, under the same id.
    send_receipt.apply_async([session["id"]], task_id=event.key)


# endregion: handler


# region: handed-on
@celery.task(bind=True)
def send_receipt(self, order):
    with hooks.database.connection() as connection:
        new = connection.execute("INSERT INTO sent (task) VALUES (?) ON CONFLICT DO NOTHING", [self.request.id]).rowcount
    if new:
        print(f"a receipt for {order}")


# endregion: handed-on
