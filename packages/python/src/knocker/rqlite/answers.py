"""What an answer of rqlite means. Only one that is complete says that something was done.

A transaction that was rolled back still shows what came before its error as done, and a node whose leader has died answers 200 with
nothing in it.
``extension/conformance/rqlite/answers.json`` has them all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from knocker.driver_errors import of_text
from knocker.errors import KnockerError, UsageError

Rows = list[tuple[Any, ...]]

_LONGEST_REASON = 300


class Meaning(Enum):
    """What has become of the statements."""

    DONE = "done"
    """All of them, and these are their rows."""
    REFUSED = "refused"
    """One of them was refused, and all are rolled back."""
    TORN = "torn"
    """One of them was refused before it ran, and the others were committed."""
    ELSEWHERE = "elsewhere"
    """Nothing of them was done: another node is to be asked."""
    UNKNOWN = "unknown"
    """They may be done or not: another node is to be asked."""
    FORBIDDEN = "forbidden"
    """The node does not take requests like this one, and neither will the others."""


@dataclass(frozen=True)
class Answer:
    """An answer, understood."""

    meaning: Meaning
    results: tuple[Rows, ...] = ()
    """The rows of each statement, where they were done."""
    error: KnockerError | None = None
    """That of the statement that was refused."""
    reason: str = ""
    """Why there is none of it, in words."""

    @property
    def is_final(self) -> bool:
        """Whether no other node is to be asked."""
        return self.meaning not in (Meaning.ELSEWHERE, Meaning.UNKNOWN)


def read(statements: int, status: int, body: bytes) -> Answer:
    """What the answer to so many statements in a transaction means."""
    if status == 503:
        return Answer(Meaning.ELSEWHERE, reason=_said(status, body))
    if 400 <= status < 500:
        return Answer(Meaning.FORBIDDEN, error=UsageError(f"rqlite refuses the request: {_said(status, body)}"))
    if status != 200:
        return Answer(Meaning.UNKNOWN, reason=_said(status, body))
    try:
        content = json.loads(body)
    except ValueError:
        return Answer(Meaning.UNKNOWN, reason="the answer is no JSON, or not all of it")
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(content, dict) or content.get("error") or not isinstance(results, list):
        return Answer(Meaning.UNKNOWN, reason=_said(status, body))
    if not all(isinstance(result, dict) for result in results):
        return Answer(Meaning.UNKNOWN, reason=_said(status, body))
    for number, result in enumerate(results, 1):
        if result.get("error"):
            return Answer(Meaning.REFUSED if number == len(results) else Meaning.TORN, error=of_text(str(result["error"])))
    if len(results) != statements:
        return Answer(Meaning.UNKNOWN, reason=f"{len(results)} results of {statements} statements")
    return Answer(Meaning.DONE, tuple(_rows(result) for result in results))


def _rows(result: dict[str, Any]) -> Rows:
    return [tuple(_value(value) for value in row) for row in result.get("values") or []]


def _value(value: Any) -> Any:
    # A BLOB, and nothing else, is a list: it is asked for so, as a text in base64 could not be told from any other.
    return bytes(value) if isinstance(value, list) else value


def _said(status: int, body: bytes) -> str:
    return f"{status}: {body[:_LONGEST_REASON].decode(errors='replace').strip()}"
