"""Everybody on one file: some thousand webhooks, processes that are killed at any moment, and nothing lost or doubled."""

from __future__ import annotations

import itertools
import os
import queue
import random
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from runner import tables, webhooks
from runner.participants import Participant
from runner.process import LOOK_S, PATIENCE_S, GoneError, Process, RefusedError, until
from runner.tables import same

WEBHOOKS = 2500
ACKNOWLEDGED_BETWEEN_KILLS = 70
# So that the jobs of those who were killed are taken over soon.
LEASE_S = 2
# What a receiver is sent before it has answered: senders do not wait for each other.
AT_ONCE = 8
PLANS = ["ok"] * 14 + ["fail", "fail", "retry", "retry", "ignore", "dead"]
WRITTEN_BY = {"ok", "fail", "retry"}
STATUS = {"ignore": "ignored", "dead": "dead"}


class Crowd:
    """What all of them share."""

    def __init__(self, file: Path, folder: Path, sent: list[webhooks.Webhook]) -> None:
        self.file, self.folder = file, folder
        self.wanted = len(sent)
        self.to_send: queue.Queue[webhooks.Webhook] = queue.Queue()
        for webhook in sent:
            self.to_send.put(webhook)
        self.lock = threading.Lock()
        self.receipts: list[tuple[webhooks.Webhook, dict[str, Any]]] = []
        self.again: Counter[str] = Counter()
        self.problems: list[str] = []
        self.is_over = threading.Event()

    @property
    def acknowledged(self) -> int:
        return len(self.receipts)

    def settle(self, webhook: webhooks.Webhook, future: Future[Any]) -> None:
        """Takes an answer; without one, or where the file was busy, the sender tries again, anywhere."""
        try:
            receipt = future.result()
        except GoneError:
            self.again["killed"] += 1
            self.to_send.put(webhook)
        except RefusedError as error:
            if error.code != "busy":
                self.problems.append(f"a receipt was refused: {error}")
                self.is_over.set()
            self.again[error.code] += 1
            self.to_send.put(webhook)
        else:
            with self.lock:
                self.receipts.append((webhook, tables.plain(receipt)))


class Seat(threading.Thread):
    """A participant in the crowd: when its process is killed, the next one takes its place."""

    def __init__(self, participant: Participant, crowd: Crowd) -> None:
        super().__init__(daemon=True)
        self.participant, self.crowd = participant, crowd
        self.process: Process | None = None
        self.is_up = threading.Event()
        self.kills = 0

    def run(self) -> None:
        try:
            while not self.crowd.is_over.is_set():
                try:
                    self.live()
                except GoneError:
                    self.is_up.clear()
        except Exception as problem:
            self.crowd.problems.append(f"{self.participant.name}: {problem!r}")
            self.crowd.is_over.set()

    def live(self) -> None:
        """From the start of a process to its end, or that of the crowd."""
        self.process = process = self.participant.start(self.crowd.folder)
        self.result(process.send("open", file=str(self.crowd.file), endpoints=webhooks.endpoints(max_attempts=1000)))
        if self.participant.handles:
            self.result(process.send("work", lease_s=LEASE_S))
        self.is_up.set()
        if self.participant.handles:
            self.receive(process)
        else:
            self.operate(process)
        while not self.crowd.is_over.wait(LOOK_S):
            if not self.is_up.is_set():
                raise GoneError(self.participant.name)

    @staticmethod
    def result(future: Future[Any]) -> Any:
        return future.result(PATIENCE_S)

    def receive(self, process: Process) -> None:
        open_calls: dict[Future[Any], webhooks.Webhook] = {}
        while self.crowd.acknowledged < self.crowd.wanted and not self.crowd.is_over.is_set():
            while len(open_calls) < AT_ONCE:
                try:
                    webhook = self.crowd.to_send.get(timeout=0 if open_calls else LOOK_S)
                except queue.Empty:
                    break
                sent = {"endpoint": webhook.endpoint, "request": webhook.request, "body": webhook.body}
                open_calls[process.send("receive", **sent)] = webhook
            done, _ = wait(open_calls, return_when=FIRST_COMPLETED, timeout=PATIENCE_S)
            assert done or not open_calls, f"{process.name} does not answer"
            for future in done:
                self.crowd.settle(open_calls.pop(future), future)
            if any(isinstance(future.exception(), GoneError) for future in done):
                for future, webhook in open_calls.items():
                    wait([future], PATIENCE_S)
                    self.crowd.settle(webhook, future)
                raise GoneError(process.name)

    def operate(self, process: Process) -> None:
        """What is dead is given a new life, again and again, until all is received."""
        while self.crowd.acknowledged < self.crowd.wanted and not self.crowd.is_over.is_set():
            for op, given in (("stats", {}), ("requeue_where", {"filter": {"status": "dead"}})):
                try:
                    self.result(process.send(op, **given))
                except RefusedError as error:
                    assert error.code == "busy", error

    def kill(self) -> None:
        self.is_up.clear()
        assert self.process
        self.kills += 1
        self.process.kill()


def story(choose: random.Random) -> list[webhooks.Webhook]:
    """Of every provider, with repetitions and forgeries, in any order."""
    providers = list(webhooks.OPTIONS)
    wanted = []
    for number in range(WEBHOOKS):
        provider = providers[number % len(providers)]
        plans = tuple(choose.choice(PLANS) for _ in range(3 if provider == webhooks.BATCHES else 1))
        wanted.append((provider, f"{number}", plans))
    made = webhooks.make(wanted)
    sent = made + choose.sample(made, WEBHOOKS // 10) + [webhooks.forged(one) for one in choose.sample(made, WEBHOOKS // 25)]
    choose.shuffle(sent)
    return sent


def run_all(everybody: list[Participant], folder: Path) -> list[str]:
    seed = int(os.environ.get("KNOCKER_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"the crowd, with KNOCKER_TEST_SEED={seed}", flush=True)
    choose = random.Random(seed)
    file = folder / "crowd.db"
    tables.create(file)
    sent = story(choose)
    crowd = Crowd(file, folder, sent)
    seats = [Seat(one, crowd) for one in everybody]
    started = time.monotonic()
    for seat in seats:
        seat.start()
    try:
        kill_some(crowd, seats, choose)
        until(lambda: crowd.is_over.is_set() or crowd.acknowledged == crowd.wanted, "all to be acknowledged")
        acknowledged = time.monotonic()
        # Also while nothing comes any more.
        for seat in choose.sample(seats, len(seats)):
            kill(crowd, seat)
        until(lambda: crowd.is_over.is_set() or tables.is_settled(file), lambda: f"all to be handled: {unsettled(file)}")
        if not crowd.problems:
            ask_everybody(crowd, seats)
            check(crowd)
    except AssertionError as problem:
        crowd.problems.append(f"the crowd: {problem}")
    finally:
        crowd.is_over.set()
        for seat in seats:
            seat.join(PATIENCE_S)
            if seat.process:
                seat.process.kill()
    if not crowd.problems:
        tell(crowd, seats, acknowledged - started, time.monotonic() - started)
    return crowd.problems


def kill_some(crowd: Crowd, seats: list[Seat], choose: random.Random) -> None:
    """Each in turn, in an order that is drawn anew each time."""
    turns = itertools.chain.from_iterable(choose.sample(seats, len(seats)) for _ in itertools.count())
    until(lambda: crowd.is_over.is_set() or all(seat.is_up.is_set() for seat in seats), "everybody to be there")
    for threshold in range(ACKNOWLEDGED_BETWEEN_KILLS, crowd.wanted, ACKNOWLEDGED_BETWEEN_KILLS):
        until(lambda at=threshold: crowd.is_over.is_set() or crowd.acknowledged >= at, "receipts")
        kill(crowd, next(turns))


def kill(crowd: Crowd, seat: Seat) -> None:
    until(lambda: crowd.is_over.is_set() or seat.is_up.is_set(), f"{seat.participant.name} to be back")
    if not crowd.is_over.is_set():
        seat.kill()


def unsettled(file: Path) -> Any:
    """For whoever has to find out why."""
    jobs = "SELECT state, priority, attempts, worker_id, run_at - unixepoch(), claim_expires_at - unixepoch(), payload FROM _honker_live LIMIT 8"
    statuses = "SELECT status, count(*) FROM knocker_events GROUP BY 1"
    return tables.read(file, statuses), tables.read(file, jobs)


def ask_everybody(crowd: Crowd, seats: list[Seat]) -> None:
    """All of them rest, and tell the same of the file."""
    for seat in seats:
        until(seat.is_up.is_set, f"{seat.participant.name} to be back")
        if seat.participant.handles:
            assert seat.process
            seat.process.ask("rest")
    told: list[Any] = []
    for seat in seats:
        assert seat.process
        told.append(
            [tables.plain(seat.process.ask(*asked, **given)) for asked, given in ((("stats",), {}), (("list",), {"view": "events"}))]
        )
        same(told[0], told[-1], f"what {seats[0].participant.name} and {seat.participant.name} tell of the file")


def check(crowd: Crowd) -> None:
    """Every receipt that was acknowledged is there, each event once, and what its handlers should have done with it."""
    events_of: dict[str, list[int]] = {}
    plans: dict[int, tuple[webhooks.Webhook, str]] = {}
    for webhook, receipt in crowd.receipts:
        if not webhook.plans:
            assert receipt["outcome"] == "invalid" and not receipt["events"], f"{webhook.name} was {receipt['outcome']}"
            continue
        assert receipt["outcome"] in ("accepted", "duplicate"), f"{webhook.name} was {receipt['outcome']}: {receipt['detail']}"
        ids = [int(event["id"]) for event in receipt["events"]]
        assert events_of.setdefault(webhook.name, ids) == ids, f"{webhook.name} has events {ids} and {events_of[webhook.name]}"
        assert len(ids) == len(webhook.plans)
        plans.update(zip(ids, ((webhook, plan) for plan in webhook.plans), strict=True))
    assert sum(map(len, events_of.values())) == len(plans), "two webhooks have an event in common"
    found = tables.read(crowd.file, "SELECT id, status, endpoint, key FROM knocker_events")
    assert {event for event, *_ in found} == set(plans), "events are lost, or nobody has sent them"
    written = Counter(tables.read(crowd.file, "SELECT endpoint, key FROM written"))
    for event, status, endpoint, key in found:
        webhook, plan = plans[event]
        assert status == STATUS.get(plan, "handled"), f"event {event} of {webhook.name} is {status}, and its plan was {plan}"
        times = written.pop((endpoint, key), 0)
        assert times == (plan in WRITTEN_BY), f"event {event} of {webhook.name}, which is {status}, was written {times} times"
    assert not written, f"rows of no event: {written}"
    assert tables.read(crowd.file, "SELECT count(*) FROM _honker_live") == [(0,)], "jobs are left"
    assert tables.read(crowd.file, "PRAGMA integrity_check") == [("ok",)]


def tell(crowd: Crowd, seats: list[Seat], received_s: float, all_s: float) -> None:
    count = dict(tables.read(crowd.file, "SELECT participant, count(*) FROM written GROUP BY 1"))
    for seat in seats:
        name = seat.participant.name
        print(f"  {name.ljust(8)} killed {seat.kills} times, handled {count.get(name, 0)} events")
    (attempts,), (died,) = (
        tables.read(crowd.file, f"SELECT count(*) FROM knocker_attempts {where}")[0] for where in ("", "WHERE result = 'lease_expired'")
    )
    print(f"{crowd.wanted} webhooks, {sum(count.values())} rows, {attempts} attempts, {died} of which ended with their process;", end=" ")
    print(
        f"sent again: {dict(crowd.again)}; all received after {received_s:.0f} s, handled after {all_s:.0f} s; nothing lost, nothing doubled"
    )
