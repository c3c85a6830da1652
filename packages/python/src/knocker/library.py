"""Finding the loadable library, and loading it into a connection whatever the Python."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from knocker import module_sqlite
from knocker.contract import ENTRY_POINT, LIBRARY_FILES, OLDEST_SQLITE, VERSION
from knocker.driver_errors import load_failure, translate
from knocker.errors import CannotLoadError, LibraryNotFoundError, LibraryTooOldError, UnsupportedSqliteError


def loadable_path(explicit: str | os.PathLike[str] | None = None) -> str:
    """The absolute path of the library: ``explicit``, else ``KNOCKER_EXTENSION``, else the one inside this package.

    Raises :class:`~knocker.LibraryNotFoundError` if there is no such file.
    """
    chosen, origin = explicit, "the given path"
    if chosen is None:
        chosen, origin = os.environ.get("KNOCKER_EXTENSION") or None, "KNOCKER_EXTENSION"
    if chosen is None:
        chosen, origin = Path(__file__).with_name(LIBRARY_FILES.get(sys.platform, LIBRARY_FILES["linux"])), "the package"
    path = os.path.abspath(os.fspath(chosen))
    if not os.path.isfile(path):
        raise LibraryNotFoundError(f"there is no file {path} ({origin})")
    return path


def load(connection: Any, path: str | os.PathLike[str] | None = None) -> None:
    """Loads Knocker into an open connection of ``sqlite3``, ``apsw`` or ``pysqlite3``. Writes nothing; loading twice is harmless.

    A Python whose ``sqlite3`` was built without ``enable_load_extension`` is served through the SQLite library that the module itself
    uses. Raises :class:`~knocker.CannotLoadError` with what to do on this platform where that fails too,
    :class:`~knocker.LibraryTooOldError` where the library is older than this package, and the core's own error where the library
    refuses (``unsupported_sqlite``, ``second_sqlite``) or the file fails.
    """
    library = loadable_path(path)
    name = f"{type(connection).__module__}.{type(connection).__qualname__}"
    if name.startswith("aiosqlite."):
        raise CannotLoadError(
            f"the SQLite of {name} lives in a thread of its own: connect(…, factory=Loaded) makes it of a class, "
            "`class Loaded(sqlite3.Connection)`, whose __init__ ends with `knocker.load(self)`"
        )
    try:
        _load_somehow(connection, library, name)
    except CannotLoadError as error:
        found = _sqlite_version(connection)
        if found is not None and _release(found) < _release(OLDEST_SQLITE):
            # What the library itself would say, could it be loaded: another way to load it would not help.
            raise UnsupportedSqliteError(f"this program's SQLite is {found}, Knocker needs {OLDEST_SQLITE}") from error
        raise
    require_version(connection, library)


def _load_somehow(connection: Any, library: str, name: str) -> None:
    if hasattr(connection, "enable_load_extension"):
        _load_through_driver(connection, library)
    elif isinstance(connection, sqlite3.Connection):
        try:
            module_sqlite.load(connection, library, ENTRY_POINT)
        except module_sqlite.UnreachableError as error:
            raise CannotLoadError(f"{error}. {advice()}") from error
    else:
        raise CannotLoadError(f"{name} is no connection of sqlite3, apsw or pysqlite3; pass the driver's own connection")


def _sqlite_version(connection: Any) -> str | None:
    """That of a driver's connection, None of anything else."""
    try:
        ((found,),) = connection.execute("SELECT sqlite_version()").fetchall()
    except Exception:
        return None
    return str(found)


def require_version(connection: Any, library: str) -> None:
    """Refuses a library that is older than this package and lacks what it reads; a newer one serves it."""
    ((found,),) = connection.execute("SELECT knocker_version()").fetchall()
    if _release(found) < _release(VERSION):
        raise LibraryTooOldError(f"{library} has the version {found}, and this package needs {VERSION} or a newer one")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _load_through_driver(connection: Any, library: str) -> None:
    connection.enable_load_extension(True)
    try:
        if type(connection).__module__.partition(".")[0] == "apsw" or _is_apsw(connection):
            connection.load_extension(library, ENTRY_POINT)
        elif sys.version_info >= (3, 12) and isinstance(connection, sqlite3.Connection):
            connection.load_extension(library, entrypoint=ENTRY_POINT)
        else:
            # load_extension() of older modules takes no entry point, the SQL function does.
            connection.execute("SELECT load_extension(?, ?)", (library, ENTRY_POINT)).fetchall()
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        raise (load_failure(library, str(error)) if known.code == "sqlite_error" else known) from error
    finally:
        connection.enable_load_extension(False)


def _is_apsw(connection: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "apsw" for base in type(connection).__mro__)


def advice() -> str:
    """What a person can do where the standard module cannot load extensions."""
    if sys.platform == "darwin":
        python = "use a Python of Homebrew or uv, which can load extensions"
    elif sys.platform == "win32":
        python = "use the Python of python.org"
    else:
        python = "use your distribution's Python, or rebuild with PYTHON_CONFIGURE_OPTS=--enable-loadable-sqlite-extensions pyenv install"
    return f"Install another driver with `pip install apsw`, which Knocker then uses, or {python}"
