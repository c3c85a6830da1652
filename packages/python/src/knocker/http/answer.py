"""Which HTTP response a receipt, a refusal or a failure gets."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from knocker.error_codes import UnknownEndpointError
from knocker.errors import KnockerError
from knocker.receipt import Receipt

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
ABORTED = plain(400, "the body ended early", ("connection", "close"))
TOO_SLOW = plain(408, "the body took too long", ("connection", "close"))


def of_receipt(receipt: Receipt) -> Answer:
    """The response that the core decided on, as it is."""
    body = receipt.response.body.encode()
    headers = [(name, value) for name, value in receipt.response.headers.items() if name != "content-length"]
    return Answer(receipt.response.status, (*headers, ("content-length", str(len(body)))), body)


def of_error(endpoint: str, error: KnockerError) -> Answer:
    """Nothing was stored: the sender is to try again, unless the endpoint is not there."""
    if isinstance(error, UnknownEndpointError):
        return NOT_FOUND
    logger.error("receipt not stored", exc_info=error, extra={"endpoint": endpoint, "code": error.code})
    return plain(503, "try again later", ("retry-after", str(_RETRY_AFTER_S)))
