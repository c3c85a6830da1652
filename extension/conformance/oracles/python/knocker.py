"""Knocker as an application sees it: the loaded extension, called through SQL."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from case import NOW_MS, Case, Request


@dataclass(frozen=True)
class Verdict:
    """What `knocker_verify` says."""

    valid: bool
    kind: str
    reason: str | None
    detail: str | None
    items: list[dict[str, Any]]
    response: dict[str, Any]


class Knocker:
    """A connection with the extension."""

    def __init__(self, library: str) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.connection.enable_load_extension(True)
        self.connection.load_extension(library)
        self.connection.enable_load_extension(False)

    def providers(self) -> list[str]:
        """The names of all providers."""
        return [name for (name,) in self.connection.execute("SELECT name FROM knocker_providers ORDER BY name")]

    def verify(self, case: Case, request: Request, secret: str, now_ms: int = NOW_MS) -> Verdict:
        """The verdict on a request at `now_ms`."""
        sql = "SELECT knocker_verify(?, ?, ?, ?, ?, ?)"
        arguments = (case.provider, json.dumps(case.options), _envelope(request), request.body, json.dumps([secret]), now_ms)
        return Verdict(**json.loads(self.connection.execute(sql, arguments).fetchone()[0]))

    def sign(self, case: Case, now_ms: int = NOW_MS) -> Request:
        """The request of the case as Knocker signs it."""
        sql = "SELECT knocker_sign(?, ?, ?, ?, ?, ?)"
        request = case.request
        arguments = (case.provider, json.dumps(case.options), _envelope(request), request.body, case.key, now_ms)
        signed = json.loads(self.connection.execute(sql, arguments).fetchone()[0])
        body = request.body if signed["body"] is None else signed["body"].encode()
        return replace(request, url=signed["url"] or request.url, body=body).with_headers(signed["headers"])


def _envelope(request: Request) -> str:
    return json.dumps({"method": request.method, "url": request.url, "headers": dict(request.headers)})
