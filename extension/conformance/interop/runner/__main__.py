"""`python3 -m runner` runs everything; `python3 -m runner pairs` one part."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from runner import crowd, pairs, versions
from runner.participants import all_participants


def main() -> int:
    wanted = sys.argv[1:] or ["pairs", "versions", "crowd"]
    everybody = all_participants()
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="knocker-interop-") as made:
        folder = Path(made)
        if "pairs" in wanted:
            started = time.monotonic()
            found, sqlites = pairs.run_all(everybody, folder)
            problems += found
            sqlites["command"] = os.environ["INTEROP_COMMAND_SQLITE"]
            print("SQLite: " + ", ".join(f"{one.name} {sqlites.get(one.name, 'unknown')}" for one in everybody))
            print(f"pairs: {time.monotonic() - started:.0f} s")
        if "versions" in wanted:
            started = time.monotonic()
            problems += versions.run_all(everybody, folder)
            print(f"versions: {time.monotonic() - started:.0f} s", flush=True)
        if "crowd" in wanted:
            problems += crowd.run_all(everybody, folder)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


raise SystemExit(main())
