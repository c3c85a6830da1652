"""Who takes part, and how a process of each is started. `run-tests` has built them and says where they are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from runner.process import Process

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parents[2]


@dataclass
class Participant:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    handles: bool = True
    """The command receives nothing and has no handlers."""
    packaged: bool = True
    """A package looks at the version of the library that it loads."""

    def start(self, folder: Path, **environment: str) -> Process:
        return Process(self.name, self.command, {**self.environment, **environment}, folder / f"{self.name}.log")


def _js(name: str, program: str) -> Participant:
    return Participant(name, [program, str(HERE / "js/participant.mjs")], {"KNOCKER_INTEROP_PACKAGE": str(ROOT / "packages/js" / name)})


def all_participants() -> list[Participant]:
    built = os.environ
    python = ["python3", str(HERE / "python/participant.py")]
    elixir = ["elixir", "-pa", built["INTEROP_ELIXIR"], str(HERE / "elixir/participant.exs")]
    return [
        Participant("python", python, {"PYTHONPATH": str(ROOT / "packages/python/src")}),
        _js("node", built["INTEROP_NODE"]),
        _js("bun", built["INTEROP_BUN"]),
        Participant("go", [built["INTEROP_GO"]]),
        Participant("ruby", ["ruby", "-I", str(ROOT / "packages/ruby/lib"), str(HERE / "ruby/participant.rb")]),
        Participant("elixir", elixir, {"ELIXIR_ERL_OPTIONS": "+fnu"}),
        Participant("sql", ["python3", str(HERE / "sql/participant.py")], packaged=False),
        Participant("command", ["python3", str(HERE / "command/participant.py")], handles=False, packaged=False),
    ]
