"""A file that is removed or replaced while it is open: nothing is acknowledged into it, and the new one is taken."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

import knocker
from conftest import SECRET, PushOf, github_request
from knocker.file_identity import OpenFile
from knocker.file_path import existing
from knocker.ticket import Ticket
from test_http import over_asgi, over_wsgi


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def shop(path: Path) -> Iterator[knocker.Hooks]:
    with knocker.open(path, busy_timeout_s=60) as hooks:
        hooks.endpoint("github", provider="github", secrets=[SECRET], max_attempts=7)
        hooks.endpoints["github"].receive(github_request(0))
        yield hooks


T = TypeVar("T")


def eventually(use: Callable[[], T]) -> T:
    """What the first use gives that is not refused because of the file."""
    for _ in range(1200):
        try:
            return use()
        except knocker.FileReplacedError:
            # Whoever puts a file there may not be through with it.
            threading.Event().wait(0.05)
    raise AssertionError("the new file is not taken")


def remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def keys(path: Path) -> list[str]:
    """What another process finds at the path."""
    with knocker.open(path) as hooks:
        return sorted(str(event.key) for event in hooks.events())


def replace(path: Path) -> None:
    """Puts a new and empty database there, as one does who starts anew."""
    new = path.with_name("new.db")
    with sqlite3.connect(new) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    remove(path)
    os.replace(new, path)


def test_a_file_that_was_removed_is_noticed_and_another_one_taken(
    shop: knocker.Hooks, path: Path, push: PushOf, caplog: pytest.LogCaptureFixture
) -> None:
    github = shop.endpoints["github"]
    remove(path)
    status, headers, body = over_asgi(shop.asgi(), "/github", push(1))
    assert (status, headers["retry-after"], body) == (503, "5", b"try again later")
    assert any(record.name == "knocker.database" and "was removed while it was open" in record.getMessage() for record in caplog.records)
    with pytest.raises(knocker.FileReplacedError, match="there is none"):
        github.receive(push(1))
    # None is made where a backup may be on its way.
    assert not path.exists()
    path.touch()
    with pytest.raises(knocker.FileReplacedError, match="empty"):
        github.receive(push(1))
    replace(path)
    assert eventually(lambda: github.receive(push(1))).outcome == "accepted"
    assert keys(path) == ["delivery-1"]
    # Its settings are those that were declared.
    assert [endpoint.max_attempts for endpoint in shop.stored_endpoints()] == [7]


def test_a_replaced_file_is_taken_without_the_log_of_the_former_one(shop: knocker.Hooks, path: Path, push: PushOf) -> None:
    github = shop.endpoints["github"]
    backup = path.with_name("backup.db")
    shop.database.rows("VACUUM INTO ?", [str(backup)])
    for n in range(1, 30):
        github.receive(push(n))
    # As one restores it while the app runs: the log of the former file stays, and SQLite would replay it.
    os.replace(backup, path)
    assert over_wsgi(shop.wsgi(), "/github", push(30))[0] == 503
    assert eventually(lambda: github.receive(push(31))).outcome == "accepted"
    assert shop.database.rows("PRAGMA integrity_check") == [("ok",)]
    assert keys(path) == ["delivery-0", "delivery-31"]
    aside = [name for name in os.listdir(path.parent) if "-wal.of-replaced-file-" in name]
    assert len(aside) == 1


def in_thread(endpoint: knocker.Endpoint, request: knocker.WebhookRequest) -> knocker.Receipt:
    return endpoint.receive(request)


def in_task(endpoint: knocker.Endpoint, request: knocker.WebhookRequest) -> knocker.Receipt:
    return asyncio.run(endpoint.areceive(request))


@pytest.mark.parametrize("receive", [in_thread, in_task])
def test_the_first_request_after_a_replacement_is_stored_in_the_new_file(
    shop: knocker.Hooks, path: Path, push: PushOf, monkeypatch: pytest.MonkeyPatch, receive: Callable[..., knocker.Receipt]
) -> None:
    replace(path)
    # It was put there long ago.
    monkeypatch.setattr(shop.database._file, "_wall_clock", lambda: time.time() + 3600)
    assert receive(shop.endpoints["github"], push(1)).outcome == "accepted"
    assert keys(path) == ["delivery-1"]


@pytest.mark.parametrize("noticed", [False, True])
def test_a_commit_into_a_file_that_is_gone_is_not_acknowledged_there(shop: knocker.Hooks, path: Path, push: PushOf, noticed: bool) -> None:
    github = shop.endpoints["github"]
    blocker = shop.database.connect()
    blocker.execute("BEGIN IMMEDIATE")
    caught: list[BaseException] = []
    begun = threading.Event()
    open_connection = shop.database.writer._commits._begin

    def begin(waiting: deque[Ticket]) -> object:
        begun.set()
        return open_connection(waiting)

    shop.database.writer._commits._begin = begin  # type: ignore[method-assign,assignment]

    def receive() -> None:
        try:
            github.receive(push(1))
        except knocker.KnockerError as error:
            caught.append(error)

    caller = threading.Thread(target=receive)
    caller.start()
    assert begun.wait(60)
    replace(path)
    if noticed:
        # By somebody else, who goes on in the new file before the commit into the former one is there.
        with pytest.raises(knocker.FileReplacedError):
            shop.stats()
        assert eventually(shop.stats).events.received == 0
    blocker.close()
    caller.join(60)
    # Where the new file is open already, the request itself is stored in it.
    assert [type(error) for error in caught] == ([] if noticed else [knocker.FileReplacedError])
    assert eventually(lambda: github.receive(push(1))).outcome == ("duplicate" if noticed else "accepted")
    assert keys(path) == ["delivery-1"]


def test_operators_and_reads_see_the_new_file(shop: knocker.Hooks, path: Path, push: PushOf) -> None:
    assert shop.stats().events.received == 1
    replace(path)
    with pytest.raises(knocker.FileReplacedError) as caught:
        shop.stats()
    assert caught.value.retryable
    eventually(lambda: shop.endpoints["github"].receive(push(1)))
    assert shop.stats().events.received == 1
    assert [event.key for event in shop.events()] == ["delivery-1"]


def test_a_file_that_is_away_is_waited_for(shop: knocker.Hooks, path: Path, push: PushOf) -> None:
    github = shop.endpoints["github"]
    away = path.parent.with_name("away")
    os.replace(path.parent, away)
    for _ in range(3):
        with pytest.raises(knocker.DatabaseError):
            github.receive(push(1))
    os.replace(away, path.parent)
    assert eventually(lambda: github.receive(push(1))).outcome == "accepted"
    assert keys(path) == ["delivery-0", "delivery-1"]


def test_workers_go_on_in_the_new_file(shop: knocker.Hooks, path: Path) -> None:
    handled: dict[str, threading.Event] = {name: threading.Event() for name in ("first", "second")}
    inbox = shop.endpoint("inbox")
    inbox.add_handler("*", lambda event, tx: handled[str(event.type)].set())
    with shop.start_worker(concurrency=2):
        inbox.ingest(b"{}", valid=True, type="first")
        assert handled["first"].wait(60)
        replace(path)
        # Nobody of this process but the worker itself looks.
        with knocker.open(path, busy_timeout_s=60) as others:
            others.endpoint("inbox").ingest(b"{}", valid=True, type="second")
            assert handled["second"].wait(60)
    assert [event.status for event in shop.events(endpoint="inbox")] == ["handled"]


@pytest.mark.skipif(os.name != "posix", reason="where nothing dates the last change of a file, it is looked at twice")
def test_a_file_that_has_been_there_for_long_is_at_rest_at_first_sight(path: Path) -> None:
    now = [0.0]
    file = OpenFile(str(path), lambda: now[0])
    path.write_bytes(b"the former one")
    file.note(file.identity())
    new = path.with_name("new.db")
    new.write_bytes(b"the new one")
    os.replace(new, path)
    assert not file.is_same
    file.forget()
    # A clock that was set back knows nothing of rest.
    assert file.why_not_yet() == "the new one is not at rest yet"
    now[0] = path.stat().st_ctime + 3600
    with path.open("ab") as growing:
        growing.write(b", longer")
    assert file.why_not_yet() is None


@pytest.mark.skipif(os.name != "posix", reason="an open file is not removed elsewhere")
def test_a_connection_that_is_opened_late_makes_no_file_in_the_place_of_the_former_one(shop: knocker.Hooks, path: Path) -> None:
    remove(path)
    # Whoever has looked before the file was removed opens it after that.
    with pytest.raises(knocker.FileReplacedError):
        shop.database.open()
    assert not path.exists()
    with pytest.raises(knocker.FileReplacedError, match="there is none"):
        shop.database.open()
    assert not path.exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a b/c?d#e%.db", "file:/a%20b/c%3Fd%23e%25.db?mode=rw"),
        ("file:/a.db", "file:/a.db?mode=rw"),
        ("file:/a.db?cache=private&mode=rwc#x", "file:/a.db?cache=private&mode=rw#x"),
        ("file:/a.db?mode=ro", "file:/a.db?mode=ro"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="names are others elsewhere")
def test_a_path_of_what_is_there_keeps_what_it_says(path: str, expected: str) -> None:
    assert existing(path) == expected
