"""A Django project in one file, with a handler that writes through its models: ``python -m knocker worker django_shop:hooks``."""

import os

import django
from django.conf import settings
from django.db import connection, models

import knocker
import knocker.django

database = os.environ.get("SHOP_DB", "shop.db")
settings.configure(
    INSTALLED_APPS=["knocker.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": knocker.django.options()}},
)
django.setup()


class Sale(models.Model):
    id = models.CharField(primary_key=True, max_length=100)
    total = models.IntegerField()

    class Meta:
        app_label = "shop"


if Sale._meta.db_table not in connection.introspection.table_names():
    with connection.schema_editor() as editor:
        editor.create_model(Sale)

hooks = knocker.open(database)
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])


@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    checkout = event.json()["data"]["object"]
    with knocker.django.using(tx):
        Sale.objects.update_or_create(id=checkout["id"], defaults={"total": checkout["amount_total"]})
