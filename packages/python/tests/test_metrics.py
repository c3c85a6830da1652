"""What monitoring systems read, and how it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

import knocker
from knocker.testing import drain

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str, families: Callable[[str], Any] = prometheus_families) -> Samples:
    found = [sample for family in families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}


def of(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def busy(hooks: knocker.Hooks) -> knocker.Hooks:
    """Hooks with two accepted receipts, a refused one, and an attempt at each event, of which one failed."""
    orders = hooks.endpoint("orders")

    @orders.on("*")
    def handle(event: knocker.Event, tx: Any) -> None:
        if event.key == "bad":
            raise ValueError("no such customer")

    for key in ("good", "bad"):
        orders.ingest(b"{}", valid=True, key=key)
    orders.ingest(b"{}", valid=False, reason="bad_signature")
    drain(hooks)
    return hooks


@pytest.mark.parametrize("openmetrics", [False, True])
def test_both_formats_are_read_by_the_parsers_of_prometheus(busy: knocker.Hooks, openmetrics: bool) -> None:
    found = samples(busy.metrics(openmetrics=openmetrics), openmetrics_families if openmetrics else prometheus_families)
    assert of(found, "knocker_receipts_total", endpoint="orders", outcome="accepted") == 2
    assert of(found, "knocker_refusals_total", endpoint="orders", reason="bad_signature") == 1
    assert of(found, "knocker_attempts_total", endpoint="orders", result="handled") == 1
    assert of(found, "knocker_attempts_total", endpoint="orders", result="failed") == 1
    assert of(found, "knocker_handler_duration_seconds_count", endpoint="orders") == 2
    assert of(found, "knocker_receive_duration_seconds_count", endpoint="orders") == 3
    assert of(found, "knocker_receive_duration_seconds_bucket", endpoint="orders", le="+Inf") == 3
    assert of(found, "knocker_receive_duration_seconds_sum", endpoint="orders") > 0


def test_receipts_of_coroutines_are_timed_too(hooks: knocker.Hooks) -> None:
    orders = hooks.endpoint("orders")
    asyncio.run(orders.aingest(b"{}", valid=True, key="1"))
    assert of(samples(hooks.metrics()), "knocker_receive_duration_seconds_count", endpoint="orders") == 1


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_one_line_serves_them(busy: knocker.Hooks, accept: str, content_type: str) -> None:
    wsgi_told: list[Any] = []
    body = b"".join(busy.metrics_wsgi()({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": accept}, lambda *told: wsgi_told.extend(told)))
    assert wsgi_told[0] == "200 OK"
    assert dict(wsgi_told[1])["content-type"] == content_type

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads a body")

    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [(b"accept", accept.encode())]}

    async def serve() -> None:
        await busy.metrics_asgi()(scope, receive, send)

    asyncio.run(serve())
    assert sent[0]["status"] == 200
    assert dict(sent[0]["headers"])[b"content-type"] == content_type.encode()
    families = openmetrics_families if content_type.startswith("application") else prometheus_families
    for text in (body, sent[1]["body"]):
        assert of(samples(text.decode(), families), "knocker_receipts_total", endpoint="orders", outcome="accepted") == 2


def test_what_cannot_be_read_is_unavailable(busy: knocker.Hooks, caplog: pytest.LogCaptureFixture) -> None:
    busy.close()
    told: list[Any] = []
    body = b"".join(busy.metrics_wsgi()({"REQUEST_METHOD": "GET"}, lambda *args: told.extend(args)))
    assert (told[0], dict(told[1])["retry-after"], body) == ("503 Service Unavailable", "5", b"try again later")
    assert "metrics not read, answered 503: " in caplog.text
