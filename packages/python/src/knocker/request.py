"""An HTTP request as it was received, and headers whose names have no case."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from knocker.errors import UsageError

HeadersLike = Mapping[str, str | list[str]] | Iterable[tuple[str, str]]
"""Headers as a mapping (a value is a string or a list of strings) or as pairs, with repeats."""


class Headers(Mapping[str, str]):
    """Headers by name, whatever its case. A repeated header gives its first value; ``get_all`` gives every one."""

    def __init__(self, headers: HeadersLike = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs(headers):
            self._values.setdefault(name.lower(), []).append(value)

    def get_all(self, name: str) -> list[str]:
        """Every value of that header in order; an empty list where it is absent."""
        return list(self._values.get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        # Values may be credentials.
        return f"Headers({', '.join(self._values)})"


_text = json.encoder.encode_basestring_ascii


def pairs(headers: HeadersLike) -> Iterator[tuple[str, str]]:
    """Headers as pairs, a repeated one several times."""
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            for one in [value] if isinstance(value, str) else value:
                yield name, one
    else:
        yield from headers


def raw_bytes(body: Any) -> bytes:
    """The body as it was sent. A text is refused: which bytes it was is not known any more."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    raise UsageError(f"the body is the raw bytes of the request, not {type(body).__name__}")


@dataclass(frozen=True)
class WebhookRequest:
    """One HTTP request.

    ``url`` is the one the provider called, absolute where the provider signs it; ``body`` the raw bytes. ``truncated`` says that reading
    stopped at the endpoint's size limit, so that ``body`` is only the beginning.
    """

    # Not for logs: headers and query strings carry credentials, bodies people's data.
    body: bytes = field(repr=False)
    headers: HeadersLike = field(default=(), repr=False)
    method: str = "POST"
    url: str = field(default="/", repr=False)
    truncated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", raw_bytes(self.body))
        if not isinstance(self.headers, (list, tuple, Mapping)):
            # An iterator can be read once only, and a function of secrets may be the first to do so.
            object.__setattr__(self, "headers", list(self.headers))

    def header(self, name: str) -> str | None:
        """The first value of that header, or None."""
        return Headers(self.headers).get(name)

    def to_json(self, added: Iterable[tuple[str, str]] = ()) -> str:
        """The request argument of the SQL functions, with headers that the receive has ``added``."""
        # Put together here: it is made for each request, and always the same.
        try:
            given = self.headers if isinstance(self.headers, list) and not added else [*pairs(self.headers), *added]
            headers = ", ".join([f"[{_text(name)}, {_text(value)}]" for name, value in given])
            method, url = _text(self.method), _text(self.url)
        except (TypeError, ValueError):
            # Not of texts: the core says what of it is wrong, and has a method and a URL for None.
            head = {"method": self.method, "url": self.url, "headers": [*pairs(self.headers), *added], "truncated": self.truncated}
            return json.dumps(head)
        truncated = ', "truncated": true' if self.truncated else ""
        return f'{{"method": {method}, "url": {url}, "headers": [{headers}]{truncated}}}'


def require_request(given: object) -> None:
    """Raises UsageError where it is no request, such as a body alone or a framework's own request."""
    if not isinstance(given, WebhookRequest):
        raise UsageError(f"a knocker.WebhookRequest is needed, not {type(given).__name__}: WebhookRequest(body, headers, method, url)")
