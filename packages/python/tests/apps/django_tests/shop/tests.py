"""Tests of the handlers, on the file that Django makes for its tests."""

from __future__ import annotations

from contextlib import ExitStack

from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

from knocker.testing import FrozenClock, drain, on_file
from shop.models import Order
from shop.webhooks import hooks, orders


class HandlerTest(TransactionTestCase):  # type: ignore[misc]
    def setUp(self) -> None:
        self.clock = FrozenClock()
        stack = ExitStack()
        stack.enter_context(on_file(hooks, settings.DATABASES["default"]["NAME"], self.clock))
        self.addCleanup(stack.close)

    def attempt(self, name: str) -> list[str]:
        orders.ingest(b'{"name": "%s"}' % name.encode(), valid=True, type="order")
        return [attempt.status for attempt in drain(hooks)]

    def test_a_row_is_written(self) -> None:
        assert self.attempt("one") == ["handled"]
        assert [order.name for order in Order.objects.all()] == ["one"]

    def test_and_gone_in_the_next_test(self) -> None:
        assert Order.objects.count() == 0
        assert self.attempt("broken") == ["failed"]
        assert Order.objects.count() == 0
        assert hooks.database.path == connection.settings_dict["NAME"]
