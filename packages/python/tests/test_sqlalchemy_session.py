"""SQLAlchemy sessions on a handler's ``tx``: whatever people do with them, their rows and the event are one commit, or none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

import knocker.sqlalchemy
from inbox import ingest, statuses
from knocker.testing import FrozenClock


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "shop_orders"
    id: Mapped[str] = mapped_column(primary_key=True)


Way = Callable[[Any], None]


def added(tx: Any) -> None:
    knocker.sqlalchemy.session(tx).add(Order(id="a"))


def committed(tx: Any) -> None:
    session = knocker.sqlalchemy.session(tx)
    session.add(Order(id="a"))
    session.commit()


def in_a_block(tx: Any) -> None:
    with knocker.sqlalchemy.session(tx) as session, session.begin():
        session.add(Order(id="a"))


def closed(tx: Any) -> None:
    with knocker.sqlalchemy.session(tx) as session:
        session.add(Order(id="a"))
        session.commit()


def rolled_back_before(tx: Any) -> None:
    session = knocker.sqlalchemy.session(tx)
    session.add(Order(id="never"))
    session.flush()
    session.rollback()
    session.add(Order(id="a"))
    session.commit()


def after_a_conflict(tx: Any) -> None:
    session = knocker.sqlalchemy.session(tx)
    session.execute(text("INSERT INTO shop_orders VALUES ('a')"))
    session.commit()
    session.add(Order(id="a"))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Order)) == 1


def nested(tx: Any) -> None:
    session = knocker.sqlalchemy.session(tx)
    session.add(Order(id="a"))
    with contextlib.suppress(ZeroDivisionError), session.begin_nested():
        session.add(Order(id="never"))
        session.flush()
        raise ZeroDivisionError


def beside_tx(tx: Any) -> None:
    tx.execute("INSERT INTO shop_orders VALUES ('a')")
    session = knocker.sqlalchemy.session(tx)
    session.add(Order(id="never"))
    session.flush()
    session.rollback()
    with tx:
        assert tx.execute("SELECT id FROM shop_orders").fetchall() == [("a",)]


def from_a_factory(tx: Any) -> None:
    make = sessionmaker(expire_on_commit=False)
    with knocker.sqlalchemy.session(tx, make, autoflush=False) as session:
        assert (type(session).__mro__[1], session.autoflush) == (Session, False)
        session.add(Order(id="a"))
        session.commit()


WAYS = [added, committed, in_a_block, closed, rolled_back_before, after_a_conflict, nested, beside_tx, from_a_factory]


@pytest.fixture
def orders(hooks: knocker.Hooks) -> knocker.Endpoint:
    if hooks.database.driver.name == "apsw":
        pytest.skip("SQLAlchemy does not speak apsw")
    hooks.database.rows("CREATE TABLE shop_orders (id VARCHAR PRIMARY KEY)")
    return hooks.endpoint("orders")


def stored(hooks: knocker.Hooks) -> list[str]:
    return [row[0] for row in hooks.database.rows("SELECT id FROM shop_orders")]


@pytest.mark.parametrize("way", WAYS)
def test_the_sessions_rows_and_the_event_are_one_commit(hooks: knocker.Hooks, orders: knocker.Endpoint, way: Way) -> None:
    orders.add_handler("*", lambda event, tx: way(tx))
    ingest(orders)
    assert statuses(hooks) == ["handled"]
    assert stored(hooks) == ["a"]


@pytest.mark.parametrize("way", WAYS)
def test_the_sessions_rows_are_rolled_back_with_the_handler(
    hooks: knocker.Hooks, orders: knocker.Endpoint, clock: FrozenClock, way: Way
) -> None:
    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        way(tx)
        if event.attempt == 1:
            raise ValueError("no")

    ingest(orders)
    assert statuses(hooks) == ["failed"]
    assert stored(hooks) == []
    clock.advance(60)
    assert statuses(hooks) == ["handled"]
    assert stored(hooks) == ["a"]


def test_the_transaction_begins_at_the_sessions_first_use(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    begun: list[bool] = []

    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        session = knocker.sqlalchemy.session(tx)
        session.add(Order(id="a"))
        begun.append(tx.in_transaction)
        session.flush()
        begun.append(tx.in_transaction)

    ingest(orders)
    assert statuses(hooks) == ["handled"]
    assert begun == [False, True]


def test_what_cannot_be_flushed_is_a_failed_attempt(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO shop_orders VALUES ('a')")
        knocker.sqlalchemy.session(tx).add(Order(id="a"))

    orders.add_handler("*", handler)
    event_id = ingest(orders)
    assert statuses(hooks) == ["failed"]
    assert "IntegrityError" in str(hooks.event(event_id).reason)
    assert stored(hooks) == []


def test_a_session_is_of_one_attempt(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    kept: list[Session] = []

    @orders.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        if not kept:
            kept.append(knocker.sqlalchemy.session(tx))
        kept[0].add(Order(id=event.type or ""))
        kept[0].commit()

    for type in ("first", "second"):
        ingest(orders, type, type)
    assert statuses(hooks) == ["handled", "failed"]
    assert stored(hooks) == ["first"]
    with pytest.raises(knocker.UsageError, match="tx of a handler"):
        knocker.sqlalchemy.session(object())


def test_coroutine_handlers_have_sessions_too(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    async def handler(event: knocker.Event, tx: Any) -> None:
        async with tx:
            added(tx)

    orders.add_handler("*", handler)
    ingest(orders)
    assert statuses(hooks) == ["handled"]
    assert stored(hooks) == ["a"]


def test_the_next_handler_finds_the_connection_as_it_was(hooks: knocker.Hooks, orders: knocker.Endpoint) -> None:
    connections: list[int] = []
    orders.add_handler("*", lambda event, tx: connections.append(id(tx)))
    orders.add_handler("*", lambda event, tx: added(tx) if event.type == "order" else None)
    for type in ("order", "other"):
        ingest(orders, type, type)
    assert statuses(hooks) == ["handled", "handled"]
    assert connections[0] == connections[1]
