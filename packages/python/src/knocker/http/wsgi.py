"""Webhooks over WSGI: beside Flask, Django or Bottle, or served alone by gunicorn or uWSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from knocker.http.answer import ABORTED, BAD_HOST, BAD_LENGTH, NO_LENGTH, NOT_FOUND, Answer, for_method, of_error, of_receipt
from knocker.http.body import AbortedError, BadLengthError, announced_length, consumed, patience_of, silent, socket_of, was_read
from knocker.http.host import BadHostError
from knocker.http.receiver import Receiver
from knocker.http.route import below, endpoint_name
from knocker.http.settings import HttpSettings
from knocker.http.target import target_of
from knocker.request import WebhookRequest

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]

_CHUNK = 64 * 1024


class WsgiApp:
    """A WSGI application that receives webhooks at ``/<endpoint>``."""

    def __init__(
        self,
        find: Callable[[str], Receiver | None],
        settings: HttpSettings,
        mount: str = "",
        otherwise: Wsgi | None = None,
    ) -> None:
        self._find = find
        self._settings = settings
        self._mount = mount
        self._otherwise = otherwise
        # Named in the log where an app is that of one tenant.
        self.tenant: str | None = None

    def endpoint_of(self, environ: Environ) -> str | None:
        """The name of the endpoint that a request is for, None where it is for none of this app."""
        inside = below(self._mount, environ.get("PATH_INFO") or "/")
        return endpoint_name(inside, target_of(environ).partition("?")[0]) if inside is not None else None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """One WSGI request."""
        inside = below(self._mount, environ.get("PATH_INFO") or "/")
        if inside is None and self._otherwise is not None:
            return self._otherwise(environ, start_response)
        answer = for_method(self._answer(inside, environ), environ["REQUEST_METHOD"])
        start(start_response, answer)
        return [answer.body]

    def _answer(self, inside: str | None, environ: Environ) -> Answer:
        # Escapes stand in the target alone, and the path is the bytes that they stand for, each as a letter.
        sent = target_of(environ).partition("?")[0]
        endpoint = self._find(endpoint_name(inside, sent)) if inside is not None else None
        if endpoint is None:
            return NOT_FOUND
        if environ.get("HTTP_TRANSFER_ENCODING") and not environ.get("CONTENT_LENGTH") and not environ.get("wsgi.input_terminated"):
            # Where the server does not say that the body has an end, reading one of unknown length may never return.
            return NO_LENGTH
        headers = _headers(environ)
        try:
            url = self._url(environ)
            body, truncated = _read(endpoint, environ, patience_of(self._settings.body_timeout_s))
            request = WebhookRequest(body, headers, environ["REQUEST_METHOD"], url, truncated)
            return of_receipt(endpoint.receive(request))
        except AbortedError:
            return ABORTED
        except BadLengthError:
            return BAD_LENGTH
        except BadHostError:
            return BAD_HOST
        except Exception as error:
            return of_error(endpoint.name, error, self.tenant)

    def _url(self, environ: Environ) -> str:
        return self._settings.external_url(
            scheme=environ.get("wsgi.url_scheme", "http"),
            host=environ.get("HTTP_HOST"),
            target=target_of(environ),
            peer=environ.get("REMOTE_ADDR"),
            header=lambda name: environ.get("HTTP_" + name.upper().replace("-", "_")),
        )


def start(start_response: StartResponse, answer: Answer) -> None:
    """Sends the head of the answer."""
    start_response(f"{answer.status} {_phrase(answer.status)}", list(answer.headers))


def _headers(environ: Environ) -> list[tuple[str, str]]:
    """WSGI servers join a repeated header with commas, so each name occurs once."""
    headers = [(name[5:].replace("_", "-").lower(), value) for name, value in environ.items() if name.startswith("HTTP_")]
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers.append((name.replace("_", "-").lower(), environ[name]))
    return headers


def _read(endpoint: Receiver, environ: Environ, patience_s: float) -> tuple[bytes, bool]:
    """The body, or its beginning and true where it is larger than the endpoint takes."""
    announced = announced_length(environ.get("CONTENT_LENGTH"))
    if announced == 0 or (announced is None and not environ.get("wsgi.input_terminated")):
        return b"", False
    stream, comes = environ["wsgi.input"], bool(announced or environ.get("HTTP_TRANSFER_ENCODING"))
    taken = was_read(stream, announced) if comes else False
    if taken:
        raise consumed()
    limit = endpoint.max_body_bytes
    if announced is not None and announced > limit:
        limit = endpoint.read_max_body_bytes()
        if announced > limit:
            return b"", True
    wanted = limit + 1 if announced is None else announced
    connection = socket_of(stream) if taken is None else None
    read = stream.read if connection is None else stream.read1
    parts: list[bytes] = []
    size = 0
    with _bounded(connection, patience_s):
        while size < wanted:
            try:
                chunk = read(min(_CHUNK, wanted - size))
            except Exception as error:
                if connection is not None and isinstance(error, TimeoutError):
                    raise silent(patience_s, size) from error
                # Each server has exceptions of its own for what a sender does wrong in its body.
                raise AbortedError from error
            if not chunk:
                break
            parts.append(chunk)
            size += len(chunk)
    if not size and taken is None:
        # Hardly a sender that announces a body and sends nothing of it.
        raise consumed()
    if announced is not None and size < announced:
        endpoint.tell_short(size, announced)
        raise AbortedError
    # The server's own bytes where they came at once.
    return b"".join(parts), size > limit


@contextmanager
def _bounded(connection: Any, patience_s: float) -> Iterator[None]:
    """Bounds how long nothing may come, where a read of what was taken would wait until the sender goes away."""
    if connection is None:
        yield
        return
    usual = connection.gettimeout()
    connection.settimeout(patience_s)
    try:
        yield
    finally:
        connection.settimeout(usual)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
