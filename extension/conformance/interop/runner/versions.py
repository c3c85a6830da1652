"""Files and libraries of other versions: refused or served, and never half."""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from runner import pairs, tables, webhooks
from runner.participants import ROOT, Participant
from runner.process import PATIENCE_S, Process, RefusedError, until
from runner.tables import same

LEASE_S = 1
SCHEMA_1 = ROOT / "extension/core/src/schema/v1.sql"
LIBRARY = Path(os.environ["KNOCKER_EXTENSION"])


def run_all(everybody: list[Participant], folder: Path) -> list[str]:
    older, newer = (library(folder / name, version) for name, version in (("older", "0.0.0"), ("newer", "9.9.9")))
    waiting = folder / "waiting.db"
    receive_with_sql(everybody, folder, waiting)
    checks: list[tuple[str, Callable[[Participant, Path], str]]] = [
        ("a newer file", a_newer_file),
        ("a file that becomes newer", a_file_that_becomes_newer),
        ("an older file", lambda one, at: an_older_file(one, at, waiting)),
        ("an older library", lambda one, at: an_older_library(one, at, older)),
        ("a newer library", lambda one, at: a_newer_library(one, at, newer)),
    ]
    problems = []

    def run_one(asked: tuple[str, Callable[[Participant, Path], str], Participant]) -> str:
        about, check, one = asked
        at = folder / f"{about} {one.name}"
        at.mkdir()
        try:
            return check(one, at)
        except (AssertionError, RefusedError, queue.Empty) as problem:
            problems.append(f"{about}, {one.name}: {problem!r}")
            return "WRONG"

    with ThreadPoolExecutor(pairs.PAIRS_AT_ONCE) as pool:
        cells = list(pool.map(run_one, [(about, check, one) for about, check in checks for one in everybody]))
    count = len(everybody)
    rows = [[about, *cells[at * count : (at + 1) * count]] for at, (about, _) in enumerate(checks)]
    first = max(len(row[0]) for row in rows)
    print(" " * first + "".join(one.name.rjust(12) for one in everybody))
    for about, *cells in rows:
        print(about.ljust(first) + "".join(cell.rjust(12) for cell in cells))
    return problems


def in_shell(file: Path | str, *statements: str) -> str:
    load = f".load {LIBRARY.with_suffix('')}"
    shell = subprocess.run(["sqlite3", "-bail", str(file)], input="\n".join([load, *statements]), capture_output=True, encoding="utf-8")
    assert shell.returncode == 0, shell.stderr
    return shell.stdout.strip()


def library(folder: Path, version: str) -> Path:
    """The library under test, which says that it has another version: that stands in it once, and as long."""
    own = in_shell(":memory:", "SELECT knocker_version();").encode()
    content = LIBRARY.read_bytes()
    assert content.count(own) == 1 and len(own) == len(version), f"{own!r} stands {content.count(own)} times in the library"
    folder.mkdir()
    made = folder / LIBRARY.name
    made.write_bytes(content.replace(own, version.encode()))
    return made


@contextlib.contextmanager
def started(one: Participant, folder: Path, **environment: str) -> Any:
    process = one.start(folder, **environment)
    try:
        yield process
    finally:
        process.kill()


def open_file(process: Process, file: Path) -> None:
    process.ask("open", file=str(file), endpoints=webhooks.endpoints())


def send(process: Process, webhook: webhooks.Webhook) -> Any:
    return process.ask("receive", endpoint=webhook.endpoint, request=webhook.request, body=webhook.body)


def refused(code: str, ask: Callable[[], Any], what: str) -> None:
    try:
        answer = ask()
    except RefusedError as error:
        assert error.code == code, f"{what} was refused with {error}, not {code}"
    else:
        raise AssertionError(f"{what} was answered with {answer}, not refused with {code}")


def unchanged(before: dict[str, Any], file: Path, what: str) -> None:
    same(before, tables.dump(file), f"the file {what}")


def write(file: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file, timeout=60)) as connection:
        connection.executescript("BEGIN IMMEDIATE;\n" + ";\n".join(statements) + ";\nCOMMIT;")


def migrate(file: Path) -> None:
    """As a newer version does it, as far as an older one looks."""
    write(file, "INSERT INTO _knocker_schema SELECT max(version) + 1, 0 FROM _knocker_schema")


def take_back(file: Path) -> None:
    write(file, "DELETE FROM _knocker_schema WHERE version = (SELECT max(version) FROM _knocker_schema)")


def a_newer_file(one: Participant, folder: Path) -> str:
    """Opening it is refused, and leaves it as it is."""
    file = folder / "app.db"
    tables.create(file)
    in_shell(file, "SELECT knocker_bootstrap();")
    migrate(file)
    before = tables.dump(file)
    with started(one, folder) as process:
        refused("schema_too_new", lambda: open_file(process, file), "opening")
        unchanged(before, file, "after it was not opened")
    return "refused"


def a_file_that_becomes_newer(one: Participant, folder: Path) -> str:
    """What the running process does then is refused, also the result of a handler that is at work; what it did before is there."""
    file = folder / "app.db"
    tables.create(file)
    held, late = webhooks.make([("stripe", "held", ("hold",)), ("github", "late", ("ok",))])
    with started(one, folder) as process:
        open_file(process, file)
        if one.handles:
            process.ask("work", lease_s=LEASE_S)
            send(process, held)
            process.held.get(timeout=PATIENCE_S)
        migrate(file)
        before = tables.dump(file)
        if one.handles:
            refused("schema_too_new", lambda: send(process, late), "a receipt")
        for op in ("replay_where", "requeue_where", "ignore_where"):
            refused("schema_too_new", lambda op=op: process.ask(op, filter={"status": "handled" if op == "replay_where" else "dead"}), op)
        refused("schema_too_new", lambda: process.ask("stats"), "stats")
        if one.handles:
            process.ask("go")
            process.ask("rest")
        unchanged(before, file, "while it was newer")
        take_back(file)
        if one.handles:
            # The lease of the handler that could not end runs out.
            process.ask("work", lease_s=LEASE_S)
            process.ask("go")
            send(process, late)
            until(lambda: tables.is_settled(file), "both to be handled")
            process.ask("rest")
            written = tables.read(file, "SELECT key FROM written ORDER BY rowid")
            assert len(written) == 2 and ("evt_held",) in written, f"written: {written}"
    return "refused"


def receive_with_sql(everybody: list[Participant], folder: Path, file: Path) -> None:
    """A file with events that wait."""
    tables.create(file)
    with started(next(one for one in everybody if one.name == "sql"), folder) as process:
        open_file(process, file)
        for webhook in pairs.story():
            send(process, webhook)
        process.ask("close")


def downgrade(file: Path, older: Path) -> None:
    """The same rows in the tables of version 1, without what holds no data."""
    with contextlib.closing(sqlite3.connect(older)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA_1.read_text() + tables.WRITTEN)
        connection.execute("ATTACH ? AS newer", (str(file),))
        queue = "SELECT sql FROM newer.sqlite_schema WHERE tbl_name LIKE '\\_honker%' ESCAPE '\\' AND type IN ('table', 'index') AND sql IS NOT NULL"
        for (sql,) in connection.execute(f"{queue} AND name NOT LIKE '\\_knocker%' ESCAPE '\\' ORDER BY type DESC").fetchall():
            connection.execute(sql)
        names = [
            name for (name,) in connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        ]
        for name in names:
            own = {column for _, column, *_ in connection.execute(f"PRAGMA main.table_info({name})")}
            theirs = {column for _, column, *_ in connection.execute(f"PRAGMA newer.table_info({name})")}
            columns = ", ".join(sorted(own & theirs))
            connection.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM newer.{name}")
        connection.execute("DELETE FROM _knocker_schema WHERE version > 1")
        # No endpoint's: what later versions keep there, which know it by its name.
        connection.execute("DELETE FROM _knocker_counts WHERE endpoint_id = 0")
        connection.commit()


def an_older_file(one: Participant, folder: Path, waiting: Path) -> str:
    """It is migrated when it is opened, and what waits in it is handled."""
    file = folder / "app.db"
    downgrade(waiting, file)
    before = tables.dump(file)
    with started(one, folder) as process:
        open_file(process, file)
        assert len(tables.read(file, "SELECT version FROM _knocker_schema")) > 1, "it was not migrated"
        events = len(before["_knocker_events"])
        assert len(process.ask("list", view="events")) == events > 0
        if one.handles:
            process.ask("work", lease_s=60)
            process.ask("go")
            until(lambda: tables.is_settled(file), "the events of the older file to be handled")
            process.ask("rest")
            written = tables.read(file, "SELECT key FROM written")
            assert len(written) == len(set(written)) == sum(plan not in ("ignore", "dead") for *_, plans in pairs.STORY for plan in plans)
        else:
            assert process.ask("ignore_where", filter={"status": "received"})["changed"] == events
    return "migrated"


def an_older_library(one: Participant, folder: Path, older: Path) -> str:
    """A package refuses it before it has done anything. Plain SQL takes what it loads, and the command loads none."""
    if not one.packaged:
        return "-"
    file = folder / "app.db"
    tables.create(file)
    before = tables.dump(file)
    with started(one, folder, KNOCKER_EXTENSION=str(older)) as process:
        refused("library_too_old", lambda: open_file(process, file), "opening")
        unchanged(before, file, "after the library was refused")
    return "refused"


def a_newer_library(one: Participant, folder: Path, newer: Path) -> str:
    """One process has it and another does not: both are served."""
    if not one.handles:
        return "-"
    with started(one, folder) as receiver, started(one, folder, KNOCKER_EXTENSION=str(newer)) as worker:
        pairs.run(receiver, worker, (False, False), folder / "app.db", pairs.story())
    return "served"
