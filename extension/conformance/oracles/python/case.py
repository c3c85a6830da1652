"""A case: one form of one provider's request, read from `cases/`. The Node suite reads the same files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

CASES = Path(__file__).resolve().parent.parent / "cases"

# 2026-01-01T00:00:00Z: the moment at which everything is signed and, unless a check is about time, verified.
NOW_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names keep their spelling and are found in any."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, or an empty text."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    @property
    def text(self) -> str:
        """The body as text, for libraries that take nothing else."""
        return self.body.decode()

    def with_header(self, name: str, value: str) -> Request:
        """The same request with this header in place of one of that name."""
        others = {key: text for key, text in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers={**others, name: value})

    def with_headers(self, headers: Mapping[str, str]) -> Request:
        """The same request with these headers in place of those of the same names."""
        request = self
        for name, value in headers.items():
            request = request.with_header(name, value)
        return request


@dataclass(frozen=True)
class Location:
    """Where something stands: in a header, or in the body where `header` is empty. The first group of `match` is the thing itself."""

    match: str
    header: str = ""
    encoding: str = "text"

    def _span(self, request: Request) -> tuple[str, int, int]:
        text = request.header(self.header) if self.header else request.text
        found = re.search(self.match, text)
        if found is None:
            raise LookupError(f"{self.match!r} is not in {self.header or 'the body'}: {text!r}")
        return text, found.start(1), found.end(1)

    def read(self, request: Request) -> str:
        """The thing as it is written."""
        text, start, end = self._span(request)
        return text[start:end]

    def write(self, request: Request, value: str) -> Request:
        """The same request with another value in that place."""
        text, start, end = self._span(request)
        text = text[:start] + value + text[end:]
        return request.with_header(self.header, text) if self.header else replace(request, body=text.encode())


@dataclass(frozen=True)
class Case:
    """What the README of the folder above describes, with its defaults filled in."""

    name: str
    provider: str
    secret: str
    request: Request
    signer: Mapping[str, Any]
    signature: Location
    timestamp: Location | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    signing_secret: str = ""
    secret_form: str = "text"
    secret_prefix: str = ""
    blank_secret: str | None = ""
    signed_body: str | None = ".*"
    also_signed: tuple[str, ...] = ()
    tolerance_s: int | None = None
    future: str = "refused"
    variants: tuple[Mapping[str, Any], ...] = ()

    @property
    def key(self) -> str:
        """What signs: the private key where there is one, else the shared secret."""
        return self.signing_secret or self.secret

    def moments(self) -> Iterator[tuple[str, int, bool]]:
        """The moments at which age decides: a name, the moment, and whether the request of `NOW_MS` is valid then."""
        if self.tolerance_s is None:
            return
        tolerance_ms = self.tolerance_s * 1000
        yield "the greatest age allowed", NOW_MS + tolerance_ms, True
        yield "a second more than that", NOW_MS + tolerance_ms + 1000, False
        yield "a timestamp ahead of the clock", NOW_MS - tolerance_ms - 1000, self.future == "accepted"

    def variant(self, changes: Mapping[str, Any]) -> Case:
        """This case with the changes of one of its variants."""
        request = {**_plain(self.request), **changes.get("request", {})}
        signer = {**self.signer, **changes.get("signer", {})}
        signer["headers"] = {**self.signer["headers"], **changes.get("headers", {})}
        rest = {key: value for key, value in changes.items() if key in ("secret", "signing_secret", "options")}
        return replace(self, request=_request(request), signer=signer, **rest)


def _plain(request: Request) -> dict[str, Any]:
    return {"method": request.method, "url": request.url, "headers": dict(request.headers), "body": request.text}


def _request(fields: Mapping[str, Any]) -> Request:
    return Request(
        method=fields.get("method", "POST"),
        url=fields.get("url", "https://example.com/hooks"),
        headers=fields.get("headers", {"Content-Type": "application/json"}),
        body=fields["body"].encode(),
    )


def load(name: str) -> Case:
    """The case of this name. An unknown key is an error, so that a misspelt one is not passed over."""
    fields = json.loads((CASES / f"{name}.json").read_text())
    for key in ("signature", "timestamp"):
        if fields.get(key):
            fields[key] = Location(**fields[key])
    for key in ("also_signed", "variants"):
        fields[key] = tuple(fields.get(key, ()))
    fields["request"] = _request(fields["request"])
    return Case(name=name, **fields)


def names() -> Iterator[str]:
    """The names of all cases, sorted."""
    return (path.stem for path in sorted(CASES.glob("*.json")))
