"""What the pages show of the ``knocker`` command: run, and compared with what they show.

    python3 transcripts.py            compares every transcript
    python3 transcripts.py --write    writes them anew

A folder here is a state of a file: its ``state.py`` makes it in an empty folder, says ``ready`` and keeps it until its input ends.
Where a worker runs it says ``working``, and the end of the work is waited for after each command. The ``.txt`` files beside it are
then run in the order of their names: a line that begins with ``$`` is a command, what follows is what it printed. Times, durations,
sizes and the names of processes differ from run to run; what is left when they are masked must be the same. A state that listens says
with ``SHOWN_PORT`` which port the pages show; it gets a free one in ``PORT``, and so do the commands.

The command is ``KNOCKER_TEST_PROGRAM``, or the one on the path; ``state.py`` runs on this Python, which must be able to import ``knocker``.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Of the machine rather than of the state.
FACTS = re.compile(
    r"^(size|log|schema|file system|permissions|open in) .*\n|^(?:total )?\d+ (?:errors?|warnings?|notes?)(?:,.*)?\n?", re.MULTILINE
)
PLACES = re.compile(r"^(?:warning|error) (?:container|memory|network)_file_system\n(?:  .*\n)+\n?", re.MULTILINE)
MASKS = [
    (r"\d{4}-\d\d-\d\d(?:-\d\d-\d\d-\d\d|[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?", "DATE"),
    (r"\d\d:\d\d:\d\d(?:\.\d+)?", "TIME"),
    (r"(?:127\.0\.0\.1|localhost):\d+", "HOST"),
    (r"/\S*/transcript-\w+", "FOLDER"),
    (r"[\w-]+:\d+:[0-9a-f]+", "WORKER"),
    (r"python[\d.]* \(\d+\)|\bkill \d+", "PROCESS"),
    (r"\d[\d,.]* ?(?:ms|s|B|KiB|MiB|GiB|kB|MB|GB|TiB|seconds?|minutes?|hours?|days?|min|h|d)\b", "AMOUNT"),
    (r"\d+\.\d+", "FIGURE"),
    (r" {2,}|-{3,}", " "),
]


def masked(text: str) -> list[str]:
    text = FACTS.sub("", PLACES.sub("", text + "\n"))
    for pattern, name in MASKS:
        text = re.sub(pattern, name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def scenarios() -> list[Path]:
    return sorted(path.parent for path in HERE.glob("*/state.py"))


def commands(transcript: str) -> list[str]:
    found: list[str] = []
    lines = iter(transcript.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            found.append(command)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def shown_port(scenario: Path) -> str:
    """The port that the pages show of this state; nothing where it listens on none."""
    found = re.search(r"^SHOWN_PORT = (\d+)$", (scenario / "state.py").read_text(), re.MULTILINE)
    return found[1] if found else ""


def run(command: str, folder: Path, environment: dict[str, str], shown: str) -> str:
    ours = environment["PORT"]
    done = subprocess.run(
        ["bash", "-c", command.replace(f":{shown}/", f":{ours}/") if shown else command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = done.stdout.rstrip("\n").replace(socket.gethostname() + ":", "web-1:").replace(str(folder), "/srv/shop")
    return printed.replace(f":{ours}/", f":{shown}/") if shown else printed


def at_rest(database: Path) -> None:
    """Waits until no event waits for its first attempt or is in process."""
    connection = sqlite3.connect(database)
    while connection.execute("SELECT 1 FROM knocker_events WHERE status IN ('received', 'processing')").fetchone():
        time.sleep(0.02)
    connection.close()


def rerun(scenario: Path) -> dict[Path, str]:
    """What each transcript of the scenario should be."""
    program = Path(os.environ.get("KNOCKER_TEST_PROGRAM") or shutil.which("knocker") or "")
    if not program.is_file():
        raise SystemExit("there is no knocker command: build it, and name it in KNOCKER_TEST_PROGRAM")
    with tempfile.TemporaryDirectory(prefix="transcript-") as name:
        folder = Path(name)
        environment = {
            **os.environ,
            "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "TZ": "UTC",
            "STRIPE_WEBHOOK_SECRET": "whsec_test",
            "PORT": str(free_port()),
        }
        port = shown_port(scenario)
        state = subprocess.Popen(
            [sys.executable, scenario / "state.py"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert state.stdout
            said = state.stdout.readline().strip()
            if said not in ("ready", "working"):
                raise SystemExit(f"{scenario.name}: state.py ended before its state was there")
            shown = {}
            for path in sorted(scenario.glob("*.txt")):
                parts = []
                for command in commands(path.read_text()):
                    parts.append(f"$ {command}\n{run(command, folder, environment, port)}".rstrip())
                    if said == "working":
                        at_rest(folder / "app.db")
                shown[path] = "\n\n".join(parts) + "\n"
            return shown
        finally:
            state.communicate()


def main() -> None:
    writing = sys.argv[1:] == ["--write"]
    count = 0
    for scenario in scenarios():
        for path, now in rerun(scenario).items():
            count += 1
            if writing:
                path.write_text(now)
            elif masked(now) != masked(path.read_text()):
                raise SystemExit(f"{path.relative_to(HERE)} shows something else than what is printed now:\n{now}")
    print(f"{count} transcripts")


if __name__ == "__main__":
    main()
