"""Each ordered pair of participants on a file of its own, at the same time: one receives, the other works, and both operate."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from runner import tables, webhooks
from runner.participants import Participant
from runner.process import PATIENCE_S, Process, RefusedError, until
from runner.tables import same

LEASE_S = 60
LISTS = ("events", "deliveries", "attempts", "endpoints")
# Provider, name, and what the handlers do with each of its events. The first is held until half of the rest is received.
STORY = [
    ("stripe", "held", ("hold",)),
    ("github", "first", ("ok",)),
    ("shopify", "second", ("ok",)),
    ("slack", "third", ("ok",)),
    ("hubspot", "batch", ("ok", "ignore", "retry")),
    ("github", "dead-1", ("dead",)),
    ("github", "dead-2", ("dead",)),
    ("stripe", "failing", ("fail",)),
    ("shopify", "retried", ("retry",)),
    ("stripe", "ignored", ("ignore",)),
    ("slack", "twin-1", ("ok",)),
    ("slack", "twin-2", ("ok",)),
]
HALF = 6
# What operators do, in turn: the same by one on the first of two like events, and by the other on the second.
ACTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("requeue", "dead", {}),
    ("ignore", "dead", {"reason": "the customer has called"}),
    ("ignore", "dead", {"reason": "again"}),
    ("replay", "dead", {}),
    ("replay", "twin", {}),
    ("requeue", "twin", {}),
]
BULK: list[tuple[str, dict[str, Any]]] = [
    ("requeue_where", {"status": "ignored", "dry_run": True}),
    ("replay_where", {"status": "handled", "endpoint": "stripe", "dry_run": True}),
    ("ignore_where", {"status": "dead", "dry_run": True}),
]
UNKNOWN = 999_999
PAIRS_AT_ONCE = 3


class Pair:
    """Two participants that are at work on a file."""

    def __init__(self, first: Process, second: Process, file: Path, story: list[webhooks.Webhook]) -> None:
        self.first, self.second, self.file, self.story = first, second, file, story
        self.receipts: list[Any] = []

    @property
    def both(self) -> tuple[Process, Process]:
        return self.first, self.second

    def open(self) -> None:
        """Both at once: each sets the file up, and finds what the other has done."""
        tables.create(self.file)
        opening = [(one, one.send("open", file=str(self.file), endpoints=webhooks.endpoints())) for one in self.both]
        for one, future in opening:
            one.answer(future, "open")

    def close(self) -> None:
        for one in self.both:
            one.ask("close")

    def receive(self, by: Process, some: list[webhooks.Webhook]) -> None:
        for webhook in some:
            receipt = by.ask("receive", endpoint=webhook.endpoint, request=webhook.request, body=webhook.body)
            self.receipts.append(tables.plain(receipt))

    def settle(self) -> None:
        until(lambda: tables.is_settled(self.file), f"{self.first.name} and {self.second.name} to handle all events")

    def first_event(self, name: str) -> int:
        return next(int(receipt["event_id"]) for webhook, receipt in zip(self.story, self.receipts, strict=True) if webhook.name == name)

    def receive_and_work(self) -> None:
        """The first receives, the second works."""
        held, *rest = self.story
        self.second.ask("work", lease_s=LEASE_S)
        self.receive(self.first, [held])
        assert self.second.held.get(timeout=PATIENCE_S) == "evt_held"
        self.receive(self.first, rest[:HALF])
        self.second.ask("go")
        self.receive(self.first, rest[HALF:])
        self.settle()
        self.second.ask("rest")

    def receive_and_ignore(self) -> None:
        """The first receives, and the command ignores what comes in; then it replays all at once, and the first works."""
        self.second.ask("work", lease_s=LEASE_S)
        self.receive(self.first, self.story)
        until(lambda: self.statuses() == {"ignored"}, "the command to ignore all events")
        assert self.second.ask("rest") == len(self.events()), "each event is ignored once"
        self.first.ask("work", lease_s=LEASE_S)
        self.second.ask("replay_where", filter={"status": "ignored"})
        assert self.first.held.get(timeout=PATIENCE_S) == "evt_held"
        self.first.ask("go")
        self.settle()
        self.first.ask("rest")

    def replay_and_work(self) -> None:
        """The second has received, and works on what the command replays meanwhile, one by one."""
        self.receive(self.second, self.story)
        self.first.ask("ignore_where", filter={"status": "received"})
        assert self.statuses() == {"ignored"}
        self.second.ask("work", lease_s=LEASE_S)
        for event in self.events():
            self.first.ask("replay", event_id=event)
        assert self.second.held.get(timeout=PATIENCE_S) == "evt_held"
        self.second.ask("go")
        self.settle()
        self.second.ask("rest")

    def events(self) -> list[int]:
        return [event for (event,) in tables.read(self.file, "SELECT id FROM knocker_events ORDER BY id")]

    def statuses(self) -> set[str]:
        return {status for (status,) in tables.read(self.file, "SELECT DISTINCT status FROM knocker_events")}

    def written(self) -> Counter[str]:
        return Counter(key for (key,) in tables.read(self.file, "SELECT key FROM written"))

    def operate(self) -> list[Any]:
        """Both are told the same and asked the same, and answer the same. Gives the answers."""
        answers = []
        for action, twins, given in ACTIONS:
            one, other = (
                self.answer(by, action, event_id=self.first_event(f"{twins}-{number}"), **given) for number, by in enumerate(self.both, 1)
            )
            same(one, other, f"{self.first.name} and {self.second.name} asked to {action}")
            answers.append((action, one))
        for action, filter in BULK:
            answers.append((action, self.agree(action, filter=filter)))
        for action in ("replay", "requeue"):
            answers.append((action, self.agree(action, event_id=UNKNOWN)))
        answers.append(("replay_delivery", self.agree("replay_delivery", delivery_id=UNKNOWN)))
        return answers

    def agree(self, op: str, **given: Any) -> Any:
        one, other = (self.answer(by, op, **given) for by in self.both)
        same(one, other, f"{op} by {self.first.name} and by {self.second.name}")
        return one

    def compare_lists(self) -> None:
        for view in LISTS:
            self.agree("list", view=view)
        self.agree("stats")

    @staticmethod
    def answer(by: Process, op: str, **given: Any) -> Any:
        """Ids of the events that it was about are left out."""
        try:
            answer = tables.plain(by.ask(op, **given))
        except RefusedError as error:
            return {"error": error.code}
        if isinstance(answer, dict) and "event_id" in answer:
            assert answer.pop("event_id") == given["event_id"]
        return answer


def run(first: Process, second: Process, is_command: tuple[bool, bool], file: Path, story: list[webhooks.Webhook]) -> dict[str, Any]:
    """Gives all that must be the same in every pair."""
    pair = Pair(first, second, file, story)
    pair.open()
    if is_command[0]:
        pair.replay_and_work()
    elif is_command[1]:
        pair.receive_and_ignore()
    else:
        pair.receive_and_work()
    after_work = pair.written()
    pair.compare_lists()
    answers = pair.operate()
    worker = first if is_command[1] else second
    worker.ask("work", lease_s=LEASE_S)
    pair.settle()
    worker.ask("rest")
    pair.compare_lists()
    pair.close()
    participants = {name for (name,) in tables.read(file, "SELECT DISTINCT participant FROM written")}
    assert participants == {worker.name}, f"{participants} wrote, not {worker.name}"
    assert set(after_work.values()) == {1}, f"handled twice: {after_work}"
    return {"receipts": pair.receipts, "written": sorted(after_work), "answers": answers, "tables": tables.normalised(file)}


def story() -> list[webhooks.Webhook]:
    """With a repetition and a forgery."""
    made = webhooks.make(STORY)
    return [*made[:HALF], made[1], webhooks.forged(made[0]), *made[HALF:]]


def rounds(everybody: list[Participant]) -> list[tuple[Participant, Participant]]:
    """All ordered pairs, in an order in which those that stand near each other have nobody in common in the same part."""
    count = len(everybody)
    return [(everybody[at], everybody[(at + by) % count]) for by in range(1, count) for at in range(count)]


class Processes:
    """One process a participant, which goes from file to file, for one pair at a time."""

    def __init__(self, everybody: list[Participant], folder: Path) -> None:
        self.folder = folder
        self.locks = {one.name: threading.Lock() for one in everybody}
        self.of = {one.name: one.start(folder) for one in everybody}

    def replace(self, one: Participant) -> None:
        self.of[one.name].kill()
        self.of[one.name] = one.start(self.folder)


def run_all(everybody: list[Participant], folder: Path) -> tuple[list[str], dict[str, str]]:
    """The problems, and the SQLite of each participant that wrote rows."""
    told, problems, versions = story(), [], {}
    receivers, workers = Processes(everybody, folder), Processes(everybody, folder)

    def run_one(pair: tuple[Participant, Participant]) -> dict[str, Any] | None:
        first, second = pair
        file = folder / f"{first.name}-{second.name}.db"
        with receivers.locks[first.name], workers.locks[second.name]:
            try:
                found = run(receivers.of[first.name], workers.of[second.name], (not first.handles, not second.handles), file, told)
                versions.update(tables.read(file, "SELECT DISTINCT participant, sqlite FROM written"))
                return found
            except (AssertionError, RefusedError, queue.Empty) as problem:
                problems.append(f"{first.name} and {second.name}: {problem!r}")
                receivers.replace(first)
                workers.replace(second)
                return None

    order = rounds(everybody)
    with ThreadPoolExecutor(PAIRS_AT_ONCE) as pool:
        found_by_pair = dict(zip([(first.name, second.name) for first, second in order], pool.map(run_one, order), strict=True))
    for process in [*receivers.of.values(), *workers.of.values()]:
        process.kill()
    done: set[tuple[str, str]] = set()
    reference = next((found for found in found_by_pair.values() if found), None)
    for names, found in found_by_pair.items():
        if found and (places := tables.differences(found, reference)):
            problems.append(f"{' and '.join(names)} differ from the first pair:\n  " + "\n  ".join(places))
        elif found:
            done.add(names)
    show(everybody, done)
    wanted = len(everybody) * (len(everybody) - 1)
    print(f"{len(done)} of {wanted} pairs", flush=True)
    problems += [f"{wanted - len(done)} pairs are missing"] if len(done) < wanted else []
    return problems, versions


def show(everybody: list[Participant], done: set[tuple[str, str]]) -> None:
    names = [one.name for one in everybody]
    width = max(map(len, names)) + 2
    print("who receives, by row; who works on the same file meanwhile, by column")
    print(" " * width + "".join(name.rjust(width) for name in names))
    for first in names:
        cells = ["-" if first == second else "same" if (first, second) in done else "MISSING" for second in names]
        print(first.ljust(width) + "".join(cell.rjust(width) for cell in cells))
