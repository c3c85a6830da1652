"""What a request says of its body before it is read."""

from __future__ import annotations

import asyncio
import inspect
import socket
from typing import Any

from knocker.errors import BodyConsumedError

# A body of more digits than this is larger than anything that is taken; Python refuses to read numbers of thousands of them.
_MOST_DIGITS = 18


class BadLengthError(Exception):
    """The request announces a length that is none."""


class AbortedError(Exception):
    """The body ended before its end: the sender went away."""


_SILENCE_S = 5.0


def patience_of(body_timeout_s: float) -> float:
    """How long the first byte of a body is waited for where it cannot be seen whether something in front took it. It follows the head."""
    return min(_SILENCE_S, body_timeout_s / 2)


def consumed() -> BodyConsumedError:
    """The error where it can be seen."""
    return BodyConsumedError("something in front of Knocker read the body of this request, so no signature can be checked")


def silent(waited_s: float, came: int = 0) -> BodyConsumedError:
    """The error where it cannot; ``came`` is how many bytes did."""
    if came:
        cause = "something in front of Knocker has read its beginning, or the sender stalls"
        return BodyConsumedError(f"after {came} bytes of the body none came in {waited_s:g} s: {cause}")
    return BodyConsumedError(f"no byte of the body came in {waited_s:g} s: most likely something in front of Knocker has read it")


def announced_length(text: str | None) -> int | None:
    """The length of the body as its header announces it; None where there is no header.

    Raises BadLengthError where it is no number: not every server has looked.
    """
    if not text:
        return None
    if len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit():
        return int(text)
    # A header that was sent twice arrives joined.
    values = {value.strip() for value in text.split(",")}
    length = values.pop()
    if values or not (length.isascii() and length.isdigit()):
        raise BadLengthError
    return int(length[-_MOST_DIGITS:]) if len(length.lstrip("0")) <= _MOST_DIGITS else 10**_MOST_DIGITS


def was_received(receive: Any) -> bool | None:
    """Whether something in front has taken the body, or some of it, from this ASGI server, which would say nothing more until the sender is
    gone. None where the server, or a wrapper around it, does not let it be seen."""
    giver = getattr(receive, "__self__", None)
    news = getattr(giver, "message_event", None)
    if news is not None:
        # uvicorn's, which holds what has come and was not taken yet.
        return not news.is_set() and getattr(giver, "more_body", True) is False and not getattr(giver, "body", True)
    put = getattr(giver, "_unfinished_tasks", None)
    if put is not None and isinstance(giver, asyncio.Queue):
        # hypercorn's and daphne's: a queue counts what was ever put into it.
        return bool(put > giver.qsize())
    return None


def is_complete(receive: Any) -> bool:
    """Whether this ASGI server, uvicorn, has all of the body already, so that nobody waits for it."""
    giver = getattr(receive, "__self__", None)
    news = getattr(giver, "message_event", None)
    return news is not None and news.is_set() and getattr(giver, "more_body", True) is False


# What these inputs count, from 0 on: of cheroot a body in chunks, of Django's own server one with a length, of gevent and eventlet both.
_COUNTS = ("bytes_read", "_pos", "position")


def was_read(stream: Any, announced: int | None) -> bool | None:
    """Whether something in front has read from this WSGI input. None where the server does not let it be seen."""
    reader = getattr(stream, "reader", None)
    if reader is not None:
        # gunicorn's: of a body with a length what is left of it, of one in chunks what takes them apart.
        return _is_less(getattr(reader, "length", None), announced) or _has_run(getattr(reader, "parser", True))
    if _is_less(getattr(stream, "remaining", None), announced):
        # cheroot's, of a body with a length.
        return True
    if getattr(stream, "_done", False) or getattr(stream, "_len", 0) > 0 or getattr(stream, "chunk_length", -1) >= 0:
        # In the middle of a chunk, or behind the last: of Flask's own server, of gevent and of eventlet.
        return True
    for count in (getattr(stream, name, None) for name in _COUNTS):
        if isinstance(count, int):
            return count > 0
    seekable = getattr(stream, "seekable", None)
    return stream.tell() > 0 if seekable is not None and seekable() else None


def _is_less(left: Any, announced: int | None) -> bool:
    return announced is not None and isinstance(left, int) and left < announced


def _has_run(parser: Any) -> bool:
    return parser is None or (inspect.isgenerator(parser) and inspect.getgeneratorstate(parser) != inspect.GEN_CREATED)


def socket_of(stream: Any) -> Any:
    """The connection that this WSGI input reads from, of the standard library's server and of those made from it, where a read of a body
    that was taken before waits until the sender goes away; None elsewhere."""
    connection = getattr(getattr(stream, "raw", None), "_sock", None)
    return connection if isinstance(connection, socket.socket) else None
