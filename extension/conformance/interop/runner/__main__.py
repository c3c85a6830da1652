"""`python3 -m runner` runs everything; `python3 -m runner pairs` one part."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from runner import pairs
from runner.participants import all_participants


def main() -> int:
    wanted = sys.argv[1:] or ["pairs"]
    everybody = all_participants()
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="knocker-interop-") as made:
        folder = Path(made)
        if "pairs" in wanted:
            started = time.monotonic()
            found, versions = pairs.run_all(everybody, folder)
            problems += found
            versions["command"] = os.environ["INTEROP_COMMAND_SQLITE"]
            print("SQLite: " + ", ".join(f"{one.name} {versions.get(one.name, 'unknown')}" for one in everybody))
            print(f"pairs: {time.monotonic() - started:.0f} s")
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


raise SystemExit(main())
