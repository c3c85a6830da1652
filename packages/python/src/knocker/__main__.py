"""``python -m knocker worker module:object`` and ``python -m knocker path``."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from knocker.errors import KnockerError, UsageError
from knocker.hooks import Hooks
from knocker.library import loadable_path
from knocker.tenants.tenants import Tenants


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m knocker", description="Knocker for Python.")
    commands = parser.add_subparsers(dest="command", required=True)
    worker = commands.add_parser("worker", help="run the handlers of your hooks until SIGTERM or SIGINT")
    worker.add_argument("hooks", metavar="MODULE:OBJECT", help="where your knocker.open(…) or open_many(…) is, such as myapp:hooks")
    worker.add_argument("--concurrency", type=int, default=1, help="how many handlers run at once (default: 1)")
    worker.add_argument("--poll", type=float, default=1.0, metavar="SECONDS", help="longest time between looks (default: 1)")
    worker.add_argument("--lease", type=int, default=60, metavar="SECONDS", help="lease of a job (default: 60)")
    worker.add_argument("--no-share-commits", action="store_true", help="commit each event alone, also of a backlog")
    worker.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    commands.add_parser("path", help="print the path of the loadable library")
    return parser.parse_args(argv)


def _find(reference: str) -> Hooks | Tenants:
    module_name, _, path = reference.partition(":")
    if not module_name or not path:
        raise UsageError(f"{reference!r}: write MODULE:OBJECT, such as myapp:hooks")
    sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            raise UsageError(f"{reference!r}: there is no {path} in {module_name}; name what knocker.open() or open_many() returned")
        found = getattr(found, name)
    if not isinstance(found, (Hooks, Tenants)):
        raise UsageError(f"{reference!r} is {type(found).__name__}, not what knocker.open() or knocker.open_many() returns")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    arguments = _arguments(argv)
    try:
        if arguments.command == "path":
            print(loadable_path())
            return 0
        logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        with _find(arguments.hooks) as hooks:
            hooks.run_worker(
                concurrency=arguments.concurrency,
                poll=arguments.poll,
                lease_s=arguments.lease,
                share_commits=not arguments.no_share_commits,
            )
    except KnockerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
