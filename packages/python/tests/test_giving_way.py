"""Other writers beside a worker with a backlog: when the write lock is free for them, and for how long."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import knocker
from inbox import orders
from knocker.connection import Connection, rows
from knocker.giving_way import CommitsHere, GivingWay, Held, OthersWatch, OwnCommits
from knocker.lease_keeper import LeaseKeeper
from knocker.shared_commit import MOST_MS
from knocker.testing import FrozenClock, drain
from servers import PATIENCE_S


@pytest.fixture
def other(hooks: knocker.Hooks) -> Iterator[Connection]:
    """Another program's connection, which does not wait."""
    connection = hooks.database.connect()
    connection.execute("CREATE TABLE notes (text TEXT)").fetchall()
    connection.execute("PRAGMA busy_timeout = 0").fetchall()
    yield connection
    connection.close()


def write(connection: Connection) -> None:
    """Raises where the lock is held."""
    connection.execute("BEGIN IMMEDIATE").fetchall()
    connection.execute("INSERT INTO notes VALUES ('other')").fetchall()
    connection.execute("COMMIT").fetchall()


def test_the_lock_is_free_when_a_slow_handler_begins(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock, other: Connection
) -> None:
    """What was done before it is committed, so others write while it calls an API, say."""

    @inbox.on("quick")
    def quick(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])

    @inbox.on("slow")
    def slow(event: knocker.Event, tx: Any) -> None:
        write(other)
        clock.advance(MOST_MS / 1000 + 0.03)
        write(other)
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])

    for n in range(40):
        inbox.ingest(b"{}", valid=True, type="quick" if n % 4 else "slow")
    assert {attempt.status for attempt in drain(hooks)} == {"handled"}
    assert hooks.database.rows("SELECT count(*) FROM notes") == [(2 * 10,)]
    assert orders(hooks) == [str(n) for n in range(1, 41)]


class Pauses:
    """What :class:`GivingWay` waits for, and what happens meanwhile."""

    def __init__(self, hooks: knocker.Hooks, threads: int = 1) -> None:
        self.seconds: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.own = OwnCommits()
        self.now_s = 100.0
        here = hooks.database.connect()
        self.close = here.close
        self.others = OthersWatch(lambda: int(rows(here, "PRAGMA data_version")[0][0]), CommitsHere(self.own))
        self.giving_way = GivingWay(threads, self.wait, lambda: self.now_s)
        self.look()

    def look(self) -> None:
        self.giving_way.look(self.others)

    def after(self, held_s: float, then_free_s: float = 0.0) -> None:
        """The lock is held for so long, and then free until the worker may pause."""
        held = Held(held_s, self.now_s)
        self.now_s += held_s + then_free_s
        self.giving_way.after(held, self.others)

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.now_s += seconds
        self.meanwhile()


@pytest.fixture
def pauses(hooks: knocker.Hooks, other: Connection) -> Iterator[Pauses]:
    made = Pauses(hooks)
    yield made
    made.close()


def test_a_part_of_the_time_is_left_to_whoever_may_wait(pauses: Pauses) -> None:
    pauses.after(0.003)
    assert pauses.seconds == []
    pauses.after(0.003)
    assert pauses.seconds == [pytest.approx(0.0006)]
    pauses.after(3)
    assert pauses.seconds[1:] == [0.005]


def test_time_in_which_the_lock_was_free_is_none_to_wait_for(pauses: Pauses) -> None:
    pauses.after(0.004, then_free_s=0.0004)
    pauses.after(0.004, then_free_s=0.0001)
    assert pauses.seconds == [pytest.approx(0.0003)]
    pauses.after(0.02, then_free_s=0.003)
    assert len(pauses.seconds) == 1
    pauses.after(0.02)
    assert pauses.seconds[1:] == [pytest.approx(0.002)]


def test_what_one_thread_does_between_leaves_the_lock_to_its_neighbours(hooks: knocker.Hooks, other: Connection) -> None:
    pauses = Pauses(hooks, threads=2)
    pauses.after(0.02, then_free_s=0.01)
    assert pauses.seconds == [pytest.approx(0.002)]
    pauses.close()


def test_others_that_write_get_turns_as_long_as_between_two_looks_of_theirs(pauses: Pauses, other: Connection) -> None:
    pauses.meanwhile = lambda: write(other)
    pauses.after(0.02)
    pauses.meanwhile = lambda: None
    for _ in range(6):
        pauses.after(0.02)
    assert pauses.seconds[1:] == [0.025, 0.025]


def test_what_others_wrote_while_nothing_was_due_is_known(pauses: Pauses, other: Connection) -> None:
    write(other)
    pauses.look()
    pauses.after(0.06)
    assert pauses.seconds == [0.025]


def test_what_the_worker_commits_on_another_connection_is_not_of_others(pauses: Pauses, other: Connection) -> None:
    def commit() -> None:
        with pauses.own:
            write(other)

    commit()
    pauses.look()
    pauses.meanwhile = commit
    pauses.after(0.02)
    pauses.after(0.02)
    pauses.meanwhile = lambda: None
    with pauses.own:
        # Nobody can tell whether it is there already.
        pauses.look()
        write(other)
    pauses.look()
    pauses.after(0.02)
    assert pauses.seconds == [pytest.approx(0.002)] * 3


def test_the_threads_of_a_worker_pause_at_the_same_time(pauses: Pauses) -> None:
    """Together they would hardly ever leave the lock alone."""
    went: list[threading.Thread] = []

    def another() -> None:
        if not went:
            went.append(threading.Thread(target=pauses.after, args=(0.004,)))
            went[0].start()

    pauses.meanwhile = another
    pauses.after(0.02)
    went[0].join()
    assert pauses.seconds == [pytest.approx(0.002)]


@pytest.mark.parametrize("share_commits", [False, True])
def test_a_worker_takes_no_extension_of_its_own_for_a_write_of_others(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, monkeypatch: pytest.MonkeyPatch, share_commits: bool
) -> None:
    keepers: list[LeaseKeeper] = []

    class Kept(LeaseKeeper):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            keepers.append(self)

    others_write: list[bool] = []
    all_done = threading.Event()

    class Watched(GivingWay):
        def after(self, held: Held, others: OthersWatch) -> None:
            super().after(held, others)
            others_write.append(self.others_write)
            if hooks.stats().events.handled == 40:
                all_done.set()

    monkeypatch.setattr("knocker.worker.LeaseKeeper", Kept)
    monkeypatch.setattr("knocker.worker.GivingWay", Watched)

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        # Without a use of tx, so that the lock is free for it.
        keepers[0].extend()

    for _ in range(40):
        inbox.ingest(b"{}", valid=True, type="order")
    with hooks.start_worker(share_commits=share_commits):
        assert all_done.wait(PATIENCE_S)
    assert not any(others_write), others_write


def test_a_worker_leaves_the_lock_only_when_it_has_none(
    hooks: knocker.Hooks, inbox: knocker.Endpoint, clock: FrozenClock, other: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a commit has room for one event alone, and is followed at once by the handlers of the next."""
    was_free: list[bool] = []
    all_done = threading.Event()

    class Watched(GivingWay):
        def after(self, held: Held, others: OthersWatch) -> None:
            try:
                write(other)
                was_free.append(True)
            except sqlite3.OperationalError:
                was_free.append(False)
            if len(was_free) > 3 and hooks.stats().events.handled == 40:
                all_done.set()

    monkeypatch.setattr("knocker.worker.GivingWay", Watched)

    @inbox.on("*")
    def handler(event: knocker.Event, tx: Any) -> None:
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
        clock.advance(0.6 * MOST_MS / 1000)

    for _ in range(40):
        inbox.ingest(b"{}", valid=True, type="order")
    with hooks.start_worker():
        assert all_done.wait(PATIENCE_S)
    assert all(was_free), was_free
