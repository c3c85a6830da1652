"""What a request says of its body before it is read."""

from __future__ import annotations

from typing import Any

# A body of more digits than this is larger than anything that is taken; Python refuses to read numbers of thousands of them.
_MOST_DIGITS = 18


class BadLengthError(Exception):
    """The request announces a length that is none."""


class AbortedError(Exception):
    """The body ended before its end: the sender went away."""


def announced_length(text: str | None) -> int | None:
    """The length of the body as its header announces it; None where there is no header.

    Raises BadLengthError where it is no number: not every server has looked.
    """
    if not text:
        return None
    # A header that was sent twice arrives joined.
    values = {value.strip() for value in text.split(",")}
    length = values.pop()
    if values or not (length.isascii() and length.isdigit()):
        raise BadLengthError
    return int(length[-_MOST_DIGITS:]) if len(length.lstrip("0")) <= _MOST_DIGITS else 10**_MOST_DIGITS


def was_received(receive: Any) -> bool:
    """Whether something in front has taken the whole body from this ASGI server, which then says nothing more until the sender goes away.

    Only uvicorn lets that be seen; elsewhere such a request ends as one that is too slow.
    """
    cycle = getattr(receive, "__self__", None)
    news = getattr(cycle, "message_event", None)
    return news is not None and not news.is_set() and getattr(cycle, "more_body", True) is False and not getattr(cycle, "body", True)


def was_read(stream: Any) -> bool:
    """Whether something in front has read from this WSGI input. Only gunicorn, and servers that keep bodies in files, let that be seen."""
    reader = getattr(stream, "reader", None)
    if reader is not None:
        # Of a body with a length what is left of it, of one in chunks what takes them apart.
        return getattr(reader, "length", None) == 0 or getattr(reader, "parser", True) is None
    seekable = getattr(stream, "seekable", None)
    return bool(seekable is not None and seekable() and stream.tell() > 0)
