"""The base of every error; the classes of :mod:`knocker.errors` are generated."""

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
