"""Plain SQL as a participant: the line protocol of ../README.md, spoken by this script; the statements run in a `sqlite3` shell, which alone opens the file."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import subprocess
import time
from typing import Any

WORKER = f"sql-{os.getpid()}"
COLUMNS = {
    "events": "id, endpoint, type, key, status, attempts, max_attempts, reason, delivery_id, deliveries, received_at, last_delivery_at, "
    "next_attempt_at, ended_at",
    "deliveries": "id, endpoint, outcome, event_id, reason, detail, provider_event_id, provider_delivery_id, method, url, headers, "
    "body_size, body_sha256, received_at",
    "attempts": "*",
    "endpoints": "*",
}
JOB = "job_id, endpoint, key, type, attempt, CAST(body AS TEXT) AS content"
# What becomes of an event, by its plan and whether it is the first attempt: the function, its reason and its options. Without an entry it is handled.
VERDICTS: dict[tuple[str, bool], tuple[Any, ...]] = {
    ("fail", True): ("failed", "no stock yet"),
    ("retry", True): ("failed", "the till is closed", {"retry_after_s": 0}),
    **{("ignore", first): ("skipped", "a test order") for first in (True, False)},
    **{("dead", first): ("failed", "no such customer", {"dead": True}) for first in (True, False)},
}
# Unbuffered, so that `select` tells whether there is a line.
asked_here = io.FileIO(0)


class RefusedError(Exception):
    """An error of the library, by its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def quoted(value: Any) -> str:
    """A literal. Objects are JSON."""
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + text.replace("'", "''") + "'"


class Shell:
    """A `sqlite3` shell with the library. Each statement is followed by a line that says that it is over."""

    def __init__(self, file: str) -> None:
        self.process = subprocess.Popen(
            ["sqlite3", file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        )
        self.run(f".load {os.environ['KNOCKER_EXTENSION'].removesuffix('.so')}")
        self.run(".timeout 60000")
        self.run(".mode json")
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self.run(f"PRAGMA {setting};")

    def run(self, statement: str) -> list[dict[str, Any]]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{statement}\n.print the end\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line == "the end\n":
                break
            said += line
        else:
            raise EOFError(said)
        if failed := re.search(r"knocker: (\w+): (.*)", said):
            raise RefusedError(*failed.groups())
        if re.search(r"^(Runtime error|Parse error|Error)", said, re.MULTILINE):
            raise RuntimeError(said)
        return json.loads(said) if said else []

    def call(self, function: str, *arguments: Any) -> Any:
        """A function of the library. Results that are JSON are read."""
        given = ", ".join(quoted(one) for one in arguments)
        result = self.run(f"SELECT knocker_{function}({given}) AS result;")[0]["result"]
        return json.loads(result) if isinstance(result, str) and result.startswith("{") else result

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def hear() -> str:
    return asked_here.readline().decode()


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


class Participant:
    def __init__(self) -> None:
        self.shell: Any = None
        self.secrets: dict[str, str] = {}
        self.lease_s: int | None = None
        self.gate = False

    def open(self, file: str, endpoints: list[dict[str, Any]]) -> None:
        self.shell = Shell(file)
        self.shell.call("bootstrap")
        for endpoint in endpoints:
            self.shell.call("endpoint", endpoint["name"], endpoint["settings"])
            self.secrets[endpoint["name"]] = endpoint["secret"]

    def receive(self, endpoint: str, request: dict[str, Any], body: str) -> Any:
        return self.shell.call("receive", endpoint, request, body, [self.secrets[endpoint]])

    def work(self, lease_s: int) -> None:
        self.lease_s, self.gate = lease_s, False

    def rest(self) -> None:
        self.lease_s = None
        # Where it is refused, the leases run out by themselves.
        with contextlib.suppress(RefusedError):
            self.shell.call("release", WORKER)

    def go(self) -> None:
        self.gate = True

    def list(self, view: str) -> Any:
        return self.shell.run(f"SELECT {COLUMNS[view]} FROM knocker_{view} ORDER BY id;")

    def close(self) -> None:
        self.shell.close()

    def answer(self, line: str) -> None:
        asked = json.loads(line)
        number, op = asked.pop("id"), asked.pop("op")
        try:
            own = getattr(self, op, None)
            say({"id": number, "gives": own(**asked) if own else self.shell.call(op, *asked.values())})
        except RefusedError as error:
            say({"id": number, "error": error.code, "says": str(error)})

    def turn(self) -> None:
        """Handles what is due, one job a claim."""
        assert self.lease_s is not None
        try:
            if self.shell.call("claim", WORKER, 1, self.lease_s) == 0:
                return
            for job in self.shell.run(f"SELECT {JOB} FROM knocker_jobs WHERE worker = {quoted(WORKER)};"):
                self.handle(job)
        except RefusedError:
            # The lease runs out, and the event is tried again.
            pass

    def handle(self, job: dict[str, Any]) -> None:
        started, content = time.monotonic(), json.loads(job["content"])
        order = content["order"]
        if content["plan"] == "hold" and job["attempt"] == 1:
            say({"held": job["key"]})
            while not self.gate:
                self.answer(hear())
        verdict, *why = VERDICTS.get((content["plan"], job["attempt"] == 1), ("handled",))
        row = (job["endpoint"], job["key"], job["type"], order["customer"], order["total"], job["attempt"])
        self.shell.run("BEGIN IMMEDIATE;")
        try:
            self.shell.run(f"INSERT INTO written VALUES ({', '.join(map(quoted, row))}, 'sql', sqlite_version());")
            if verdict != "handled":
                self.shell.run("ROLLBACK;")
            reason, options = why[:1], why[1:]
            self.shell.call(verdict, job["job_id"], WORKER, *reason, round((time.monotonic() - started) * 1000), *options)
            if verdict == "handled":
                self.shell.run("COMMIT;")
        except RefusedError:
            if verdict == "handled":
                self.shell.run("ROLLBACK;")
            raise


def main() -> None:
    participant = Participant()
    while True:
        # Between two turns it hears what is asked. Nobody wakes a shell, so it looks at the file a hundred times a second.
        if select.select([asked_here], [], [], None if participant.lease_s is None else 0.01)[0]:
            line = hear()
            if not line:
                return
            participant.answer(line)
        elif participant.lease_s is not None:
            participant.turn()


main()
