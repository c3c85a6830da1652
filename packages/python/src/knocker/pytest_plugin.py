"""The pytest fixtures ``knocker_hooks`` and ``knocker_clock``, registered as an entry point."""

from __future__ import annotations

from collections.abc import Iterator
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
