"""The language-neutral cases of ``extension/conformance``, each through this package's public API. The list of cases run is printed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import knocker
from conformance_counts import write_count
from knocker.testing import FrozenClock
from matching import Json, raw_body
from operations import OPERATIONS
from scenario import Scenario, request_of

CONFORMANCE = Path(__file__).resolve().parents[3] / "extension" / "conformance"


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


def test_every_operation_of_the_contract_is_in_the_data() -> None:
    assert {step["op"] for _, _, case in LIFECYCLE for step in case["steps"]} == set(OPERATIONS)


def test_every_case_ran() -> None:
    assert len(RAN) == len(VERIFICATION) + len(LIFECYCLE)
