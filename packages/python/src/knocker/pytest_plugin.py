"""The pytest fixtures ``knocker_hooks``, ``knocker_clock`` and ``knocker_on_file``, registered as an entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from knocker.hooks import Hooks
    from knocker.testing import FrozenClock

# The package is imported inside the fixtures, so that a test run that never asks for them does not load it.


@pytest.fixture
def knocker_clock() -> FrozenClock:
    """The clock of ``knocker_hooks``, which moves only when told."""
    from knocker.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def knocker_hooks(tmp_path: Path, knocker_clock: FrozenClock) -> Iterator[Hooks]:
    """Hooks on a file of this test, on the time of ``knocker_clock``."""
    import knocker

    with knocker.open(tmp_path / "knocker.db", clock=knocker_clock) as hooks:
        yield hooks


@pytest.fixture
def knocker_on_file(tmp_path: Path, knocker_clock: FrozenClock) -> Iterator[Callable[[Hooks], Hooks]]:
    """Puts the hooks of your app, ``knocker_on_file(shop.hooks)``, on a file of this test until it ends, on the time of ``knocker_clock``:
    with the endpoints and handlers of the app, and with its tables, but none of its rows."""
    from knocker.testing import on_file

    with ExitStack() as stack:
        yield lambda hooks: stack.enter_context(on_file(hooks, tmp_path / f"knocker-{id(hooks)}.db", knocker_clock))
