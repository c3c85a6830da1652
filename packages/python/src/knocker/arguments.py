"""Checks of arguments: a mistake is named where it is made, and not where it would hurt later."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from knocker.error_codes import InvalidArgumentError
from knocker.errors import UsageError

_LARGEST = 2**63 - 1


def positive(name: str, value: Any) -> None:
    """Refuses what is no finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise UsageError(f"{name} must be a number above 0, not {value!r}")


def whole(name: str, value: Any, least: int, most: int) -> None:
    """Refuses what is no whole number of that range."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most}, not {value!r}")


def row_id(name: str, value: Any) -> int:
    """The id of a row. None above all, the usual result of a lookup that found nothing, must not mean any row."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentError(f"{name} must be a whole number, not {value!r}")
    # There is no row beyond, and no driver takes such a number.
    return max(-1, min(value, _LARGEST))


def one_or_more(name: str, given: Any, known: Collection[str]) -> list[str]:
    """One name, or several, each of a closed list."""
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Collection) else None
    if names is None or not all(isinstance(one, str) for one in names):
        raise InvalidArgumentError(f"{name} must be one of {', '.join(known)}, or a list of them, not {given!r}")
    for one in names:
        if one not in known:
            near = get_close_matches(one, known, 1)
            raise InvalidArgumentError(
                f"{name}: there is no {one!r}" + (f", did you mean {near[0]!r}?" if near else f"; they are {', '.join(known)}")
            )
    return names


def seconds(name: str, duration: Any) -> int | None:
    """A duration in whole seconds. A fraction is refused, because less than a second would be none."""
    if not isinstance(duration, timedelta):
        return duration if duration is None else _whole_seconds(name, duration)
    if duration.microseconds:
        raise InvalidArgumentError(f"{name}: {duration!r} is not in whole seconds")
    return duration // timedelta(seconds=1)


def _whole_seconds(name: str, duration: Any) -> int:
    if isinstance(duration, bool) or not isinstance(duration, int):
        raise InvalidArgumentError(f"{name} must be whole seconds or a timedelta, not {duration!r}")
    return duration
