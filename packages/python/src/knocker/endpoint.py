"""Endpoints: a name in the URL, who may send there, and the handlers of what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from knocker.arguments import to_json
from knocker.connection import Value
from knocker.database import Database
from knocker.endpoint_secrets import EndpointSecrets, Secrets
from knocker.error_codes import StaleJudgementError, UnknownEndpointError
from knocker.errors import UsageError
from knocker.handlers import Handler, Handlers
from knocker.http.asgi import AsgiApp
from knocker.http.settings import HttpSettings
from knocker.http.wsgi import WsgiApp
from knocker.receipt import Receipt, Verdict
from knocker.refusals import Refusals
from knocker.request import Headers, HeadersLike, WebhookRequest, raw_bytes
from knocker.ticket import Ticket

# A judgement is made again where the settings have changed since.
_TRIES = 4

AnyHandler = TypeVar("AnyHandler", bound=Handler)


class Endpoint:
    """One endpoint of a :class:`~knocker.Hooks`; made by :meth:`~knocker.Hooks.endpoint`. Thread-safe."""

    def __init__(
        self,
        database: Database,
        http: HttpSettings,
        refusals: Refusals,
        name: str,
        secrets: Secrets,
        settings: Mapping[str, Any] | None,
    ) -> None:
        self.name = name
        self.handlers = Handlers()
        self._database = database
        self._http = http
        self._refusals = refusals
        self._secrets = EndpointSecrets(name, secrets)
        self._declared: Callable[[], None] | None = None
        if settings is not None:
            self.configure(**settings)
        else:
            self.read_max_body_bytes()

    def configure(
        self,
        *,
        provider: str | None = None,
        options: Mapping[str, Any] | None = None,
        enabled: bool | None = None,
        max_attempts: int | None = None,
        backoff: Mapping[str, float] | None = None,
        max_body_bytes: int | None = None,
        unhandled: Literal["dead", "ignore"] | None = None,
        on_redelivery: Literal["keep", "requeue_dead"] | None = None,
        invalid_per_hour: int | None = None,
        max_refused: int | None = None,
        max_refused_bytes: int | None = None,
        max_batch_events: int | None = None,
    ) -> None:
        """Stores the settings. What is left out gets its default, also of ``backoff``, so that the code says all there is; only ``enabled``
        keeps its stored value, so that an operator's switch outlives a deploy."""
        if provider is not None and self._needs_secret(provider):
            self._secrets.require_any(provider)
        config: dict[str, Any] = {
            "provider": provider,
            "options": options,
            "max_attempts": max_attempts,
            # The core keeps a part that is not named at all.
            "backoff": None if backoff is None else {"base_s": None, "factor": None, "cap_s": None, **backoff},
            "max_body_bytes": max_body_bytes,
            "unhandled": unhandled,
            "on_redelivery": on_redelivery,
            "invalid_per_hour": invalid_per_hour,
            "max_refused": max_refused,
            "max_refused_bytes": max_refused_bytes,
            "max_batch_events": max_batch_events,
        }
        if enabled is not None:
            config["enabled"] = enabled

        def declare() -> None:
            self._database.call("knocker_endpoint", self.name, to_json("settings", config))
            self.read_max_body_bytes()

        declare()
        self._declared = declare

    def _needs_secret(self, provider: str) -> bool:
        sql = "SELECT needs_secret FROM knocker_providers WHERE name = ?1 OR ?1 IN (SELECT value FROM json_each(aliases))"
        # The core refuses one that there is not.
        return any(needs for (needs,) in self._database.rows(sql, [provider]))

    def declare_again(self) -> None:
        """Stores the settings in another file that has come in the place of the one before; those kept elsewhere are not known here."""
        if self._declared is not None:
            self._declared()

    def read_max_body_bytes(self) -> int:
        """The size limit as it is stored now; another process or an operator may have changed it."""
        rows = self._database.rows("SELECT max_body_bytes FROM knocker_endpoints WHERE name = ?", [self.name])
        if not rows:
            raise UnknownEndpointError(f"there is no endpoint {self.name!r}")
        self.max_body_bytes = int(rows[0][0])
        return self.max_body_bytes

    def on(self, *types: str) -> Callable[[AnyHandler], AnyHandler]:
        """Decorates a handler of events of these types: exact, ``"prefix.*"``, or ``"*"`` for all."""
        if not types or not all(isinstance(pattern, str) for pattern in types):
            raise UsageError('name the types: @endpoint.on("invoice.paid"), or "*" for every one')

        def register(handler: AnyHandler) -> AnyHandler:
            for pattern in types:
                self.handlers.add(pattern, handler)
            return handler

        return register

    def add_handler(self, type: str, handler: Handler) -> None:
        """Adds a handler as :meth:`on` does. The handlers of one event run in the order they were added, in one transaction."""
        self.handlers.add(type, handler)

    def receive(self, request: WebhookRequest) -> Receipt:
        """Verifies and stores one request; the receipt is committed when this returns.

        Callers of several threads share commits. Raises :class:`~knocker.KnockerError` where nothing could be stored.
        """
        receipt = self._stored("knocker_judge", request.to_json(), request.body, self._secrets.of(request))
        return self._told(receipt, request)

    async def areceive(self, request: WebhookRequest) -> Receipt:
        """As :meth:`receive`, for coroutines; concurrent tasks share commits."""
        receipt = await self._astored("knocker_judge", request.to_json(), request.body, await self._secrets.aof(request))
        return self._told(receipt, request)

    def ingest(
        self,
        body: bytes,
        *,
        valid: bool,
        type: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        detail: str | None = None,
        provider_event_id: str | None = None,
        provider_delivery_id: str | None = None,
        method: str | None = None,
        url: str | None = None,
        headers: HeadersLike | None = None,
    ) -> Receipt:
        """Stores a request that you have verified yourself; only ``valid=True`` makes an event.

        The dedupe identity is the first that is not empty of ``key``, ``provider_event_id`` and ``provider_delivery_id``.
        """
        fields = _fields(valid, type, key, reason, detail, provider_event_id, provider_delivery_id, method, url, headers)
        return self._told(self._stored("knocker_attest", fields, raw_bytes(body)))

    async def aingest(
        self,
        body: bytes,
        *,
        valid: bool,
        type: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        detail: str | None = None,
        provider_event_id: str | None = None,
        provider_delivery_id: str | None = None,
        method: str | None = None,
        url: str | None = None,
        headers: HeadersLike | None = None,
    ) -> Receipt:
        """As :meth:`ingest`, for coroutines."""
        fields = _fields(valid, type, key, reason, detail, provider_event_id, provider_delivery_id, method, url, headers)
        return self._told(await self._astored("knocker_attest", fields, raw_bytes(body)))

    def verify(self, request: WebhookRequest) -> Verdict:
        """The verdict on a request with this endpoint's provider, options and secrets; nothing is stored.

        Raises :class:`~knocker.UsageError` where the endpoint has no provider.
        """
        return self._verified(request, self._secrets.of(request))

    async def averify(self, request: WebhookRequest) -> Verdict:
        """As :meth:`verify`, for secrets that a coroutine function finds."""
        secrets = await self._secrets.aof(request)
        return await asyncio.to_thread(self._verified, request, secrets)

    def _verified(self, request: WebhookRequest, secrets: str) -> Verdict:
        provider, options = self._database.rows("SELECT provider, options FROM knocker_endpoints WHERE name = ?", [self.name])[0]
        if provider is None:
            raise UsageError(f"endpoint {self.name!r} has no provider that could verify")
        arguments = (provider, options, request.to_json(), request.body, secrets, self._database.now())
        ticket = Ticket("knocker_verify", arguments)
        wait = ticket.block()
        self._database.judges.judge(ticket)
        return Verdict.from_json(wait())

    def asgi(self) -> AsgiApp:
        """An ASGI app that receives for this endpoint at every path."""
        return AsgiApp(lambda _: self, self._http)

    def wsgi(self) -> WsgiApp:
        """A WSGI app that receives for this endpoint at every path."""
        return WsgiApp(lambda _: self, self._http)

    def _told(self, receipt: Receipt, request: WebhookRequest | None = None) -> Receipt:
        self._refusals.tell(self.name, receipt, request, self.max_body_bytes)
        return receipt

    def _stored(self, judge: str, *arguments: Value) -> Receipt:
        """Has it judged outside of any transaction, and what was found stored in the writer's."""
        for tries_left in reversed(range(_TRIES)):
            ticket = self._ticket(judge, arguments)
            wait = ticket.block()
            self._database.judges.judge(ticket)
            try:
                return Receipt.from_json(wait())
            except StaleJudgementError:
                # The settings have changed in between.
                if not tries_left:
                    raise
        raise AssertionError

    async def _astored(self, judge: str, *arguments: Value) -> Receipt:
        """As :meth:`_stored`, for coroutines. A cancelled caller's receipt may still be stored."""
        for tries_left in reversed(range(_TRIES)):
            ticket = self._ticket(judge, arguments)
            future = ticket.awaited()
            self._database.judges.judge(ticket)
            try:
                return Receipt.from_json(await future)
            except StaleJudgementError:
                if not tries_left:
                    raise
        raise AssertionError

    def _ticket(self, judge: str, arguments: tuple[Value, ...]) -> Ticket:
        return Ticket(judge, (self.name, *arguments, self._database.now()), self._store)

    def _store(self, ticket: Ticket, judgement: bytes) -> None:
        ticket.asks_for("knocker_store", (self.name, judgement, self._database.now()))
        self._database.writer.put(ticket)


def _fields(
    valid: bool,
    type: str | None,
    key: str | None,
    reason: str | None,
    detail: str | None,
    provider_event_id: str | None,
    provider_delivery_id: str | None,
    method: str | None,
    url: str | None,
    headers: HeadersLike | None,
) -> str:
    given = {
        "valid": valid,
        "type": type,
        "key": key,
        "reason": reason,
        "detail": detail,
        "provider_event_id": provider_event_id,
        "provider_delivery_id": provider_delivery_id,
        "method": method,
        "url": url,
        "headers": None if headers is None else _repeated(headers),
    }
    return to_json("fields", {name: value for name, value in given.items() if value is not None})


def _repeated(headers: HeadersLike) -> dict[str, list[str]]:
    # Once, because it may be an iterator.
    read = Headers(headers)
    return {name: read.get_all(name) for name in read}
