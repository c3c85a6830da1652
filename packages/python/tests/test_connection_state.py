"""What a handler sets on ``tx``: neither the result nor the next handler finds it. Each test runs with every driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import knocker
from knocker.testing import drain


@pytest.fixture
def inbox(hooks: knocker.Hooks) -> knocker.Endpoint:
    hooks.database.rows("CREATE TABLE orders (id TEXT)")
    return hooks.endpoint("inbox")


def is_apsw(hooks: knocker.Hooks) -> bool:
    return hooks.database.driver.name == "apsw"


def statuses(hooks: knocker.Hooks) -> list[str]:
    return [attempt.status for attempt in drain(hooks)]


def rows_as_dicts(tx: Any) -> None:
    if hasattr(tx, "row_trace"):
        tx.row_trace = lambda cursor, row: {column[0]: value for column, value in zip(cursor.get_description(), row, strict=True)}
    else:
        tx.row_factory = lambda cursor, row: {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def texts_as_numbers(tx: Any) -> None:
    if not hasattr(tx, "row_trace"):
        tx.text_factory = len


@pytest.mark.parametrize("set_up", [rows_as_dicts, texts_as_numbers])
@pytest.mark.parametrize("ending", [None, ValueError("no"), knocker.Ignore("no"), knocker.Retry(after=60), knocker.Dead("no")])
def test_the_result_does_not_depend_on_how_rows_are_made(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, set_up: Callable[[Any], None], ending: Exception | None
) -> None:
    seen: list[Any] = []

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        if event.json() == 1:
            set_up(tx)
        seen.append(tx.execute("SELECT 'order' AS kind").fetchall()[0])
        if ending is not None:
            raise ending

    for n in (1, 2):
        inbox.ingest(b"%d" % n, valid=True)
    expected: dict[type[Exception] | None, str] = {
        None: "handled",
        ValueError: "failed",
        knocker.Ignore: "ignored",
        knocker.Retry: "failed",
        knocker.Dead: "dead",
    }
    assert statuses(hooks) == [expected[type(ending) if ending else None]] * 2
    assert seen[1] == ("order",)
    assert seen[0] != seen[1] or (is_apsw(hooks) and set_up is texts_as_numbers)


def temporary_table(tx: Any, folder: Path) -> None:
    tx.execute("CREATE TEMP TABLE orders (id TEXT)")
    tx.execute("INSERT INTO temp.orders VALUES ('lost')")


def attached_file(tx: Any, folder: Path) -> None:
    tx.cursor().execute("aTTaCH ? AS other", [str(folder / "other.db")])


def own_function(tx: Any, folder: Path) -> None:
    create = getattr(tx, "create_function", None)
    if create is not None:
        create("upper", 1, lambda text: "mine")
    else:
        tx.create_scalar_function("upper", lambda text: "mine", 1)


def isolation(tx: Any, folder: Path) -> None:
    if hasattr(tx, "isolation_level"):
        tx.isolation_level = "DEFERRED"
    else:
        tx.set_busy_timeout(1)


@pytest.mark.parametrize("set_up", [temporary_table, attached_file, own_function, isolation])
@pytest.mark.parametrize("fails", [True, False])
def test_the_next_handler_finds_the_connection_as_it_was_opened(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, tmp_path: Path, set_up: Callable[[Any, Path], None], fails: bool
) -> None:
    found: list[Any] = []

    @inbox.on("first")
    def first(event: knocker.Event, tx: Any) -> None:
        set_up(tx, tmp_path)
        if fails:
            raise ValueError("after it was set")

    @inbox.on("second")
    def second(event: knocker.Event, tx: Any) -> None:
        found.append(getattr(tx, "isolation_level", None))
        found.append(tx.execute("SELECT upper('a')").fetchall()[0][0])
        found.append([name for _, name, _ in tx.execute("PRAGMA database_list").fetchall()])
        tx.execute("INSERT INTO orders VALUES ('kept')")

    inbox.ingest(b"", valid=True, type="first")
    inbox.ingest(b"", valid=True, type="second")
    assert statuses(hooks) == ["failed" if fails else "handled", "handled"]
    assert found == [None, "A", ["main"]]
    assert hooks.database.rows("SELECT id FROM orders") == [("kept",)]


def test_a_connection_that_nothing_was_set_on_is_kept(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    used: list[Any] = []

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        used.append(tx)
        rows_as_dicts(tx)
        tx.execute("INSERT INTO orders VALUES ('a')")
        with tx:
            tx.executemany("INSERT INTO orders VALUES (?)", [["b"]])

    for _ in range(3):
        inbox.ingest(b"", valid=True)
    assert statuses(hooks) == ["handled"] * 3
    assert used[0] is used[1] is used[2]


def denying(tx: Any) -> None:
    tx.set_authorizer(lambda *_: 1)


def interrupting(tx: Any) -> None:
    tx.set_progress_handler(lambda: 1, 1)


def refusing_commits(tx: Any) -> None:
    if hasattr(tx, "set_commit_hook"):
        tx.set_commit_hook(lambda: True)


@pytest.mark.parametrize("hinder", [denying, interrupting, refusing_commits])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_what_stops_statements_stops_none_of_the_workers(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, hinder: Callable[[Any], None], share: bool, fails: bool
) -> None:
    """As a limit to the time that the handler's own may take: the rollback would meet it too, and the write lock be held for good."""

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
        if event.id == 5:
            hinder(tx)
            if fails:
                raise ValueError("after it was set")

    for _ in range(8):
        inbox.ingest(b"", valid=True)
    expected = {id: "failed" if id == 5 and fails else "handled" for id in range(1, 9)}
    assert dict(hooks.worker(share_commits=share).drain()) == expected
    written = sorted(int(id) for (id,) in hooks.database.rows("SELECT id FROM orders"))
    assert written == [id for id, status in expected.items() if status == "handled"]


@pytest.mark.parametrize("share", [True, False])
def test_a_setting_that_commits_is_refused(hooks: knocker.Hooks, inbox: knocker.Endpoint, share: bool) -> None:
    """Python's sqlite3 commits where its own transactions are turned off, which they are."""

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
        if event.id == 5:
            tx.isolation_level = None

    for _ in range(8):
        inbox.ingest(b"", valid=True)
    ends = dict(hooks.worker(share_commits=share).drain())
    assert ends == {id: "failed" if id == 5 else "handled" for id in range(1, 9)}
    assert hooks.database.rows("SELECT count(*) FROM orders WHERE id = '5'") == [(0,)]
