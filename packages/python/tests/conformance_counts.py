"""What the suite tells ``release/conformance-table`` of the cases that it ran."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def write_count(kind: str, ran: int) -> None:
    """How many cases of ``kind`` ran."""
    folder = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "conformance"
    folder.mkdir(parents=True, exist_ok=True)
    on = f"{platform.python_implementation()} {platform.python_version()}"
    (folder / f"python.{kind}.json").write_text(json.dumps({"package": "python", "kind": kind, "ran": ran, "on": on}) + "\n")
