"""Who writes: a lone caller itself, one thread for callers that come together, and what of it becomes of their errors."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import knocker
from conftest import SECRET, PushOf, github_request
from inbox import queued_calls


class Watched:
    """A connection that tells of each statement before it runs."""

    def __init__(self, connection: Any, told: Callable[[str], None]) -> None:
        self._connection = connection
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        self._told(sql)
        return self._connection.execute(sql, *parameters)


class AtCommit:
    """What is called before each commit of the writer's connection, which is to be opened yet; or before another statement."""

    def __init__(self, hooks: knocker.Hooks) -> None:
        self.call: Callable[[], object] = lambda: None
        self.statement = "COMMIT"
        opened = hooks.database.open
        hooks.database.open = lambda **named: Watched(opened(**named), self._told)  # type: ignore[method-assign]

    def _told(self, sql: str) -> None:
        if sql.startswith(self.statement):
            self.call()


def come_alone(hooks: knocker.Hooks, github: knocker.Endpoint) -> AtCommit:
    """Receives until this thread writes by itself, when no other is about to any more."""
    at_commit, committed_by = AtCommit(hooks), list[int]()
    at_commit.call = lambda: committed_by.append(threading.get_ident())
    for n in range(1000, 2000):
        github.receive(github_request(n))
        if committed_by[-1] == threading.get_ident():
            break
    assert committed_by[-1] == threading.get_ident()
    at_commit.call = lambda: None
    return at_commit


@pytest.fixture
def github(hooks: knocker.Hooks) -> knocker.Endpoint:
    return hooks.endpoint("github", provider="github", secrets=[SECRET])


def test_a_lone_caller_hands_nothing_over(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    at_commit, committed_by = come_alone(hooks, github), list[int]()
    at_commit.call = lambda: committed_by.append(threading.get_ident())
    for n in range(3):
        github.receive(github_request(n))
    assert committed_by == [threading.get_ident()] * 3


def test_whoever_comes_meanwhile_is_left_to_the_thread(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    at_commit, committed_by = come_alone(hooks, github), list[str]()
    first, others = threading.Event(), threading.Event()

    def committing() -> None:
        committed_by.append(threading.current_thread().name)
        first.set()
        assert others.wait(60)

    at_commit.call = committing
    queued = queued_calls(hooks)
    callers = [threading.Thread(target=github.receive, args=(github_request(n),), name=f"caller-{n}") for n in range(1, 6)]
    callers[0].start()
    assert first.wait(60)
    for caller in callers[1:]:
        caller.start()
    for _ in callers:
        assert queued.acquire(timeout=60)
    others.set()
    for caller in callers:
        caller.join()
    assert committed_by == ["caller-1", "knocker-writer"]


def test_a_signal_in_a_lone_commit_is_the_callers_own(hooks: knocker.Hooks, github: knocker.Endpoint) -> None:
    at_commit = come_alone(hooks, github)

    def interrupted() -> None:
        at_commit.call = lambda: None
        raise KeyboardInterrupt

    at_commit.call = interrupted
    with pytest.raises(KeyboardInterrupt):
        github.receive(github_request(1))
    assert github.receive(github_request(1)).outcome == "accepted"
    assert asyncio.run(github.areceive(github_request(1))).outcome == "duplicate"


class Interruption:
    """Raises KeyboardInterrupt in this thread behind the call of that number in the modules that write, as a signal may behind any."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.happened = False

    def __enter__(self) -> None:
        sys.setprofile(self._look)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "c_return" and Path(frame.f_code.co_filename).name in ("writer.py", "commits.py", "ticket.py"):
            self._left -= 1
            if self._left < 0:
                sys.setprofile(None)
                self.happened = True
                raise KeyboardInterrupt


def test_a_signal_anywhere_in_a_lone_receipt_ends_it_and_leaves_a_writer(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf
) -> None:
    ended = list[tuple[int, type[BaseException]]]()

    def interrupted_everywhere() -> None:
        come_alone(hooks, github)
        for at in range(1000):
            for _ in range(2):
                github.receive(push(0))
            interruption = Interruption(at)
            try:
                with interruption:
                    github.receive(push(1 + at))
            except BaseException as error:
                ended.append((at, type(error)))
            if not interruption.happened:
                break

    caller = threading.Thread(target=interrupted_everywhere, daemon=True)
    caller.start()
    caller.join(60)
    assert not caller.is_alive(), f"it waits for ever at {len(ended)}"
    assert len(ended) > 20
    assert {error for _, error in ended} == {KeyboardInterrupt}
    assert asyncio.run(github.areceive(push(0))).outcome == "duplicate"


@pytest.mark.parametrize("size", [10, 30_000])
def test_a_signal_handler_that_receives_does_not_wait_for_what_it_has_interrupted(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf, size: int
) -> None:
    at_commit, codes = come_alone(hooks, github), list[str]()

    def handled() -> None:
        # As Python runs a handler, in the midst of whatever the main thread does.
        with pytest.raises(knocker.BusyError) as caught:
            github.receive(push(2, body=b'{"pad": "%s"}' % (b"x" * size)))
        codes.append(caught.value.code)

    at_commit.call = handled
    assert (github.receive(push(1)).outcome, codes) == ("accepted", ["busy"])
    at_commit.call = lambda: None
    assert github.receive(push(2)).outcome == "accepted"


def test_a_signal_handler_may_close_the_hooks(hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf) -> None:
    at_commit = come_alone(hooks, github)
    at_commit.call = hooks.close
    assert github.receive(push(1)).outcome == "accepted"
    with pytest.raises(knocker.ClosedError):
        github.receive(push(2))


def test_a_signal_handler_may_close_the_hooks_while_it_interrupts_a_judgement(
    hooks: knocker.Hooks, github: knocker.Endpoint, push: PushOf
) -> None:
    at_judgement = come_alone(hooks, github)
    at_judgement.statement, at_judgement.call = "SELECT knocker_judge", hooks.close

    def refused() -> None:
        with pytest.raises(knocker.ClosedError):
            github.receive(push(1))

    caller = threading.Thread(target=refused, daemon=True)
    caller.start()
    caller.join(60)
    assert not caller.is_alive()
    at_judgement.call = lambda: None
    with hooks:
        assert github.receive(push(1)).outcome == "accepted"


def test_an_error_among_receipts_that_wait_together_is_of_its_own(tmp_path: Path, push: PushOf) -> None:
    with knocker.open(tmp_path / "app.db", busy_timeout_s=60) as hooks:
        endpoints = [hooks.endpoint(name, provider="github", secrets=[SECRET]) for name in ("kept", "gone")]
        blocker, queued = hooks.database.connect(), queued_calls(hooks)
        blocker.execute("BEGIN IMMEDIATE")

        async def together() -> list[Any]:
            calls = [asyncio.create_task(endpoints[n % 2].areceive(push(n))) for n in range(40)]
            await asyncio.to_thread(lambda: [queued.acquire() for _ in calls])
            blocker.execute("DELETE FROM _knocker_endpoints WHERE name = 'gone'")
            blocker.execute("COMMIT")
            return await asyncio.gather(*calls, return_exceptions=True)

        results = asyncio.run(together())
        blocker.close()
        assert [result.outcome for result in results[::2]] == ["accepted"] * 20
        assert {type(result) for result in results[1::2]} == {knocker.UnknownEndpointError}
        assert len({id(result) for result in results}) == 40
        assert len(list(hooks.deliveries())) == 20
