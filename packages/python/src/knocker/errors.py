"""Errors: one class tree under :class:`KnockerError`.

The core names each failure with a code, and ``knocker_errors`` lists the codes. The classes of :mod:`knocker.error_codes` are generated
from that table; here stand their families, and the errors of this package itself.
"""

from __future__ import annotations


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
