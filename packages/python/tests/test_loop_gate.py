"""The handlers of one event loop: how they share the write lock, and what a cancelled wait for it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import knocker
from inbox import ingest, orders, statuses

PATIENCE_S = 300


@pytest.fixture
def live_inbox(live_hooks: knocker.Hooks) -> knocker.Endpoint:
    live_hooks.database.rows("CREATE TABLE orders (id TEXT UNIQUE)")
    return live_hooks.endpoint("inbox")


def test_waiting_for_a_transaction_takes_none_of_the_loops_threads(live_hooks: knocker.Hooks, live_inbox: knocker.Endpoint) -> None:
    async def app() -> None:
        # Whoever is inside needs the one thread that there is, as every HTTP client does to look up a name.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        done: asyncio.Queue[int] = asyncio.Queue()
        all_here = asyncio.Event()
        here = 0

        @live_inbox.on("order")
        async def handler(event: knocker.Event, tx: Any) -> None:
            nonlocal here
            here += 1
            if here == 4:
                all_here.set()
            await all_here.wait()
            async with tx:
                tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
                await asyncio.to_thread(lambda: None)
            await done.put(event.id)

        working = asyncio.create_task(live_hooks.arun_worker(concurrency=4))
        for n in range(4):
            await live_inbox.aingest(b"", valid=True, type="order", key=str(n))
        assert {await asyncio.wait_for(done.get(), PATIENCE_S) for _ in range(4)} == {1, 2, 3, 4}
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(app())
    assert [(event.status, event.attempts) for event in live_hooks.events()] == [("handled", 1)] * 4


def test_stopping_takes_none_of_the_loops_threads(live_hooks: knocker.Hooks, live_inbox: knocker.Endpoint) -> None:
    async def app() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        entered = asyncio.Event()

        @live_inbox.on("order")
        async def handler(event: knocker.Event, tx: Any) -> None:
            entered.set()
            # Cancelling is not what ends it: only a stop that does not wait in the same thread lets this return.
            await asyncio.sleep(0)
            await asyncio.to_thread(lambda: None)

        working = asyncio.create_task(live_hooks.arun_worker())
        await live_inbox.aingest(b"", valid=True, type="order")
        await asyncio.wait_for(entered.wait(), PATIENCE_S)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(working, PATIENCE_S)

    asyncio.run(app())
    assert [event.status for event in live_hooks.events()] == ["handled"]


def test_a_cancelled_wait_for_the_write_lock_leaves_no_transaction(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    blocker = hooks.database.connect()
    left_open: list[bool] = []

    @inbox.on("order")
    async def handler(event: knocker.Event, tx: Any) -> None:
        async def use() -> None:
            async with tx:
                tx.execute("INSERT INTO orders VALUES ('never')")

        blocker.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(use())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        blocker.execute("ROLLBACK")
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        left_open.append(tx.in_transaction)
        # Another one can write at once: neither the lock nor the gate is held.
        blocker.execute("INSERT INTO orders VALUES ('another')")
        async with tx:
            tx.execute("INSERT INTO orders VALUES ('later')")

    ingest(inbox)
    assert statuses(hooks) == ["handled"]
    assert left_open == [False]
    assert orders(hooks) == ["another", "later"]
    blocker.close()


def test_a_cancelled_wait_for_another_handler_takes_nothing(live_hooks: knocker.Hooks, live_inbox: knocker.Endpoint) -> None:
    both_run, inside, given_up = threading.Event(), threading.Event(), threading.Event()
    open_after: queue.Queue[bool] = queue.Queue()

    @live_inbox.on("holds")
    async def holds(event: knocker.Event, tx: Any) -> None:
        # A claim needs the write lock too.
        await asyncio.to_thread(both_run.wait, PATIENCE_S)
        async with tx:
            tx.execute("INSERT INTO orders VALUES ('holds')")
            inside.set()
            await asyncio.to_thread(given_up.wait, PATIENCE_S)

    @live_inbox.on("waits")
    async def waits(event: knocker.Event, tx: Any) -> None:
        async def use() -> None:
            async with tx:
                tx.execute("INSERT INTO orders VALUES ('never')")

        both_run.set()
        await asyncio.to_thread(inside.wait, PATIENCE_S)
        waiting = asyncio.create_task(use())
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        given_up.set()
        open_after.put(tx.in_transaction)

    ingest(live_inbox, "holds", "1")
    ingest(live_inbox, "waits", "2")
    with live_hooks.start_worker(concurrency=2):
        assert open_after.get(timeout=PATIENCE_S) is False
    assert [(event.status, event.attempts) for event in live_hooks.events()] == [("handled", 1)] * 2
    assert orders(live_hooks) == ["holds"]
    # Nobody has the write lock.
    ingest(live_inbox, "after", "3")


def test_a_task_that_still_waits_when_its_attempt_is_over_leaves_nothing(hooks: knocker.Hooks, inbox: knocker.Endpoint) -> None:
    blocker = hooks.database.connect()
    outcome: queue.Queue[str] = queue.Queue()

    @inbox.on("order")
    async def handler(event: knocker.Event, tx: Any) -> None:
        async def use() -> None:
            try:
                async with tx:
                    tx.execute("INSERT INTO orders VALUES ('stray')")
                outcome.put("written")
            except (knocker.UsageError, asyncio.CancelledError):
                outcome.put("refused")

        blocker.execute("BEGIN IMMEDIATE")
        tasks.append(asyncio.create_task(use()))
        await asyncio.sleep(0)
        threading.Thread(target=release).start()
        raise knocker.Ignore("gone before its task")

    def release() -> None:
        # Whether the task or the end of the attempt comes first is the scheduler's choice; what the task writes never stays.
        blocker.execute("ROLLBACK")

    tasks: list[Any] = []
    ingest(inbox)
    assert statuses(hooks) == ["ignored"]
    assert outcome.get(timeout=PATIENCE_S) in ("refused", "written")
    assert orders(hooks) == []
    blocker.close()


def test_an_open_transaction_and_a_coroutine_after_it_do_not_block_the_loop(
    live_hooks: knocker.Hooks, live_inbox: knocker.Endpoint
) -> None:
    started, wants, asked = threading.Event(), threading.Event(), threading.Event()
    done: queue.Queue[str] = queue.Queue()

    @live_inbox.on("mixed")
    def begins(event: knocker.Event, tx: Any) -> None:
        assert wants.wait(PATIENCE_S)
        tx.execute("INSERT INTO orders VALUES ('mixed')")

    @live_inbox.on("mixed")
    async def awaits(event: knocker.Event, tx: Any) -> None:
        started.set()
        await asyncio.to_thread(asked.wait, PATIENCE_S)
        # Ends only if the loop still turns after the other handler has asked for the write lock.
        await asyncio.sleep(0)
        done.put("mixed")

    @live_inbox.on("other")
    async def other(event: knocker.Event, tx: Any) -> None:
        wants.set()
        await asyncio.to_thread(started.wait, PATIENCE_S)
        asked.set()
        tx.execute("INSERT INTO orders VALUES ('other')")
        done.put("other")

    ingest(live_inbox, "mixed", "1")
    ingest(live_inbox, "other", "2")
    with live_hooks.start_worker(concurrency=2):
        finished = [done.get(timeout=PATIENCE_S) for _ in range(2)]
    assert finished == ["mixed", "other"]
    assert [(event.status, event.attempts) for event in live_hooks.events()] == [("handled", 1)] * 2


class CoroutineObject:
    """An object whose call is a coroutine function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    async def __call__(self, event: knocker.Event, tx: Any) -> None:
        await self.function(event, tx)


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that does not know of coroutines."""

    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


@pytest.mark.parametrize("disguise", [wrapped, CoroutineObject])
def test_coroutine_functions_in_disguise_share_the_loop_as_others_do(
    live_hooks: knocker.Hooks, live_inbox: knocker.Endpoint, disguise: Callable[..., Any]
) -> None:
    done: queue.Queue[int] = queue.Queue()
    both = threading.Barrier(2)

    async def handler(event: knocker.Event, tx: Any) -> None:
        if event.id not in seen:
            seen.add(event.id)
            await asyncio.to_thread(both.wait, PATIENCE_S)
        tx.execute("INSERT INTO orders VALUES (?)", [str(event.id)])
        await asyncio.sleep(0)
        done.put(event.id)

    seen: set[int] = set()
    live_inbox.add_handler("order", disguise(handler))
    for n in range(2):
        ingest(live_inbox, "order", str(n))
    with live_hooks.start_worker(concurrency=2):
        assert {done.get(timeout=PATIENCE_S) for _ in range(2)} == {1, 2}
    assert [(event.status, event.attempts) for event in live_hooks.events()] == [("handled", 1)] * 2
    assert sorted(orders(live_hooks)) == ["1", "2"]
