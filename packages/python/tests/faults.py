"""Scripts in a process whose disk fails when it is told to: ``faults.c`` is preloaded there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BEGINNING = """
import ctypes, json, logging, sys, threading, time
import knocker
from conftest import SECRET, github_request as push
faults = ctypes.CDLL(None)
def fail(call, ending, times):
    faults.faults_fail(call.encode(), ending.encode(), ctypes.c_long(times))
def lose(ending):
    faults.faults_lose(ending.encode())
def count(call, ending):
    return faults.faults_count(call.encode(), ending.encode())
path = sys.argv[1]
def outcome(work):
    try:
        return work().outcome
    except knocker.KnockerError as error:
        return error.code
def eventually(work, wanted):
    # The package itself tries a few times a second.
    for _ in range(600):
        if (got := work()) == wanted:
            return got
        threading.Event().wait(0.05)
    return got
"""


def library() -> Path:
    """The compiled ``faults.c``; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    source = Path(__file__).with_name("faults.c")
    made = Path(os.environ.get("PYTEST_FAULTS_FOLDER") or source.parents[3] / "target" / "python") / "libfaults.so"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        made.parent.mkdir(parents=True, exist_ok=True)
        new = made.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", new, source, "-ldl", "-lpthread"], check=True)
        new.replace(made)
    return made


def run(script: str, database: Path) -> list[str]:
    """What the script prints, line by line. ``fail``, ``lose``, ``count``, ``outcome`` and ``eventually`` are there, and ``path``."""
    environment = {**os.environ, "LD_PRELOAD": str(library()), "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + script, str(database)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
