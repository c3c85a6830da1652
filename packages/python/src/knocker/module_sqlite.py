"""Loading through the SQLite library that the ``sqlite3`` module itself is linked with.

Many Pythons are built without ``enable_load_extension``: pyenv's by default, python.org's on macOS. The library behind the module can load
extensions all the same. It is reached by name through the module's own shared object, so that no second SQLite comes into the process,
and only for the one connection: nothing of the process changes.
"""

from __future__ import annotations

import ctypes
import sqlite3
import sys
from functools import lru_cache

from knocker.driver_errors import from_code, load_failure

_OK = 0
_DBCONFIG_ENABLE_LOAD_EXTENSION = 1005


class UnreachableError(Exception):
    """The module's SQLite cannot be used this way; the message says why."""


@lru_cache(maxsize=1)
def _sqlite() -> ctypes.CDLL:
    """The functions of the module's own SQLite, checked to be the same version as the module reports."""
    if sys.implementation.name != "cpython":
        raise UnreachableError(f"sqlite3 of {sys.implementation.name} cannot load extensions")
    import _sqlite3

    try:
        # A module that is built into the interpreter has no file: its symbols are the program's own.
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        library.sqlite3_libversion.restype = ctypes.c_char_p
        version = (library.sqlite3_libversion() or b"").decode()
        load_extension = library.sqlite3_load_extension
    except (OSError, AttributeError) as error:
        raise UnreachableError(f"this Python's SQLite was built without extension loading ({error})") from error
    if version != sqlite3.sqlite_version:
        raise UnreachableError(f"the module uses SQLite {sqlite3.sqlite_version}, but the one to be found is {version}")
    text = ctypes.POINTER(ctypes.c_char_p)
    load_extension.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, text]
    load_extension.restype = ctypes.c_int
    # Variadic in C: the last two are what this operation takes.
    library.sqlite3_db_config.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.sqlite3_db_config.restype = ctypes.c_int
    library.sqlite3_db_readonly.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.sqlite3_db_readonly.restype = ctypes.c_int
    library.sqlite3_free.argtypes = [ctypes.c_void_p]
    library.sqlite3_free.restype = None
    return library


def check(connection: sqlite3.Connection) -> None:
    """Raises :class:`UnreachableError` where this way is closed."""
    sqlite = _sqlite()
    handle = _handle(connection)
    _permit(sqlite, handle, True)
    _permit(sqlite, handle, False)


def load(connection: sqlite3.Connection, path: str, entry_point: str) -> None:
    """Loads the file into this connection.

    Raises :class:`UnreachableError` where the library cannot be reached, and a KnockerError where it refuses the file.
    """
    sqlite = _sqlite()
    handle = _handle(connection)
    _permit(sqlite, handle, True)
    try:
        problem = ctypes.c_char_p()
        code = sqlite.sqlite3_load_extension(handle, path.encode(), entry_point.encode(), ctypes.byref(problem))
        if code == _OK:
            return
        text = (problem.value or b"no reason given").decode(errors="replace")
        if problem:
            sqlite.sqlite3_free(problem)
    finally:
        _permit(sqlite, handle, False)
    raise load_failure(path, text)


def is_read_only(connection: sqlite3.Connection) -> bool:
    """Whether SQLite could open the file for reading only.

    Raises :class:`UnreachableError` where the library cannot be reached.
    """
    return bool(_sqlite().sqlite3_db_readonly(_handle(connection), b"main") == 1)


def _permit(sqlite: ctypes.CDLL, handle: ctypes.c_void_p, on: bool) -> None:
    """Switches the C function alone, not SQL's load_extension(), for this connection."""
    if sqlite.sqlite3_db_config(handle, _DBCONFIG_ENABLE_LOAD_EXTENSION, ctypes.c_int(on), ctypes.c_void_p()) != _OK:
        raise UnreachableError("this Python's SQLite was built without extension loading")


def _handle(connection: sqlite3.Connection) -> ctypes.c_void_p:
    """The ``sqlite3 *`` of a connection: the first field of CPython's structure, after the head of the object."""
    # A closed connection has none; asking it anything says so in the module's own words.
    try:
        _ = connection.total_changes
    except sqlite3.ProgrammingError as error:
        raise from_code("sqlite_error", str(error)) from error
    return ctypes.c_void_p(ctypes.c_void_p.from_address(id(connection) + object.__basicsize__).value)
