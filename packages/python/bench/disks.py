"""On which disks is measured: the one of the folder, and the same with every sync delayed.

Each figure is of a process of its own, because the delay is preloaded into it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SLOW_DISK = Path(__file__).resolve().parents[3] / "extension" / "bench" / "slow-disk" / "run"
DELAYS_MS = (0, 2, 5) if sys.platform.startswith("linux") else (0,)
ROUNDS = 3


def slowed_down(delay_ms: int) -> list[str]:
    """What a command begins with whose syncs are to take so long."""
    return [str(SLOW_DISK), str(delay_ms * 1000)] if delay_ms else []


def disk_of(delay_ms: int) -> str:
    """How a row names it."""
    return f"syncs of {delay_ms} ms" if delay_ms else "bare disk"


def printed(folder: Path, delay_ms: int, script: str, way: str, *arguments: int) -> float:
    """What a script prints that measures one way, in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        command = [*slowed_down(delay_ms), sys.executable, script, way, own, *map(str, arguments)]
        return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
