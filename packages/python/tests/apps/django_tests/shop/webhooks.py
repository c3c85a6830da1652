"""Hooks on the project's own file, with a handler that writes through a model."""

from __future__ import annotations

from typing import Any

from django.conf import settings

import knocker
import knocker.django
from shop.models import Order

hooks = knocker.open(settings.DATABASES["default"]["NAME"])
orders = hooks.endpoint("orders")


@orders.on("order")
def store(event: knocker.Event, tx: Any) -> None:
    with knocker.django.using(tx):
        Order.objects.get_or_create(name=event.json()["name"])
        if event.json()["name"] == "broken":
            raise ValueError("broken")
