"""The `knocker` command as a participant: the line protocol of ../README.md, spoken by this script, which runs the command for each call.

It neither receives nor runs handlers: it makes the file and its endpoints and operates on what others receive. Its work is to ignore what comes in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PAGE = 1000
speaking = threading.Lock()


class RefusedError(Exception):
    """The command did not do it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def say(line: dict[str, Any]) -> None:
    with speaking:
        print(json.dumps(line), flush=True)


class Participant:
    def __init__(self) -> None:
        self.file = ""
        self.resting = threading.Event()
        self.ignored = 0
        self.worker = threading.Thread()

    def run(self, *arguments: Any) -> list[dict[str, Any]]:
        """The documents that it prints."""
        command = [os.environ["KNOCKER_TEST_PROGRAM"], "--db", self.file, "--json", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            problem, hint = done.stderr.splitlines()[:2]
            code = "schema_too_new" if "migrated by a newer version" in hint else "not_bootstrapped" if "knocker init" in hint else None
            unknown = "unknown_delivery" if "delivery" in problem else "unknown_event"
            raise RefusedError(code or {1: "bad_state", 3: unknown, 4: "busy"}[done.returncode], problem)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def open(self, file: str, endpoints: list[dict[str, Any]]) -> None:
        self.file = file
        self.run("init")
        for endpoint in endpoints:
            self.declare(endpoint["name"], **endpoint["settings"])

    def declare(self, name: str, provider: str, options: dict[str, Any], backoff: dict[str, Any], **settings: Any) -> None:
        flags = ["--provider", provider]
        for option, value in options.items():
            flags += ["--option", f"{option}={value}"]
        for part, value in backoff.items():
            flags += [f"--backoff-{part.removesuffix('_s')}", value]
        for setting, value in settings.items():
            flags += [f"--{setting.replace('_', '-')}", value]
        self.run("endpoint", "add", name, *flags)

    def work(self, lease_s: int) -> None:
        def ignore() -> None:
            while not self.resting.is_set():
                self.ignored += self.run("ignore", "--status", "received", "--yes")[0]["changed"]

        self.resting.clear()
        self.ignored = 0
        self.worker = threading.Thread(target=ignore)
        self.worker.start()

    def rest(self) -> int:
        """How many it has ignored."""
        self.resting.set()
        self.worker.join()
        return self.ignored

    def replay(self, event_id: int) -> Any:
        return self.run("replay", event_id)[0]

    def requeue(self, event_id: int) -> Any:
        return self.run("requeue", event_id)[0]

    def ignore(self, event_id: int, reason: str) -> Any:
        return self.run("ignore", event_id, "--reason", reason)[0]

    def replay_delivery(self, delivery_id: int) -> Any:
        return self.run("replay", "--delivery", delivery_id)[0]

    def where(self, action: str, filter: dict[str, Any]) -> Any:
        flags: list[Any] = []
        for name, value in filter.items():
            flags += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
        return self.run(action, *flags, "--yes")[0]

    def stats(self) -> Any:
        return self.run("stats")[0]

    def list(self, view: str) -> Any:
        if view == "endpoints":
            return self.run("endpoint", "list")
        if view == "attempts":
            shown = [self.run("show", "event", event["id"])[0] for event in self.pages("events")]
            return sorted(
                ({**one, "endpoint": event["endpoint"]} for event in shown for one in event["attempt_list"]), key=lambda one: one["id"]
            )
        if view == "deliveries":
            shown = [self.run("show", "delivery", delivery["id"])[0] for delivery in self.pages(view)]
            return [{name: value for name, value in delivery.items() if name != "event_list"} for delivery in shown]
        return self.pages(view)

    def pages(self, view: str) -> list[Any]:
        """All of a list, which the command gives newest first."""
        rows: list[Any] = []
        while page := self.run(view, "--limit", PAGE, *(["--before", rows[-1]["id"]] if rows else [])):
            rows += page
        return rows[::-1]

    def close(self) -> None:
        """Nothing is open between two calls."""

    def answer(self, line: str) -> None:
        asked = json.loads(line)
        number, op = asked.pop("id"), asked.pop("op")
        try:
            gives = self.where(op.removesuffix("_where"), **asked) if op.endswith("_where") else getattr(self, op)(**asked)
            say({"id": number, "gives": gives})
        except RefusedError as error:
            say({"id": number, "error": error.code, "says": str(error)})
        except Exception:
            # A fault that nobody waits for: whoever asked finds this process gone, and why in its log.
            traceback.print_exc()
            os._exit(1)


def main() -> None:
    participant = Participant()
    with ThreadPoolExecutor(4) as pool:
        for line in sys.stdin:
            pool.submit(participant.answer, line)


main()
