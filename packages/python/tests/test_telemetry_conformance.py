"""The telemetry of ``extension/conformance``: the trace that a handler gets, log records and spans, with OpenTelemetry and without."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import knocker
from conformance_counts import write_count
from conftest import Log
from knocker.testing import FrozenClock
from matching import Json, compare
from test_conformance import CONFORMANCE, name

TRACEPARENTS = json.loads((CONFORMANCE / "telemetry/traceparent.json").read_text())["cases"]
STORIES = json.loads((CONFORMANCE / "telemetry/stories.json").read_text())
TABLE = {record["record"]: record for record in STORIES["records"]}
UNTOLD = "never-to-be-logged"
BODY = json.dumps({"customer": UNTOLD}).encode()
PATIENCE_S = 60
SETUPS = ("nothing", "api", "sdk")
WAYS = ("function", "coroutine")
RAN: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def list_of_cases() -> Iterator[None]:
    RAN.clear()
    yield
    write_count("telemetry", len(RAN))
    print("\n" + "\n".join(RAN) + f"\n{len(RAN)} telemetry cases of {len(TRACEPARENTS) + len(STORIES['cases'])}")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(params=SETUPS)
def setup(request: pytest.FixtureRequest, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the app has of OpenTelemetry: nothing, the API alone, or an SDK that keeps the spans."""
    return set_up(request.param, exporter, monkeypatch)


def set_up(how: str, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> str:
    if how == "nothing":
        monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider if how == "sdk" else None)
    return how


@pytest.mark.parametrize("case", TRACEPARENTS, ids=name)
def test_traceparent(case: Json, hooks: knocker.Hooks) -> None:
    inbox, seen = hooks.endpoint("inbox"), []
    inbox.add_handler("*", lambda event, tx: seen.append((event.traceparent, event.tracestate)))
    inbox.ingest(BODY, valid=True, headers=case["headers"])
    hooks.worker().drain()
    assert seen == [(case["traceparent"], case["tracestate"])]
    RAN[f"telemetry/traceparent.json: {case['name']}"] += 1


def handler_of(script: str, waiting: Mapping[str, Callable[[], None]]) -> Any:
    def handler(event: knocker.Event, tx: Any) -> None:
        if script in waiting:
            return waiting[script]()
        if script == "fails":
            raise ValueError("broken")
        if script == "retries":
            raise knocker.Retry(60, "later")
        if script == "dead":
            raise knocker.Dead("never")
        if script == "ignores":
            raise knocker.Ignore("of no interest")
        assert script == "returns"
        return None

    return handler


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", STORIES["cases"], ids=name)
def test_story(case: Json, way: str, setup: str, tmp_path: Path, exporter: InMemorySpanExporter, log: Log) -> None:
    known = {"name", "endpoint", "secrets", "handler", "hooks_fail", "active_span", "steps", "records", "spans"}
    assert set(case) <= known, case

    def failing(*_: Any) -> None:
        raise RuntimeError("the hook is broken")

    told = failing if case.get("hooks_fail") else None
    story = Story(tmp_path, case, way, log)
    with knocker.open(story.path, clock=FrozenClock(), busy_timeout_s=story.busy_timeout_s, on_error=told, on_dead=told) as hooks:
        story.begin(hooks)
        tracer = trace.get_tracer("app")
        with tracer.start_as_current_span("active") if case.get("active_span") else nullcontext() as active:
            for step in case["steps"]:
                story.take(step)
    story.end()
    check_records(case["records"], log.records)
    if setup == "sdk" and "spans" in case:
        check_spans(case["spans"], exporter, active)
    elif setup != "sdk":
        assert exporter.get_finished_spans() == ()
    RAN[f"telemetry/stories.json: {case['name']}"] += 1


class Story:
    """What a case does to hooks, and beside them."""

    def __init__(self, folder: Path, case: Json, way: str, log: Log) -> None:
        self._folder = folder
        self._case = case
        self._way = way
        self._log = log
        self._raw: list[sqlite3.Connection] = []
        self.path = folder / "app.db"
        is_locked = case["handler"] == "keeps_lock" or any(step.get("work", {}).get("locked") for step in case["steps"])
        # Nobody waits for the lock but for one that is kept.
        self.busy_timeout_s = 0.05 if is_locked else PATIENCE_S

    def begin(self, hooks: knocker.Hooks) -> None:
        """Declares the endpoint, with its handler."""
        secrets = self._case.get("secrets", [])

        def find_secrets(request: knocker.WebhookRequest) -> list[str]:
            raise LookupError(f"no {UNTOLD} in the vault")

        self._hooks = hooks
        self._settings = {**self._case.get("endpoint", {}), "secrets": find_secrets if secrets == "fails" else secrets}
        self._inbox = hooks.endpoint("inbox", **self._settings)
        waiting = {"loses_lease": self._lose_lease, "keeps_lock": self._keep_lock}
        sync = handler_of(self._case["handler"], waiting)

        async def coroutine(event: knocker.Event, tx: Any) -> None:
            await asyncio.to_thread(sync, event, tx) if self._case["handler"] in waiting else sync(event, tx)

        self._inbox.add_handler("order.*", sync if self._way == "function" else coroutine)

    def end(self) -> None:
        """Ends what is open beside the hooks."""
        for connection in self._raw:
            connection.close()

    def take(self, step: Json) -> None:
        """One step."""
        ((what, given),) = step.items()
        getattr(self, f"_{what}")(given)

    def _ingest(self, fields: Json) -> None:
        def ingest() -> bool:
            try:
                if self._way == "function":
                    self._inbox.ingest(BODY, **fields)
                else:
                    asyncio.run(self._inbox.aingest(BODY, **fields))
            except knocker.FileReplacedError:
                # Until the new one is open.
                return False
            return True

        self._until(ingest)

    def _drain(self, statuses: Json) -> None:
        assert [status for _, status in self._hooks.worker().drain()] == statuses

    def _work(self, given: Json) -> None:
        assert set(given) <= {"until", "locked", "lease_s"}
        if given.get("locked"):
            self._connect("BEGIN IMMEDIATE")
        with self._hooks.worker(lease_s=given.get("lease_s", 60)) as worker:
            worker.start()
            self._until(lambda: self._has_said(given["until"]))

    def _declare(self, settings: Json) -> None:
        # Hooks have one declaration of each.
        with knocker.open(self.path) as other:
            other.endpoint("inbox", **(self._settings | settings))

    def _read(self, given: Json) -> None:
        self._connect("BEGIN", "SELECT count(*) FROM sqlite_schema")

    def _replace_file(self, given: Json) -> None:
        other = self._folder / "other.db"
        knocker.open(other).close()
        os.replace(other, self.path)

    def _close(self, given: Json) -> None:
        self._hooks.close()

    def _request(self, status: int) -> None:
        self._serve(self._hooks.wsgi(), {"REQUEST_METHOD": "POST", "PATH_INFO": "/inbox"}, status)

    def _scrape(self, status: int) -> None:
        self._serve(self._hooks.metrics_wsgi(), {}, status)

    @staticmethod
    def _serve(app: Any, environ: dict[str, Any], status: int) -> None:
        setup_testing_defaults(environ)
        seen = []
        b"".join(app(environ, lambda line, headers, *_: seen.append(int(line.split()[0]))))
        assert seen == [status]

    def _connect(self, *statements: str) -> sqlite3.Connection:
        """Opens another connection, which is closed in the end."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._raw.append(connection)
        for statement in statements:
            connection.execute(statement).fetchall()
        return connection

    def _has_said(self, record: str) -> bool:
        return any(vars(one)["record"] == record for one in self._log.records)

    def _lose_lease(self) -> None:
        ((worker,),) = self._hooks.database.rows("SELECT worker FROM knocker_jobs")
        self._hooks.leases(worker).release()
        self._hooks.leases("another").claim(1, 60)
        self._until(lambda: self._has_said("lease_lost"))

    def _keep_lock(self) -> None:
        connection = self._connect("BEGIN IMMEDIATE")
        self._until(lambda: self._has_said("leases_not_extended"))
        connection.execute("ROLLBACK")

    @staticmethod
    def _until(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end
            threading.Event().wait(0.005)


def check_records(expected: list[Json], seen: list[logging.LogRecord]) -> None:
    found = []
    for record in seen:
        fields = {key: value for key, value in vars(record).items() if key not in USUAL_FIELDS}
        known = TABLE[fields.pop("record")]
        assert "python" in known.get("only_in", {"python": ""}), known
        assert record.levelname.lower() == known["level"], record.getMessage()
        assert set(fields) <= {*known["fields"], *STORIES["everywhere"]}, record.getMessage()
        assert UNTOLD not in f"{logging.Formatter().format(record)} {fields}"
        found.append({"record": known["record"], **dict.fromkeys(known["fields"]), **fields})
    compare(expected, found, "records")


# What the logging module itself says of each.
USUAL_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def check_spans(expected: list[Json], exporter: InMemorySpanExporter, active: Any) -> None:
    spans = [span for span in exporter.get_finished_spans() if span.name != "active"]
    compare([span["name"] for span in expected], [span.name for span in spans], "names")
    for at, (wanted, span) in enumerate(zip(expected, spans, strict=True)):
        assert set(wanted) <= {"name", "kind", "parent", "trace_id", "failed", "attributes"}
        actual = {
            "name": span.name,
            "kind": span.kind.name.lower(),
            "trace_id": f"{span.context.trace_id:032x}",
            "failed": span.status.status_code is trace.StatusCode.ERROR,
            "attributes": dict(span.attributes or {}),
        }
        compare({key: value for key, value in wanted.items() if key != "parent"}, actual, f"spans[{at}]")
        if "parent" in wanted:
            assert (span.parent and f"{span.parent.span_id:016x}") == parent_of(wanted["parent"], spans, active)
        assert UNTOLD not in span.to_json()
        assert "broken" not in span.to_json()


def parent_of(given: Json, spans: list[ReadableSpan], active: Any) -> str | None:
    if given == "active":
        return f"{active.get_span_context().span_id:016x}"
    return f"{spans[given].context.span_id:016x}" if isinstance(given, int) else given


@pytest.mark.parametrize("way", WAYS)
def test_what_handlers_and_functions_of_secrets_do_is_a_child(
    way: str, live_hooks: knocker.Hooks, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up("sdk", exporter, monkeypatch)
    tracer = trace.get_tracer("app")

    def secrets(request: knocker.WebhookRequest) -> list[str]:
        with tracer.start_as_current_span("look up"):
            return ["test-token"]

    inbox = live_hooks.endpoint("inbox", provider="token", secrets=secrets)
    worker = live_hooks.worker()

    def function(event: knocker.Event, tx: Any) -> None:
        with tracer.start_as_current_span("work"):
            worker.stop()

    async def coroutine(event: knocker.Event, tx: Any) -> None:
        await asyncio.sleep(0)
        function(event, tx)

    inbox.add_handler("*", function if way == "function" else coroutine)
    state = "congo=t61rcWkgMzE"
    sent = {"x-webhook-token": "test-token", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": state}
    # The package's own name, which a sender has no use for.
    sent["Knocker-Traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    request = knocker.WebhookRequest(BODY, sent)
    if way == "function":
        inbox.receive(request)
    else:
        asyncio.run(inbox.areceive(request))
    worker.run()
    lookup, received, work, processed = exporter.get_finished_spans()
    assert [one.name for one in (lookup, received, work, processed)] == ["look up", "receive inbox", "work", "process inbox"]
    assert lookup.parent is not None
    assert lookup.parent.span_id == received.context.span_id
    assert work.parent is not None
    assert work.parent.span_id == processed.context.span_id
    assert processed.context.trace_state.to_header() == state
    # The sender's headers are stored as they came.
    (delivery,) = live_hooks.deliveries()
    headers = live_hooks.delivery(delivery.id).headers
    assert headers["traceparent"] == sent["traceparent"]
    own = f"00-0af7651916cd43dd8448eb211c80319c-{received.context.span_id:016x}-01"
    assert headers["knocker-traceparent"] == [sent["Knocker-Traceparent"], own]
    assert headers["knocker-tracestate"] == state


def test_a_receipt_that_is_not_stored_is_a_failed_span(
    hooks: knocker.Hooks, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up("sdk", exporter, monkeypatch)
    inbox = hooks.endpoint("inbox")
    hooks.close()
    with pytest.raises(knocker.ClosedError):
        inbox.ingest(BODY, valid=True)
    (span,) = exporter.get_finished_spans()
    assert (span.status.status_code, (span.attributes or {})["error.type"]) == (trace.StatusCode.ERROR, "closed")
    assert span.events == ()


def test_every_case_ran() -> None:
    assert len(RAN) == len(TRACEPARENTS) + len(STORIES["cases"])
