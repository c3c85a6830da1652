"""A fork while connections are open, and what is done about it.

A child inherits SQLite's memory of the parent's locks, but not the locks: with a connection open in the parent it would wait for ever for a
writer that it does not have, or work on a write-ahead log that others believe unused and remove. So before a fork the connections are
closed while nobody uses them, those of workers included, and opened again where they are needed, on both sides. Where that is not possible,
because a handler goes on for longer than anybody waits or the app has connections of its own from here, the child is refused with an error
that says what to do.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What is told of forks."""

    opens_others: bool
    """Whether it opens others by itself: then it comes to rest before they do."""

    def before_fork(self) -> None:
        """In the parent: come to rest, and close what is open."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin again, without threads, or refuse to."""


_KNOWN: weakref.WeakSet[Forkable] = weakref.WeakSet()
_RESTING: list[Forkable] = []


def prepare_for_forks(forkable: Forkable) -> None:
    """Tells it of every fork from here on."""
    _KNOWN.add(forkable)


def _before() -> None:
    # Held here, so that none comes to an end in between.
    _RESTING[:] = sorted(_KNOWN, key=lambda one: not one.opens_others)
    for forkable in _RESTING:
        forkable.before_fork()


def _in_parent() -> None:
    resting = _RESTING[:]
    _RESTING.clear()
    for forkable in resting:
        forkable.after_fork_in_parent()


def _in_child() -> None:
    resting = _RESTING[:]
    _RESTING.clear()
    for forkable in resting:
        forkable.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
