"""The pytest fixture ``knocker_hooks``, registered as an entry point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from knocker.hooks import Hooks


@pytest.fixture
def knocker_hooks(tmp_path: Path) -> Iterator[Hooks]:
    """Hooks on a file of this test, with a frozen clock at ``knocker_hooks.database.clock``."""
    # Imported here, so that a test run that never asks for it does not load the package.
    import knocker
    from knocker.testing import FrozenClock

    with knocker.open(tmp_path / "knocker.db", clock=FrozenClock()) as hooks:
        yield hooks
