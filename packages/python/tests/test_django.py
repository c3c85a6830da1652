"""Django's ORM in handlers: whatever people do with it, its rows and the event are one commit, or none."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, models, transaction

import knocker.django
from inbox import ingest, statuses
from knocker.testing import FrozenClock

pytestmark = pytest.mark.skipif(os.environ.get("KNOCKER_TEST_DRIVER") is not None, reason="Django speaks sqlite3")


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One project and one file for all: Django is set up once in a process."""
    path = tmp_path_factory.mktemp("django") / "app.db"
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": knocker.django.options()}
    settings.configure(INSTALLED_APPS=["knocker.django"], DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    yield path
    connections.close_all()


@pytest.fixture
def order() -> Any:
    """A model with a table."""
    if "order" not in _MODELS:

        class Order(models.Model):  # type: ignore[misc]
            name = models.CharField(max_length=20, unique=True)
            paid_at = models.DateTimeField(null=True)

            class Meta:
                app_label = "shop"

        _MODELS["order"] = Order
        with connection.schema_editor() as editor:
            editor.create_model(Order)
    _MODELS["order"].objects.all().delete()
    return _MODELS["order"]


_MODELS: dict[str, Any] = {}


@pytest.fixture
def hooks(project: Path, clock: FrozenClock) -> Iterator[knocker.Hooks]:
    with knocker.open(project, clock=clock) as opened:
        yield opened


@pytest.fixture
def orders(hooks: knocker.Hooks, request: pytest.FixtureRequest) -> knocker.Endpoint:
    # A name of its own: the file is shared.
    return hooks.endpoint(f"orders-{abs(hash(request.node.name))}")


Way = Callable[[Any, Any], None]


def created(order: Any, tx: Any) -> None:
    with knocker.django.using(tx):
        order.objects.create(name="a")


def atomic(order: Any, tx: Any) -> None:
    with knocker.django.using(tx), transaction.atomic():
        order.objects.create(name="a")


def rolled_back_before(order: Any, tx: Any) -> None:
    with knocker.django.using(tx):
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            order.objects.create(name="never")
            raise ZeroDivisionError
        order.objects.create(name="a")


def after_a_conflict(order: Any, tx: Any) -> None:
    with knocker.django.using(tx):
        order.objects.create(name="a")
        with pytest.raises(IntegrityError), transaction.atomic():
            order.objects.create(name="a")
        assert order.objects.get_or_create(name="a")[1] is False


def beside_tx(order: Any, tx: Any) -> None:
    tx.execute("INSERT INTO shop_order (name) VALUES ('a')")
    with knocker.django.using(tx):
        assert list(order.objects.values_list("name", flat=True)) == ["a"]
    with knocker.django.using(tx), connection.cursor() as cursor:
        cursor.execute("SELECT regexp(%s, name) FROM shop_order", ["^a$"])
        assert cursor.fetchall() == [(1,)]


WAYS = [created, atomic, rolled_back_before, after_a_conflict, beside_tx]


@pytest.mark.parametrize("way", WAYS)
def test_the_models_rows_and_the_event_are_one_commit(hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any, way: Way) -> None:
    orders.add_handler("*", lambda event, tx: way(order, tx))
    ingest(orders)
    assert statuses(hooks) == ["handled"]
    assert [one.name for one in order.objects.all()] == ["a"]


@pytest.mark.parametrize("way", WAYS)
def test_the_models_rows_are_rolled_back_with_the_handler(
    hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any, clock: FrozenClock, way: Way
) -> None:
    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        way(order, tx)
        if event.attempt == 1:
            raise ValueError("no")

    ingest(orders)
    assert statuses(hooks) == ["failed"]
    assert not order.objects.exists()
    clock.advance(60)
    assert statuses(hooks) == ["handled"]
    assert [one.name for one in order.objects.all()] == ["a"]


def test_the_transaction_begins_at_the_first_query(hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any) -> None:
    begun: list[bool] = []

    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        with knocker.django.using(tx):
            begun.append(tx.in_transaction)
            order.objects.create(name="a", paid_at=event.received_at)
            begun.append(tx.in_transaction)
            assert order.objects.get().paid_at == event.received_at

    ingest(orders)
    assert statuses(hooks) == ["handled"]
    assert begun == [False, True]


def test_what_is_to_follow_the_commit_follows_the_workers(hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any) -> None:
    seen: list[int] = []

    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        with knocker.django.using(tx):
            order.objects.create(name=f"{event.type}")
            # Looked at through a connection of Django's own.
            transaction.on_commit(lambda: seen.append(order.objects.count()))
        assert seen == []
        if event.type == "fails":
            raise ValueError("no")

    ingest(orders, "works", "1")
    ingest(orders, "fails", "2")
    assert statuses(hooks) == ["handled", "failed"]
    assert seen == [1]


def test_a_failure_after_the_commit_is_logged(
    hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        with knocker.django.using(tx):
            transaction.on_commit(lambda: 1 / 0)

    ingest(orders)
    assert statuses(hooks) == ["handled"]
    assert "what was to follow the commit failed" in caplog.text


def test_djangos_own_commit_and_rollback_are_refused(hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any) -> None:
    ways: dict[str, Callable[[], Any]] = {
        "commit": transaction.commit,
        "rollback": transaction.rollback,
        "durable": lambda: transaction.atomic(durable=True).__enter__(),
        "marked": lambda: transaction.set_rollback(True),
        "closed": lambda: connection.close(),
    }

    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        with knocker.django.using(tx):
            order.objects.create(name="a")
            ways[event.type or ""]()

    for way in ways:
        ingest(orders, way, way)
    assert statuses(hooks) == ["failed"] * len(ways)
    assert not order.objects.exists()


def test_the_file_must_be_the_same(hooks: knocker.Hooks, order: Any, tmp_path: Path) -> None:
    with knocker.open(tmp_path / "other.db") as other:
        inbox = other.endpoint("inbox")
        inbox.add_handler("*", lambda event, tx: created(order, tx))
        event_id = ingest(inbox)
        assert statuses(other) == ["failed"]
        assert "open both on the same file" in str(other.event(event_id).reason)


def test_inspectdb_makes_no_models_of_knockers_tables(hooks: knocker.Hooks, order: Any) -> None:
    out = io.StringIO()
    call_command("inspectdb", "--include-views", stdout=out)
    assert "db_table = 'shop_order'" in out.getvalue()
    assert "nocker" not in out.getvalue()
    assert "onker" not in out.getvalue()


def test_flush_leaves_knockers_rows_alone(hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any) -> None:
    event_id = ingest(orders)
    call_command("flush", interactive=False, verbosity=0)
    assert hooks.event(event_id).status == "received"
    orders.add_handler("*", lambda event, tx: created(order, tx))
    assert statuses(hooks) == ["handled"]


def test_the_thread_has_its_own_connection_again(hooks: knocker.Hooks, orders: knocker.Endpoint, order: Any) -> None:
    own = connections["default"]
    tx_ids: list[int] = []

    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx_ids.append(id(tx))
        created(order, tx)
        assert connections["default"] is own
        raise ValueError

    ingest(orders, "1", "1")
    ingest(orders, "2", "2")
    assert statuses(hooks) == ["failed", "failed"]
    assert connections["default"] is own
    # Django's functions on it are none of the handler's settings.
    assert tx_ids[0] == tx_ids[1]
