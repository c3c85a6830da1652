"""The hooks behind a middleware that reads of each body what the query says, and hands on what the server gave it."""

from __future__ import annotations

from typing import Any

from app_hooks import hooks

_ASGI = hooks.asgi("/webhooks")
_WSGI = hooks.wsgi("/webhooks")


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Reads one message, or all."""
    if scope["type"] == "http":
        reads = scope["query_string"]
        more = bool(reads)
        while more:
            more = (await receive())["more_body"] and reads == b"all"
    await _ASGI(scope, receive, send)


def wsgi(environ: Any, start_response: Any) -> Any:
    """Reads a few bytes, or all."""
    if reads := environ["QUERY_STRING"]:
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]) if reads == "all" else 5)
    return _WSGI(environ, start_response)
