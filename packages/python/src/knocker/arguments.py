"""Checks of arguments: a mistake is named where it is made, and not where it would hurt later."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from knocker.errors import UsageError
from knocker.event import to_ms

_LARGEST = 2**63 - 1


def positive(name: str, value: Any) -> None:
    """Refuses what is no finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise UsageError(f"{name} must be a number above 0, not {value!r}")


def whole(name: str, value: Any, least: int, most: int) -> None:
    """Refuses what is no whole number of that range."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, not {value!r}")


def flag(name: str, value: Any) -> None:
    """Refuses what is neither true nor false."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}")


def row_id(name: str, value: Any) -> int:
    """The id of a row. None above all, the usual result of a lookup that found nothing, must not mean any row."""
    whole(name, value, -_LARGEST, _LARGEST)
    return int(value)


def one_or_more(name: str, given: Any, known: Collection[str]) -> list[str]:
    """One name, or several, each of a closed list."""
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Collection) else None
    if names is None or not all(isinstance(one, str) for one in names):
        raise UsageError(f"{name} must be one of {', '.join(known)}, or a list of them, not {given!r}")
    for one in names:
        if one not in known:
            near = get_close_matches(one, known, 1)
            raise UsageError(
                f"{name}: there is no {one!r}" + (f", did you mean {near[0]!r}?" if near else f"; they are {', '.join(known)}")
            )
    return names


def seconds(name: str, duration: int | timedelta | None) -> int | None:
    """A duration in whole seconds. A fraction is refused, because less than a second would be none."""
    if not isinstance(duration, timedelta):
        return duration
    if duration.microseconds:
        raise UsageError(f"{name}: {duration!r} is not in whole seconds")
    return duration // timedelta(seconds=1)


def type_pattern(name: str, pattern: Any) -> None:
    """Refuses what is neither a type, nor a prefix with ``.*``, nor ``*``."""
    if isinstance(pattern, str) and pattern not in ("", ".*"):
        star = pattern.find("*")
        if star < 0 or pattern == "*" or (pattern.endswith(".*") and star == len(pattern) - 1):
            return
    raise UsageError(f'{name}: {pattern!r} is no event type: write "invoice.paid", "invoice.*" or "*"')


def moment_ms(name: str, moment: Any) -> Any:
    """Unix milliseconds of an aware datetime; anything else as it is."""
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise UsageError(f"{name}: {moment!r} has no time zone; write datetime.now(timezone.utc) or the like")
    return to_ms(moment)


def checked_ms(name: str, moment: Any) -> int:
    """Unix milliseconds of an aware datetime, or of a number of them."""
    if not isinstance(moment, datetime) and (isinstance(moment, bool) or not isinstance(moment, int)):
        raise UsageError(f"{name} must be an aware datetime or whole Unix milliseconds, not {moment!r}")
    ms = moment_ms(name, moment)
    whole(name, ms, -_LARGEST, _LARGEST)
    return int(ms)


def to_argument(name: str, given: Mapping[str, Any]) -> str:
    """A JSON argument: moments and durations become what the core takes, at each key."""
    plain = {key: seconds(key, value) if isinstance(value, timedelta) else moment_ms(key, value) for key, value in given.items()}
    return to_json(name, plain)


def to_json(name: str, value: Any) -> str:
    """A JSON argument; mappings of any kind, and sets, are what they look like."""
    try:
        return json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Collection):
        return list(value)
    raise TypeError(f"{value!r} has no form in JSON")
