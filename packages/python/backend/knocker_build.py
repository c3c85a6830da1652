"""Builds the wheel and the source distribution: maturin, with the loadable library put beside the modules first.

maturin builds the ``knocker`` command; the library is another crate of the workspace, which only cargo can build. The workspace is the
checkout, or the folder ``rust`` of a source distribution.

For releases ``KNOCKER_LIBRARY`` names a library that was built before, and ``MATURIN_PEP517_ARGS`` says how the command is built, such as
``--target aarch64-unknown-linux-gnu --zig --compatibility manylinux2014``. maturin checks the command's glibc only: build both alike.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

import maturin

PACKAGE = Path(__file__).resolve().parents[1]
IN_SDIST = (PACKAGE / "rust" / "Cargo.toml").is_file()
WORKSPACE = PACKAGE / "rust" if IN_SDIST else PACKAGE.parents[1]
LIBRARY_NAME = {"darwin": "libknocker.dylib", "win32": "knocker.dll"}.get(sys.platform, "libknocker.so")
LICENCES = ("LICENSE-MIT", "LICENSE-APACHE")

# What cargo needs of the workspace: every member that Cargo.toml names, and the payloads that the command's demo includes.
RUST_SOURCES = ("Cargo.toml", "Cargo.lock", "extension", "packages/cli", "examples/payloads")
MANIFEST_PATH = 'manifest-path = "../cli/Cargo.toml"'

Settings = Mapping[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    return []


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    return []


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    with _staged_licences():
        return str(maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings))


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    with _shown() if IN_SDIST else nullcontext(), _staged_licences(), _staged_library():
        return str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """The package with the Rust workspace in the folder ``rust``. Needs the checkout: what is in it is what git knows."""
    metadata = _metadata()
    version = next(line.removeprefix("Version: ") for line in metadata.decode().splitlines() if line.startswith("Version: "))
    name = f"knocker_sqlite-{version}"
    files = {"PKG-INFO": with_readme(metadata), **{licence: (WORKSPACE / licence).read_bytes() for licence in LICENCES}}
    for path in tracked(PACKAGE, "."):
        files[path] = (PACKAGE / path).read_bytes()
    for path in tracked(WORKSPACE, *RUST_SOURCES):
        files[f"rust/{path}"] = (WORKSPACE / path).read_bytes()
    here = files["pyproject.toml"].decode()
    if MANIFEST_PATH not in here:
        raise RuntimeError(f"pyproject.toml does not say {MANIFEST_PATH}")
    files["README.md"] = readme()
    files["pyproject.toml"] = here.replace(MANIFEST_PATH, 'manifest-path = "rust/packages/cli/Cargo.toml"').encode()
    target = Path(sdist_directory) / f"{name}.tar.gz"
    # The same files give the same bytes: no time stamps, no owners.
    with target.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(files[path])
            entry.mode = 0o755 if os.access(PACKAGE / path, os.X_OK) else 0o644
            tar.addfile(entry, io.BytesIO(files[path]))
    return target.name


def _metadata() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return (Path(folder) / prepare_metadata_for_build_wheel(folder) / "METADATA").read_bytes()


def with_readme(metadata: bytes) -> bytes:
    """The metadata, whose description is the README of the checkout, with that of the index."""
    head, separator, _ = metadata.partition(b"\n\n")
    return head + separator + readme()


def readme() -> bytes:
    """The README as the index shows it, where a link into the repository leads nowhere."""
    script = WORKSPACE / "release" / "readme"
    return subprocess.run([sys.executable, str(script), str(PACKAGE / "README.md")], check=True, capture_output=True).stdout


def tracked(folder: Path, *paths: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=folder, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if path and (folder / path).is_file()]


@contextmanager
def _staged_licences() -> Iterator[None]:
    """The licences belong into the wheel, and stand in the checkout's root."""
    with _copied(*((WORKSPACE / licence, PACKAGE / licence) for licence in LICENCES if not (PACKAGE / licence).exists())):
        yield


@contextmanager
def _staged_library() -> Iterator[None]:
    """The library beside the modules, where the package looks for it."""
    library = _library()
    # By its own name: a cross build's differs from this machine's.
    with _copied((library, PACKAGE / "src" / "knocker" / library.name)):
        yield


@contextmanager
def _copied(*pairs: tuple[Path, Path]) -> Iterator[None]:
    try:
        for source, target in pairs:
            shutil.copyfile(source, target)
        yield
    finally:
        for _, target in pairs:
            target.unlink(missing_ok=True)


@contextmanager
def _shown() -> Iterator[None]:
    """Tells the person who waits what cargo compiles. pip keeps what a build prints to itself: it goes to the terminal too."""
    with ExitStack() as until_built:
        try:
            terminal = until_built.enter_context(open("/dev/tty", "w"))
        except OSError:
            yield
            return
        terminal.write(
            "\nknocker-sqlite: there is no wheel for this platform, so cargo compiles the library and the command. That takes minutes.\n"
        )
        terminal.flush()
        kept = os.dup(2)
        out, into = os.pipe()
        os.dup2(into, 2)
        os.close(into)
        # Ends where nobody holds the other end of the pipe any more.
        passing = threading.Thread(target=_pass_on, args=(out, kept, terminal))
        passing.start()
        try:
            yield
        finally:
            os.dup2(kept, 2)
            passing.join()
            os.close(kept)


def _pass_on(out: int, kept: int, terminal: TextIO) -> None:
    """Writes each line where it was meant to go; on the terminal the newest stands in the place of the one before."""
    with open(out, "rb") as lines:
        for line in lines:
            os.write(kept, line)
            # The last column is that of pip's own sign of life, which wipes out what stands before it.
            room = max(shutil.get_terminal_size().columns - 2, 1)
            terminal.write(f"\r\033[K{line.decode(errors='replace').strip()[:room]} ")
            terminal.flush()
    terminal.write("\r\033[K")


def _library() -> Path:
    if built := os.environ.get("KNOCKER_LIBRARY"):
        return Path(built)
    # Alone, because cargo unifies features over what one command builds: see Cargo.toml.
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "knocker-extension"], cwd=WORKSPACE, check=True)
    target = os.environ.get("CARGO_TARGET_DIR") or WORKSPACE / "target"
    return Path(target) / "release" / LIBRARY_NAME
