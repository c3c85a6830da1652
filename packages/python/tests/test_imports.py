"""The modules of the package build on each other, and not in circles."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import knocker

PACKAGE = Path(knocker.__file__).parent


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, modules: set[str]) -> set[str]:
    """Whatever the file imports anywhere in it of the package, inside of functions and for types alone as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    # The package itself is imported before any of its modules.
    return found & modules - {"knocker"}


def test_no_module_needs_itself() -> None:
    files = {module_name(file): file for file in PACKAGE.rglob("*.py")}
    graph = {name: imported(file, set(files)) for name, file in files.items()}
    # Raises CycleError, which names the circle.
    order = list(TopologicalSorter(graph).static_order())
    assert len(order) == len(files)


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has no other way than with its lock")
def test_a_free_threaded_python_stays_without_its_lock(tmp_path: Path) -> None:
    """An extension module that does not know of it would bring the lock back for the whole process."""
    look = "import sys, knocker; knocker.open(sys.argv[1]).close(); print(sys._is_gil_enabled())"
    done = subprocess.run([sys.executable, "-c", look, str(tmp_path / "app.db")], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
