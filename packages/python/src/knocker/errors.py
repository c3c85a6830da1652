"""Errors: one class tree under :class:`KnockerError`.

The core names each failure with a code, and ``knocker_errors`` lists the codes. The classes of :mod:`knocker.error_codes` are generated
from that table; this module turns what a database driver raises into one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


class KnockerError(Exception):
    """Base of every error of this package.

    ``code`` is the stable name of the failure, ``retryable`` whether the same call may succeed later, and ``hint`` what the person who
    reads the error can do. The message never holds a secret.
    """

    code: str = "error"
    retryable: bool = False
    hint: str = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        if not self.hint:
            return f"{self.code}: {self.message}"
        return f"{self.code}: {self.message}{'' if self.message.endswith(('.', '?', '!')) else '.'} {self.hint}"


class NotFoundError(KnockerError):
    """Base of errors about an id or a name that does not exist."""


class DatabaseError(KnockerError):
    """Base of errors of the database itself, which refuses or fails."""


class SetupError(KnockerError):
    """Base of errors of a process in which Knocker cannot run as it is set up."""


class LibraryNotFoundError(SetupError):
    """The loadable library is not where it was looked for."""

    code = "library_not_found"
    hint = "Set KNOCKER_EXTENSION to the path of libknocker, or install the knocker-sqlite wheel of this platform."


class CannotLoadError(SetupError):
    """This Python's SQLite refuses or fails to load the library."""

    code = "cannot_load"
    hint = "`python -m knocker path` prints which library is used; it must be built for this platform."


class UsageError(KnockerError):
    """The package was called in a way that cannot work; the message says how to call it."""

    code = "usage"
    hint = "Correct the call as the message says."


class ClosedError(UsageError):
    """Used after the end: hooks after ``close()``, or ``tx`` after its handler."""

    code = "closed"
    hint = "Use it only while it is open."


class ForkedError(UsageError):
    """Used in a child that was forked while a connection was open that could not be closed before."""

    code = "forked"
    hint = "Fork before workers start, start them in the child, or begin the child anew (multiprocessing's spawn, subprocess)."


class FileReplacedError(DatabaseError):
    """The file was removed or replaced while it was open. Nothing was stored; the file that is put there is opened."""

    code = "file_replaced"
    retryable = True
    hint = "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app makes none."


# SQLite's primary result codes, and the name that the core has for each.
_RESULT_CODES = {
    5: "busy",
    6: "busy",
    8: "read_only",
    9: "interrupted",
    10: "io_error",
    11: "corrupt",
    13: "disk_full",
    14: "io_error",
    26: "corrupt",
}

# Python 3.10's sqlite3 does not hand out result codes; these are SQLite's own texts for them.
_RESULT_TEXTS = {
    "database is locked": 5,
    "database table is locked": 6,
    "attempt to write a readonly database": 8,
    "interrupted": 9,
    "disk I/O error": 10,
    "database disk image is malformed": 11,
    "database or disk is full": 13,
    "unable to open database file": 14,
    "file is not a database": 26,
}

_CORE_ERROR = re.compile(r"knocker: ([a-z_]+): (.*)", re.DOTALL)


def from_code(code: str, message: str) -> KnockerError:
    """The error of that code; a code of a newer library is a plain :class:`SqliteError` that names it."""
    from knocker.error_codes import ERRORS, SqliteError

    if code in ERRORS:
        return ERRORS[code](message)
    return SqliteError(f"{code}: {message}")


def translate(error: BaseException) -> KnockerError | None:
    """What a driver's error means, or None where it is no error of a database driver, or one of this package already."""
    if isinstance(error, KnockerError):
        return None
    text = str(error)
    if match := _CORE_ERROR.search(text):
        return from_code(match[1], match[2])
    result = _result_code(error, text)
    if result is None:
        return None
    return from_code(_RESULT_CODES.get(result & 0xFF, "sqlite_error"), text)


def _result_code(error: BaseException, text: str) -> int | None:
    for attribute in ("sqlite_errorcode", "result"):
        code = getattr(error, attribute, None)
        if isinstance(code, int):
            return code
    if not any(base.__name__ == "DatabaseError" for base in type(error).__mro__):
        return None
    return _result_of_text(text) or 1


def _result_of_text(text: str) -> int | None:
    return next((code for known, code in _RESULT_TEXTS.items() if text.startswith(known)), None)


def load_failure(library: str, text: str) -> KnockerError:
    """The error of a load that SQLite refused with this text. The library itself may have failed on the file that is open."""
    if match := _CORE_ERROR.search(text):
        return from_code(match[1], match[2])
    reason = text.removeprefix("error during initialization: ")
    result = _result_of_text(reason)
    if result is not None:
        return from_code(_RESULT_CODES[result], reason)
    return CannotLoadError(f"SQLite cannot load {library}: {text}")


@contextmanager
def translated() -> Iterator[None]:
    """Raises errors of the database driver as a :class:`KnockerError`."""
    try:
        yield
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
