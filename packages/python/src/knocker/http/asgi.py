"""Webhooks over ASGI: mount it in FastAPI, Starlette, Litestar or Quart, or serve it alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from knocker.http.answer import BAD_HOST, BAD_LENGTH, NOT_FOUND, TOO_SLOW, Answer, for_method, of_error, of_receipt
from knocker.http.body import AbortedError, BadLengthError, announced_length, consumed, is_complete, patience_of, silent, was_received
from knocker.http.host import BadHostError
from knocker.http.receiver import Receiver
from knocker.http.route import below, endpoint_name
from knocker.http.settings import HttpSettings
from knocker.http.target import origin_form, quoted
from knocker.request import WebhookRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

T = TypeVar("T")


class _TooSlow(Exception):  # noqa: N818 - an outcome, never raised to a caller
    """The body took longer than the settings allow."""


class AsgiApp:
    """An ASGI application that receives webhooks at ``/<endpoint>``."""

    def __init__(
        self,
        find: Callable[[str], Receiver | None],
        settings: HttpSettings,
        mount: str = "",
        otherwise: Asgi | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        """``started`` is called where the server says that it starts."""
        self._find = find
        self._settings = settings
        self._mount = mount
        self._otherwise = otherwise
        # Named in the log where an app is that of one tenant.
        self.tenant: str | None = None
        self._started = started

    def endpoint_of(self, scope: Scope) -> str | None:
        """The name of the endpoint that a request is for, None where it is for none of this app."""
        inside = below(self._mount, origin_form(_path(scope)))
        return endpoint_name(inside, _sent_path(scope)) if inside is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] == "lifespan":
            await asyncio.to_thread(self._started)
        path = origin_form(_path(scope)) if scope["type"] == "http" else None
        inside = below(self._mount, path) if path is not None else None
        if inside is None and self._otherwise is not None:
            await self._otherwise(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(inside, scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, inside: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._find(endpoint_name(inside, _sent_path(scope))) if inside is not None else None
        if endpoint is None:
            return await respond(send, for_method(NOT_FOUND, scope["method"]))
        try:
            request = await self._request(endpoint, scope, receive)
            answer = of_receipt(await endpoint.areceive(request))
        except AbortedError:
            # Nobody is there to be answered.
            return None
        except BadLengthError:
            answer = BAD_LENGTH
        except BadHostError:
            answer = BAD_HOST
        except _TooSlow:
            answer = TOO_SLOW
        except Exception as error:
            answer = of_error(endpoint.name, error, self.tenant)
        return await respond(send, for_method(answer, scope["method"]))

    async def _request(self, endpoint: Receiver, scope: Scope, receive: Receive) -> WebhookRequest:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]

        def header(wanted: str) -> str | None:
            # A proxy may add its value to a header that is there, or a line of its own; both read the same when joined.
            return ", ".join([value for name, value in headers if name == wanted]) or None

        url = self._url(scope, header)
        announced, chunked = announced_length(header("content-length")), header("transfer-encoding") is not None
        if announced == 0 or (announced is None and not chunked and scope.get("http_version", "").startswith("1")):
            # There is no body, whatever has looked for one before.
            return WebhookRequest(b"", headers, scope["method"], url)
        taken = was_received(receive)
        if taken:
            raise consumed()
        parts: list[bytes] = []
        try:
            reading = self._read(endpoint, announced or 0, receive, parts, taken is None)
            # A timer costs more than what it would watch over.
            truncated = await (reading if is_complete(receive) else _within(self._settings.body_timeout_s, reading))
        except (TimeoutError, asyncio.TimeoutError) as error:
            endpoint.tell_too_slow(sum(map(len, parts)), self._settings.body_timeout_s)
            raise _TooSlow from error
        # The server's own bytes where they came at once.
        body = b"".join(parts)
        if announced and len(body) < announced and not truncated and not chunked:
            # The server holds senders to what they announce: something in front has taken it.
            raise consumed()
        if chunked and not body and taken is None:
            # Hardly a sender that announces chunks and sends none: a server that cannot take them apart, or something in front.
            raise consumed()
        return WebhookRequest(body, headers, scope["method"], url, truncated)

    async def _read(self, endpoint: Receiver, announced: int, receive: Receive, parts: list[bytes], in_doubt: bool) -> bool:
        """Reads the body, or its beginning and true where it is larger than the endpoint takes. ``in_doubt`` is whether there is one."""
        limit, size = endpoint.max_body_bytes, 0
        if announced > limit:
            limit = await asyncio.to_thread(endpoint.read_max_body_bytes)
            if announced > limit:
                return True
        while True:
            message = await (self._first(receive) if in_doubt else receive())
            in_doubt = False
            if message["type"] == "http.disconnect":
                raise AbortedError
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > limit:
                limit = await asyncio.to_thread(endpoint.read_max_body_bytes)
                if size > limit:
                    parts[:] = [b"".join(parts)[: limit + 1]]
                    return True
            if not message.get("more_body", False):
                return False

    async def _first(self, receive: Receive) -> Message:
        patience_s = patience_of(self._settings.body_timeout_s)
        try:
            return await _within(patience_s, receive())
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise silent(patience_s) from error

    def _url(self, scope: Scope, header: Callable[[str], str | None]) -> str:
        sent = _sent_path(scope)
        path = sent if sent is not None else quoted(scope["path"].encode())
        query = scope.get("query_string", b"").decode("latin-1")
        client = scope.get("client")
        return self._settings.external_url(
            scheme=scope.get("scheme", "http"),
            host=header("host"),
            target=f"{path}?{query}" if query else path,
            peer=client[0] if client else None,
            header=header,
        )


def _path(scope: Scope) -> str:
    """The path inside the mount: newer frameworks keep the whole path and name the mount in ``root_path``."""
    path: str = scope["path"]
    inside = below(scope.get("root_path", ""), path)
    return path if inside is None else inside


def _sent_path(scope: Scope) -> str | None:
    """The path as it was sent, where the server tells."""
    raw_path: bytes | None = scope.get("raw_path")
    return origin_form(raw_path.decode("latin-1").partition("?")[0]) if raw_path else None


async def _within(seconds: float, awaitable: Awaitable[T]) -> T:
    if sys.version_info >= (3, 11):
        async with asyncio.timeout(seconds):
            return await awaitable
    return await asyncio.wait_for(awaitable, seconds)


async def respond(send: Send, answer: Answer) -> None:
    """Sends the answer."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
