"""What the handlers write."""

from __future__ import annotations

from django.db import models


class Order(models.Model):  # type: ignore[misc]
    name = models.CharField(max_length=20, unique=True)
