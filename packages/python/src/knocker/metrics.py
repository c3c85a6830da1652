"""Metrics: what a process counts of its own, and what serves all of them. What they say is the library's affair."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable

from knocker.contract import METRICS_CONTENT_TYPES, RECEIVE_BOUNDS_US
from knocker.errors import KnockerError
from knocker.http.answer import TRY_AGAIN, Answer, for_method, logger
from knocker.http.asgi import Asgi, Receive, Scope, Send, respond
from knocker.http.wsgi import Environ, StartResponse, Wsgi, start

_OPENMETRICS = "application/openmetrics-text"


class ReceiveDurations:
    """How long receipts took, by endpoint, from the call to the commit. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, endpoint: str, started_ns: int) -> None:
        """Counts one that began at that moment of ``time.perf_counter_ns``."""
        took_us = (time.perf_counter_ns() - started_ns) // 1000
        at = bisect_left(RECEIVE_BOUNDS_US, took_us)
        with self._lock:
            if endpoint not in self._taken:
                self._taken[endpoint] = ([0] * (len(RECEIVE_BOUNDS_US) + 1), [0])
            within, sum_us = self._taken[endpoint]
            within[at] += 1
            sum_us[0] += took_us

    def to_json(self) -> str:
        """As the library takes it."""
        with self._lock:
            return json.dumps({endpoint: {"within": within, "sum_us": sum_us[0]} for endpoint, (within, sum_us) in self._taken.items()})


def metrics_asgi(metrics: Callable[[bool], str]) -> Asgi:
    """An ASGI app that answers with the metrics at every path."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
            answer = await asyncio.to_thread(_answer, metrics, accept)
            await respond(send, for_method(answer, scope["method"]))

    return app


def metrics_wsgi(metrics: Callable[[bool], str]) -> Wsgi:
    """A WSGI app that does."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = for_method(_answer(metrics, environ.get("HTTP_ACCEPT", "")), environ["REQUEST_METHOD"])
        start(start_response, answer)
        return [answer.body]

    return app


def _answer(metrics: Callable[[bool], str], accept: str) -> Answer:
    openmetrics = _OPENMETRICS in accept
    try:
        body = metrics(openmetrics).encode()
    except KnockerError as error:
        fields = {"record": "metrics_failed", "code": error.code, "error": str(error)}
        logger.error("metrics not read, answered 503: %s", error, extra=fields)
        return TRY_AGAIN
    content_type = METRICS_CONTENT_TYPES["openmetrics" if openmetrics else "prometheus"]
    return Answer(200, (("content-type", content_type), ("content-length", str(len(body)))), body)
