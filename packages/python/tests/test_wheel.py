"""The wheel and the source distribution, as a user gets them. ``run-tests`` builds the wheel and names it in ``KNOCKER_TEST_WHEEL``."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import venv
import zipfile
from functools import cache
from pathlib import Path

import pytest

from knocker.contract import VERSION

CHECKOUT = Path(__file__).resolve().parents[3]

QUICKSTART = """
import os, sqlite3, sys
os.environ["STRIPE_WEBHOOK_SECRET"] = "whsec_test"
sys.path.insert(0, os.getcwd())
import knocker
from knocker.testing import drain, sign
import quickstart

inside = os.path.realpath(sys.prefix)
for path in (knocker.__file__, knocker.loadable_path()):
    assert os.path.realpath(path).startswith(inside), path
assert not (os.environ["HIDDEN"] and os.path.exists(os.environ["CHECKOUT"] + "/packages")), "the checkout is in reach"
body = {"id": "evt_1", "type": "checkout.session.completed", "data": {"object": {"id": "cs_1"}}}
request = sign("stripe", body, "whsec_test")
started = []
environ = {
    "REQUEST_METHOD": "POST", "PATH_INFO": "/stripe", "HTTP_HOST": "shop.example", "CONTENT_LENGTH": str(len(request.body)),
    "wsgi.input": __import__("io").BytesIO(request.body),
    **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in request.headers},
}
list(quickstart.hooks.wsgi()(environ, lambda status, headers: started.append(status)))
assert started == ["200 OK"], started
assert [attempt.status for attempt in drain(quickstart.hooks)] == ["handled"]
assert sqlite3.connect("app.db").execute("SELECT id FROM orders").fetchall() == [("cs_1",)]
print("quick start works with", knocker.__version__)
"""


def wheel() -> Path:
    named = os.environ.get("KNOCKER_TEST_WHEEL")
    if not named:
        pytest.fail("KNOCKER_TEST_WHEEL names no wheel: run packages/python/run-tests")
    return Path(named)


def install(python: Path, package: Path) -> None:
    """With the pip of the test environment: the new one is empty."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps", str(package)]
    subprocess.run(pip, check=True)


MOUNT = 'mount -t tmpfs none "$CHECKOUT" && exec "$@"'
NAMESPACES = (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"])
"""How a command gets a mount namespace of its own: as root, and as anybody where the kernel lets them."""


@cache
def hiding() -> list[str]:
    """What to put before a command so that an empty file system lies over the checkout. Empty where this process may mount nothing."""
    for namespace in NAMESPACES:
        command = [*namespace, "sh", "-c", MOUNT, "sh"]
        with contextlib.suppress(FileNotFoundError):
            if subprocess.run([*command, "true"], env={**os.environ, "CHECKOUT": str(CHECKOUT)}, capture_output=True).returncode == 0:
                return command
    print("mounting is not permitted here: the checkout stays in reach, and only what was loaded is checked")
    return []


def without_checkout(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs where the checkout is hidden, if it can be."""
    environment = {"PATH": os.environ["PATH"], "CHECKOUT": str(CHECKOUT), "HIDDEN": "yes" if hiding() else ""}
    return subprocess.run([*hiding(), *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def check(package: Path, folder: Path) -> None:
    """The quick start in an empty virtual environment."""
    venv.create(folder / "venv", with_pip=False)
    scripts = folder / "venv" / "bin"
    install(scripts / "python", package)
    (folder / "quickstart.py").write_text((CHECKOUT / "examples" / "python" / "quickstart.py").read_text())
    (folder / "run.py").write_text(QUICKSTART)
    done = without_checkout([str(scripts / "python"), "run.py"], folder)
    assert "quick start works" in done.stdout, done.stderr
    command = without_checkout([str(scripts / "knocker"), "--db", "app.db", "--json", "events"], folder)
    assert '"handled"' in command.stdout, command.stderr


def test_the_wheel_runs_the_quick_start_without_the_checkout(tmp_path: Path) -> None:
    check(wheel(), tmp_path)


def test_the_wheel_holds_library_command_types_and_licences() -> None:
    names = zipfile.ZipFile(wheel()).namelist()
    for wanted in ("knocker/libknocker.so", "knocker/py.typed", "knocker/http/asgi.py", "knocker/django/management/commands/inspectdb.py"):
        assert wanted in names
    assert any(name.endswith("scripts/knocker") for name in names)
    assert {name.rpartition("/")[2] for name in names if "licenses" in name} == {"LICENSE-MIT", "LICENSE-APACHE"}
    assert not [name for name in names if "test" in name.split("/")[-1] and name not in ("knocker/testing.py", "knocker/pytest_plugin.py")]
    assert wheel().name.startswith(f"knocker_sqlite-{VERSION}-py3-none-")


@pytest.mark.timeout(3000)
def test_the_source_distribution_builds_with_a_rust_toolchain(tmp_path: Path) -> None:
    source = Path(os.environ.get("KNOCKER_TEST_SDIST") or pytest.fail("KNOCKER_TEST_SDIST names no file: run packages/python/run-tests"))
    # Quicker to compile than what is released; what is tested is that the sources are complete.
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": os.environ["KNOCKER_TEST_SDIST_TARGET"],
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    }
    for name in ("KNOCKER_EXTENSION", "PYTHONPATH"):
        environment.pop(name, None)
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(tmp_path)]
    pip = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    done = subprocess.run(pip, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    check(next(tmp_path.glob("*.whl")), tmp_path)
