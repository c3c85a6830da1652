"""A handler that waits for the write lock that it holds itself, since it has used ``tx``: told at once where that can be."""

from __future__ import annotations

from knocker.decision import stored_text
from knocker.driver_errors import translate
from knocker.errors import BusyError, KnockerError, UsageError
from knocker.transaction import CURRENT, AttemptTransaction

# How deep ORMs wrap a driver's error.
_DEEPEST_CAUSE = 5


def refuse_waiting(path: str, call: str) -> None:
    """Raises UsageError inside a handler that holds the lock of that file: the call would wait for it in vain."""
    attempt = CURRENT.get()
    if attempt is None or attempt.path != path:
        return
    attempt.let_go()
    if attempt.holds_lock:
        raise UsageError(
            f"{call}: this handler has held the write lock since its first use of tx, and the call would wait for it in vain. "
            "Call it before the first use of tx, or write through tx"
        )


def explained(error: BaseException, attempt: AttemptTransaction) -> BaseException:
    """What a handler raised; where a connection of its own has met the lock that it holds itself, in words that say so."""
    if not attempt.holds_lock or not says_busy(error):
        return error
    known = BusyError(
        f"{stored_text(error)}: this handler has held the write lock of {attempt.path} since its first use of tx, and whatever writes "
        "there through another connection waits for it in vain"
    )
    known.retryable, known.hint = False, "Write through tx, or before its first use."
    known.__cause__ = error
    return known


def says_busy(error: BaseException) -> bool:
    """Whether a connection that is not Knocker's has met the write lock."""
    at: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        # Knocker's own have words of their own.
        if at is None or isinstance(at, KnockerError):
            return False
        if isinstance(translate(at), BusyError):
            return True
        at = at.__cause__
    return False
