"""What the pages show of the ``knocker`` command is what it prints: each transcript of ``examples/runbook``, run again."""

from __future__ import annotations

import os
import runpy
import sys
import zipfile
from pathlib import Path

import pytest

from servers import SOURCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the command sees neither processes nor file systems")

RUNBOOK = Path(__file__).resolve().parents[3] / "examples" / "runbook"
TRANSCRIPTS = runpy.run_path(str(RUNBOOK / "transcripts.py"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command: the one that is named, or that of the wheel under test."""
    named = os.environ.get("KNOCKER_TEST_PROGRAM")
    if named:
        return named
    wheel = os.environ.get("KNOCKER_TEST_WHEEL")
    if not wheel:
        pytest.fail("neither KNOCKER_TEST_PROGRAM nor KNOCKER_TEST_WHEEL names the command: run packages/python/run-tests")
    folder = tmp_path_factory.mktemp("command")
    with zipfile.ZipFile(wheel) as packed:
        (member,) = [name for name in packed.namelist() if name.endswith("/knocker") and ".data/" in name]
        path = folder / "knocker"
        path.write_bytes(packed.read(member))
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("scenario", TRANSCRIPTS["scenarios"](), ids=lambda path: path.name)
def test_a_transcript_is_what_is_printed(scenario: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOCKER_TEST_PROGRAM", program)
    monkeypatch.setenv("PYTHONPATH", SOURCE)
    shown = TRANSCRIPTS["rerun"](scenario)
    assert shown, "a state without a transcript"
    for path, now in shown.items():
        assert TRANSCRIPTS["masked"](now) == TRANSCRIPTS["masked"](path.read_text()), f"{path.name} shows something else than:\n{now}"
