"""What a database driver raises, as an error of this package: the core's own by its code, SQLite's by its result code."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from types import TracebackType

from knocker.contract import RESULT_CODES
from knocker.errors import ERRORS, CannotLoadError, KnockerError

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
    """The error of that code; one of a newer library is a plain :class:`KnockerError` that has it."""
    error = ERRORS.get(code, KnockerError)(message)
    error.code = code
    return error


def translate(error: BaseException) -> KnockerError | None:
    """What a driver's error means, or None where it is no error of a database driver, or one of this package already."""
    if isinstance(error, KnockerError):
        return None
    try:
        text = str(error)
    except Exception:
        # Of a class of the application's own, which cannot say itself.
        text = ""
    if match := _CORE_ERROR.search(text):
        return from_code(match[1], match[2])
    result = _result_code(error, text)
    if result is None:
        return None
    return from_code(RESULT_CODES.get(result & 0xFF, "sqlite_error"), text)


def of_text(text: str) -> KnockerError:
    """The error that says so, the core's own or one of SQLite, where nothing but its text has come."""
    if match := _CORE_ERROR.search(text):
        return from_code(match[1], match[2])
    return from_code(RESULT_CODES.get((_result_of_text(text) or 1) & 0xFF, "sqlite_error"), text)


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
        return from_code(RESULT_CODES[result], reason)
    return CannotLoadError(f"SQLite cannot load {library}: {text}")


class _Translated:
    """One for all: it is entered for each statement, and a generator would cost more than that does."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception) and (known := translate(error)) is not None:
            raise known from error


_TRANSLATED = _Translated()


def translated() -> AbstractContextManager[None]:
    """Raises errors of the database driver as a :class:`KnockerError`."""
    return _TRANSLATED
