"""What comes out, as the JSON that the conformance data speaks of, and how it is compared with what is expected there."""

from __future__ import annotations

import base64
import dataclasses
from datetime import datetime
from typing import Any

from knocker.event import to_ms

Json = Any

_RULES = ("$range", "$not_null", "$contains", "$longest", "$any")


def raw_body(given: Json) -> bytes:
    """The bytes of ``body`` or ``body_base64``."""
    return base64.b64decode(given["body_base64"]) if "body_base64" in given else (given.get("body") or "").encode()


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
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)) in _RULES:
        rule, operand = next(iter(expected.items()))
        assert _holds(rule, operand, actual), f"{at} is {actual!r:.500}, expected {rule} {operand}"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            assert key in actual, f"{at} has no {key!r}: {actual}"
            compare(value, actual[key], f"{at}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        assert len(expected) == len(actual), f"{at} has {len(actual)} elements, expected {len(expected)}: {actual!s:.500}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            compare(one, other, f"{at}[{index}]")
    else:
        assert expected == actual, f"{at} is {actual!r:.500}, expected {expected!r:.500}"


def _holds(rule: str, operand: Json, actual: Json) -> bool:
    if rule == "$any":
        return actual in operand
    if rule == "$not_null":
        return actual is not None
    if rule == "$range":
        return isinstance(actual, int) and operand[0] <= actual <= operand[1]
    if rule == "$longest":
        return isinstance(actual, str) and 0 < len(actual.encode()) <= operand
    return isinstance(actual, str) and operand in actual
