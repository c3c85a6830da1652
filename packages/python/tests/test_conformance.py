"""The language-neutral cases of ``extension/conformance``, each through this package's public API. The list of cases run is printed."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import knocker
from conformance_counts import write_count
from knocker.event import to_ms
from knocker.testing import FrozenClock, sign

CONFORMANCE = Path(__file__).resolve().parents[3] / "extension" / "conformance"
Json = Any


def cases(folder: str, key: str) -> list[tuple[Path, Json, Json]]:
    files = sorted((CONFORMANCE / folder).glob("*.json"))
    parsed = [(file, json.loads(file.read_text())) for file in files]
    return [(file, content, case) for file, content in parsed for case in content[key]]


VERIFICATION = cases("verification", "cases")
LIFECYCLE = cases("lifecycle", "scenarios")
RAN: list[str] = []


def name(value: Any) -> str:
    return value.stem if isinstance(value, Path) else value["name"].replace(" ", "_") if "name" in value else ""


@pytest.fixture(scope="module", autouse=True)
def list_of_cases() -> Iterator[None]:
    """Every case of the data ran, and the list is printed."""
    RAN.clear()
    yield
    for kind in ("verification", "lifecycle"):
        write_count(kind, sum(case.startswith(f"{kind}/") for case in RAN))
    wanted = [f"{file.parent.name}/{file.name}: {case['name']}" for file, _, case in VERIFICATION + LIFECYCLE]
    print("\n" + "\n".join(RAN) + f"\n{len(RAN)} conformance cases of {len(wanted)}")
    assert VERIFICATION, "there is no verification data"
    assert LIFECYCLE, "there is no lifecycle data"


def raw_body(given: Json) -> bytes:
    return base64.b64decode(given["body_base64"]) if "body_base64" in given else (given.get("body") or "").encode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[knocker.Hooks, FrozenClock]]:
    """One file for all verification cases, which have an endpoint each."""
    clock = FrozenClock()
    with knocker.open(tmp_path_factory.mktemp("verification") / "app.db", clock=clock, synchronous="normal") as hooks:
        yield hooks, clock


@pytest.mark.parametrize(("file", "content", "case"), VERIFICATION, ids=name)
def test_verification(file: Path, content: Json, case: Json, shared: tuple[knocker.Hooks, FrozenClock]) -> None:
    hooks, clock = shared
    endpoint = hooks.endpoint(
        f"case-{len(hooks.endpoints)}", provider=content["provider"], options=case.get("options"), secrets=lambda _: case["secrets"]
    )
    receive(endpoint, clock, case)
    if (then := case.get("then")) is not None:
        assert set(then) <= {"now", "request", "body", "body_base64", "expect", "events"}, then
        before = len(list(hooks.events(endpoint=endpoint.name)))
        receive(endpoint, clock, then, is_new=then["events"] > before)
        assert len(list(hooks.events(endpoint=endpoint.name))) == then["events"]
    RAN.append(f"verification/{file.name}: {case['name']}")


def receive(endpoint: knocker.Endpoint, clock: FrozenClock, sent: Json, *, is_new: bool = True) -> None:
    """The verdict and the receipt of one request are as expected; `is_new` says whether it makes an event that was not there before."""
    clock.now_ms = sent["now"]
    expect = sent["expect"]
    request = request_of(sent["request"], raw_body(sent))
    verdict = endpoint.verify(request)
    assert (verdict.valid, verdict.kind, verdict.reason) == (expect["valid"], expect["kind"], expect["reason"])
    assert [dataclasses.asdict(item) for item in verdict.items] == expect.get("items", [])
    receipt = endpoint.receive(request)
    delivery = "accepted" if is_new else "duplicate"
    assert receipt.outcome == {"delivery": delivery, "handshake": "handshake", None: "invalid"}[expect["kind"]]
    assert receipt.reason == expect["reason"]
    for response in (verdict.response, receipt.response):
        assert response.status == expect["status"]
        assert response.headers.items() >= expect.get("response_headers", {}).items()
        if "response_body" in expect:
            assert response.body == expect["response_body"]


@pytest.mark.parametrize(("file", "content", "case"), LIFECYCLE, ids=name)
def test_lifecycle(file: Path, content: Json, case: Json, hooks: knocker.Hooks, clock: FrozenClock) -> None:
    run = Scenario(hooks, dict(content.get("values", {})))
    for number, step in enumerate(case["steps"], 1):
        clock.now_ms = step.get("now", clock.now_ms)
        try:
            run.step(step)
        except AssertionError as problem:
            raise AssertionError(f"step {number} ({step['op']}): {problem}") from problem
    RAN.append(f"lifecycle/{file.name}: {case['name']}")


def test_every_case_ran() -> None:
    assert len(RAN) == len(VERIFICATION) + len(LIFECYCLE)


def request_of(given: Json, body: bytes) -> knocker.WebhookRequest:
    return knocker.WebhookRequest(body, **given)


class Scenario:
    """Runs steps through the typed API, and turns what comes back into the JSON that the data speaks of."""

    def __init__(self, hooks: knocker.Hooks, names: dict[str, Json]) -> None:
        self.hooks = hooks
        self.names = names
        self.secrets: list[str] = []
        self.operations: dict[str, Callable[..., Any]] = {
            "endpoint": self.endpoint,
            "receive": self.receive,
            "ingest": lambda endpoint, fields, **body: self.of(endpoint).ingest(raw_body(body), **{"valid": False, **fields}),
            "verify": self.verify,
            "sign": self.sign,
            "claim": lambda worker, limit, lease_s, filter=None: hooks.leases(worker).claim(limit, lease_s, **(filter or {})),
            "jobs": lambda worker: [self.job(job) for job in hooks.leases(worker).jobs()],
            "handled": lambda worker, **given: hooks.leases(worker).handled(**given),
            "failed": lambda worker, options=None, **given: hooks.leases(worker).failed(**given, **(options or {})),
            "skipped": lambda worker, **given: hooks.leases(worker).skipped(**given),
            "extend": lambda worker, **given: hooks.leases(worker).extend(**given),
            "release": lambda worker: hooks.leases(worker).release(),
            "next_due": self.next_due,
            **{op: getattr(hooks, op) for op in ("stats", "retain")},
            **{op: self.operation(op) for op in ("replay", "requeue", "replay_delivery", "ignore")},
            **{
                op: self.filtered(op, "filter")
                for op in ("replay_where", "requeue_where", "ignore_where", "prune_events", "prune_deliveries")
            },
            "retention": self.filtered("retention", "policy"),
            "select": self.select,
        }

    def step(self, step: Json) -> None:
        arguments = {key: self.resolve(value) for key, value in step.get("args", {}).items()}
        wanted = step.get("expect_error")
        try:
            result, failed = plain(self.operations[step["op"]](**arguments)), None
        except knocker.KnockerError as error:
            result, failed = None, error.code
        except TypeError as error:
            # A keyword that Python itself refuses.
            result, failed = str(error), "invalid_argument"
        assert failed == wanted, f"expected {wanted or 'no error'}, got {failed or 'no error'}: {result}"
        if failed:
            return
        if "expect" in step:
            # What returns nothing in Python returns 1 in SQL.
            compare(self.resolve(step["expect"]), 1 if result is None and step["expect"] == 1 else result, "result")
        for saved, path in step.get("save", {}).items():
            value = result
            for part in filter(None, path.split(".")):
                value = value[int(part)] if isinstance(value, list) else value[part]
            self.names[saved] = value

    def resolve(self, value: Json) -> Json:
        if isinstance(value, str) and value.startswith("$"):
            return self.names[value[1:]]
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        if isinstance(value, dict):
            return {key: self.resolve(one) for key, one in value.items()}
        return value

    def endpoint(self, name: str, config: Json) -> int:
        try:
            return self.hooks.update_endpoint(name, **config)
        except knocker.UnknownEndpointError:
            # Creating one is for code that declares all of its settings; the data names some.
            return int(self.hooks.database.call("knocker_endpoint", name, json.dumps(config)))

    def of(self, name: str) -> knocker.Endpoint:
        return self.hooks.endpoints.get(name) or self.hooks.existing_endpoint(name, secrets=lambda _: self.secrets)

    def receive(self, endpoint: str, request: Json, secrets: list[str], **body: str) -> knocker.Receipt:
        self.secrets = secrets
        return self.of(endpoint).receive(request_of(request, raw_body(body)))

    def verify(self, provider: str, options: Json, request: Json, secrets: list[str], **body: str) -> Any:
        arguments = (provider, json.dumps(options), request_of(request, raw_body(body)).to_json(), raw_body(body), json.dumps(secrets))
        return knocker.Verdict.read(json.loads(self.hooks.database.call("knocker_verify", *arguments)))

    def sign(self, provider: str, options: Json, request: Json, secret: str, **body: str) -> Any:
        unsigned = request_of({"method": "POST", "url": "/", **request}, raw_body(body))
        head: Json = {"headers": unsigned.headers, "method": unsigned.method, "url": unsigned.url}
        signed = sign(provider, unsigned.body, secret, options=options, now=self.hooks.database.now(), **head)
        # In SQL null stands for what was not replaced.
        return {
            "headers": dict(signed.headers),
            "url": None if signed.url == unsigned.url else signed.url,
            "body": None if signed.body == unsigned.body else signed.body,
        }

    def next_due(self, filter: Json = None) -> int | None:
        given = dict(filter or {})
        return self.hooks.leases(given.pop("worker", "nobody")).next_due_ms(**given)

    def operation(self, op: str) -> Callable[..., Any]:
        return lambda options=None, **given: getattr(self.hooks, op)(**given, **(options or {}))

    def filtered(self, op: str, argument: str) -> Callable[..., Any]:
        return lambda **given: getattr(self.hooks, op)(**given[argument])

    def links(self) -> list[knocker.EventDeliveryRecord]:
        return [link for event in self.hooks.events() for link in self.hooks.event_deliveries(event_id=event.id)]

    @staticmethod
    def job(job: knocker.Job) -> Json:
        event, delivery = job.event, job.event.delivery
        headers = {key: values[0] if len(values) == 1 else values for key in delivery.headers if (values := delivery.headers.get_all(key))}
        return {
            "job_id": job.id,
            "worker": job.worker,
            "event_id": event.id,
            "delivery_id": delivery.id,
            "endpoint": event.endpoint,
            "type": event.type,
            "key": event.key,
            "attempt": event.attempt,
            "max_attempts": event.max_attempts,
            "lease_expires_at": job.lease_expires_at,
            "received_at": event.received_at,
            "method": delivery.method,
            "url": delivery.url,
            "headers": headers,
            "body": event.body,
        }

    def select(self, view: str, where: Json = None) -> list[Json]:
        readers: dict[str, Callable[[], Any]] = {
            "events": lambda: self.hooks.events(with_body=True),
            "deliveries": lambda: self.hooks.deliveries(with_body=True),
            "attempts": self.hooks.attempts,
            "endpoints": self.hooks.stored_endpoints,
            "prunes": self.hooks.prunes,
            "policies": self.hooks.policies,
            "event_deliveries": lambda: self.links(),
        }
        rows = [plain(record) for record in readers[view]()]
        return [row for row in rows if all(row[column] == value for column, value in (where or {}).items())]


def plain(value: Any) -> Json:
    """The JSON of a typed object: times as Unix milliseconds, bytes as text where they are text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return to_ms(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def compare(expected: Json, actual: Json, at: str) -> None:
    """An object names what matters, an array is complete, a rule (``$range`` and the like) holds, anything else is equal."""
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)) in ("$range", "$not_null", "$contains"):
        rule, operand = next(iter(expected.items()))
        if rule == "$range":
            assert isinstance(actual, int), f"{at} is {actual}"
            assert operand[0] <= actual <= operand[1], f"{at} is {actual}, expected {operand}"
        elif rule == "$not_null":
            assert actual is not None, f"{at} is null"
        else:
            assert operand in actual, f"{at} is {actual}, expected it to contain {operand!r}"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            assert key in actual, f"{at} has no {key!r}: {actual}"
            compare(value, actual[key], f"{at}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        assert len(expected) == len(actual), f"{at} has {len(actual)} elements, expected {len(expected)}: {actual}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            compare(one, other, f"{at}[{index}]")
    else:
        assert expected == actual, f"{at} is {actual!r}, expected {expected!r}"
