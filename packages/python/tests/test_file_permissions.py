"""A file of root's, put right while the app of somebody else runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import knocker

pytestmark = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root, who becomes nobody")

BEGINNING = """
import os, pathlib, sys, threading, knocker
from conftest import SECRET, github_request as push
folder = pathlib.Path(sys.argv[1])
path = folder / "app.db"
# A process that stays root gives the file to whom it is told: this one's threads open files all the time.
told, tell = os.pipe()
done, did = os.pipe()
if os.fork() == 0:
    os.close(tell)
    while user := os.read(told, 8):
        os.chown(path, int(user), int(user))
        os.write(did, b".")
    os._exit(0)
def owned_by(user):
    os.write(tell, str(user).encode())
    os.read(done, 1)
def hooks_and_endpoint():
    hooks = knocker.open(path)
    return hooks, hooks.endpoint("github", provider="github", secrets=[SECRET])
def outcome(work):
    try:
        return work().outcome
    except knocker.KnockerError as error:
        return error.code
# Everything is imported before permissions may hide it.
with knocker.open(folder / "other.db") as other:
    other.endpoint("github", provider="github", secrets=[SECRET]).receive(push(0))
    other.endpoint("inbox").add_handler("*", lambda event, tx: None)
    with other.start_worker():
        pass
os.setegid(65534)
os.seteuid(65534)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that nobody may write to as well, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        shutil.copy(knocker.loadable_path(), name)
        yield Path(name)


def run(script: str, folder: Path) -> list[str]:
    library = str(folder / Path(knocker.loadable_path()).name)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + script, str(folder)],
        env={**os.environ, "KNOCKER_EXTENSION": library, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_file_that_is_put_right_while_the_app_runs_is_written_to(folder: Path) -> None:
    script = """
hooks, endpoint = hooks_and_endpoint()
hooks.close()
owned_by(0)
hooks = knocker.open(path)
endpoint = hooks.existing_endpoint("github", secrets=[SECRET])
print(outcome(lambda: endpoint.receive(push(1))), outcome(lambda: endpoint.receive(push(1))))
try:
    hooks.update_endpoint("github", max_attempts=3)
except knocker.KnockerError as error:
    print(error.code)
owned_by(65534)
print(outcome(lambda: endpoint.receive(push(1))), hooks.update_endpoint("github", max_attempts=3))
"""
    assert run(script, folder) == ["read_only read_only", "read_only", "accepted 1"]


def test_a_worker_on_such_a_file_costs_no_attempt_and_goes_on(folder: Path) -> None:
    script = """
hooks, endpoint = hooks_and_endpoint()
endpoint.receive(push(1))
hooks.close()
owned_by(0)
hooks = knocker.open(path)
endpoint = hooks.existing_endpoint("github", secrets=[SECRET])
attempts, handled = [], threading.Event()
def handler(event, tx):
    tx.execute("CREATE TABLE orders (id)")
    attempts.append(event.attempt)
    handled.set()
endpoint.add_handler("*", handler)
with hooks.start_worker():
    owned_by(65534)
    print(handled.wait(60))
print(attempts, [event.status for event in hooks.events()])
"""
    assert run(script, folder) == ["True", "[1] ['handled']"]
