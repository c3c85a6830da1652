"""Which HTTP response a receipt, a refusal or a failure gets."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass

from knocker.errors import ClosedError, DatabaseError, KnockerError, NotReplicatedError, UnknownEndpointError
from knocker.records import Receipt

logger = logging.getLogger("knocker.http")

_RETRY_AFTER_S = 5
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """A response: status, headers (lower-case names) and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def plain(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """A line of text."""
    body = text.encode()
    return Answer(status, (("content-type", _TEXT), ("content-length", str(len(body))), *headers), body)


NOT_FOUND = plain(404, "no such endpoint")
INTERNAL = plain(500, "internal error: nothing was stored")
# Closing the connection is for the server: an app may not send the header (PEP 3333), and HTTP/2 has none.
NO_LENGTH = plain(411, "send a content-length")
BAD_HOST = plain(400, "bad host")
BAD_LENGTH = plain(400, "bad content-length")
# What fails may be mended, or pass.
TRY_AGAIN = plain(503, "try again later", ("retry-after", str(_RETRY_AFTER_S)))
ABORTED = plain(400, "the body ended early")
TOO_SLOW = plain(408, "the body took too long")


def of_receipt(receipt: Receipt) -> Answer:
    """The response that the core decided on, as it is."""
    body = receipt.response.body.encode()
    headers = [(name, value) for name, value in receipt.response.headers.items() if name != "content-length"]
    if receipt.response.status == 204:
        # It has no body, and may not announce one.
        return Answer(204, tuple(headers), b"")
    return Answer(receipt.response.status, (*headers, ("content-length", str(len(body)))), body)


def of_error(endpoint: str, error: Exception, tenant: str | None = None) -> Answer:
    """Nothing was stored, or not where it has to be. Where that may pass, the sender is told when to try again."""
    if isinstance(error, UnknownEndpointError):
        return NOT_FOUND
    whose = {} if tenant is None else {"tenant": tenant}
    where = f"endpoint {endpoint}" if tenant is None else f"tenant {tenant}, endpoint {endpoint}"
    if not isinstance(error, KnockerError):
        # Of the app's own function of secrets, most likely: the message may hold one, the places in the code do not.
        frames = "".join(traceback.format_tb(error.__traceback__))
        message = "%s: receipt not stored, answered 500: %s\n%s"
        fields = {"record": "receipt_failed", "endpoint": endpoint, "code": "internal", "status": 500, "error": type(error).__name__}
        logger.error(message, where, type(error).__name__, frames, extra=fields | whose)
        return INTERNAL
    # An operator may mend a file that fails, and of closed hooks another process takes the next try.
    passes = error.retryable or isinstance(error, (DatabaseError, ClosedError))
    answer = TRY_AGAIN if passes else INTERNAL
    # Its own message is known to hold no secret, and says all: a traceback for each request would hide what else happens.
    message = "%s: receipt not %s, answered %d: %s"
    what = "replicated" if isinstance(error, NotReplicatedError) else "stored"
    fields = {"record": "receipt_failed", "endpoint": endpoint, "code": error.code, "status": answer.status, "error": str(error)}
    logger.error(message, where, what, answer.status, error, extra=fields | whose)
    return answer


def for_method(answer: Answer, method: str) -> Answer:
    """The answer as it goes over the wire: to HEAD without its body."""
    return Answer(answer.status, answer.headers, b"") if method == "HEAD" else answer
