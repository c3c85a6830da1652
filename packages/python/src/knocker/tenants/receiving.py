"""Receiving for many tenants. A file is open only while it is needed, so that a body that comes slowly keeps none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from knocker.errors import UnknownTenantError
from knocker.http.answer import NOT_FOUND, Answer, for_method, of_error
from knocker.http.asgi import Asgi, AsgiApp, Receive, Scope, Send, respond
from knocker.http.settings import HttpSettings
from knocker.http.wsgi import Environ, StartResponse, Wsgi, WsgiApp, start
from knocker.records import Receipt
from knocker.request import WebhookRequest
from knocker.tenants.use import TenantUse

UseOf = Callable[[Any], TenantUse]


class TenantReceiver:
    """As an endpoint's own, see :class:`~knocker.http.receiver.Receiver`."""

    def __init__(self, use: Callable[[], TenantUse], name: str, max_body_bytes: int) -> None:
        self._use = use
        self.name = name
        self.max_body_bytes = max_body_bytes

    def read_max_body_bytes(self) -> int:
        """The size limit as it is stored now."""
        with self._use() as hooks:
            return hooks.endpoints[self.name].read_max_body_bytes()

    def receive(self, request: WebhookRequest) -> Receipt:
        """Verifies and stores one request."""
        with self._use() as hooks:
            return hooks.endpoints[self.name].receive(request)

    async def areceive(self, request: WebhookRequest) -> Receipt:
        """As ``receive``, for coroutines."""
        async with self._use() as hooks:
            return await hooks.endpoints[self.name].areceive(request)

    def tell_too_slow(self, received: int, timeout_s: float) -> None:
        """Told that a body was not complete in time."""
        with self._use() as hooks:
            hooks.endpoints[self.name].tell_too_slow(received, timeout_s)

    def tell_short(self, received: int, announced: int) -> None:
        """Told that a body ended before its end."""
        with self._use() as hooks:
            hooks.endpoints[self.name].tell_short(received, announced)


class TenantsAsgi:
    """An ASGI application that receives webhooks of every tenant at ``/<endpoint>``, or below."""

    def __init__(
        self, use: UseOf, tenant: Callable[[Scope], str | None], settings: HttpSettings, mount: str, otherwise: Asgi | None
    ) -> None:
        self._use = use
        self._tenant = tenant
        self._settings = settings
        self._mount = mount
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        found: dict[str, TenantReceiver] = {}
        app = AsgiApp(found.get, self._settings, self._mount, self._otherwise)
        if scope["type"] == "http" and (wanted := app.endpoint_of(scope)) is not None:
            try:
                app.tenant = name = self._tenant(scope)
                async with self._use(name) as hooks:
                    if (endpoint := hooks.endpoints.get(wanted)) is not None:
                        found[wanted] = TenantReceiver(lambda: self._use(name), wanted, endpoint.max_body_bytes)
            except Exception as error:
                return await respond(send, for_method(_refused(wanted, error, app.tenant), scope["method"]))
        return await app(scope, receive, send)


class TenantsWsgi:
    """A WSGI application that does."""

    def __init__(
        self, use: UseOf, tenant: Callable[[Environ], str | None], settings: HttpSettings, mount: str, otherwise: Wsgi | None
    ) -> None:
        self._use = use
        self._tenant = tenant
        self._settings = settings
        self._mount = mount
        self._otherwise = otherwise

    def __call__(self, environ: Environ, start_response: StartResponse) -> Any:
        """One WSGI request."""
        found: dict[str, TenantReceiver] = {}
        app = WsgiApp(found.get, self._settings, self._mount, self._otherwise)
        if (wanted := app.endpoint_of(environ)) is not None:
            try:
                app.tenant = name = self._tenant(environ)
                with self._use(name) as hooks:
                    if (endpoint := hooks.endpoints.get(wanted)) is not None:
                        found[wanted] = TenantReceiver(lambda: self._use(name), wanted, endpoint.max_body_bytes)
            except Exception as error:
                answer = for_method(_refused(wanted, error, app.tenant), environ["REQUEST_METHOD"])
                start(start_response, answer)
                return [answer.body]
        return app(environ, start_response)


def _refused(endpoint: str, error: Exception, tenant: str | None) -> Answer:
    if isinstance(error, UnknownTenantError):
        # Whoever tries names is told as little as of an endpoint that there is not.
        return NOT_FOUND
    return of_error(endpoint, error, tenant)
