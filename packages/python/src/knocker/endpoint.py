"""Endpoints: a name in the URL, who may send there, and the handlers of what arrives."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from knocker.arguments import to_argument
from knocker.commits import STORE
from knocker.connection import Value
from knocker.database import Database
from knocker.declarations import SETTINGS, tell_of_changes
from knocker.endpoint_secrets import EndpointSecrets, Secrets
from knocker.errors import FileReplacedError, StaleJudgementError, UnknownEndpointError, UsageError
from knocker.filters import IngestFields
from knocker.handlers import Handler, Handlers
from knocker.http.asgi import AsgiApp
from knocker.http.settings import HttpSettings
from knocker.http.wsgi import WsgiApp
from knocker.metrics import ReceiveDurations
from knocker.own_lock import refuse_waiting
from knocker.records import Receipt, Verdict
from knocker.refusals import Refusals
from knocker.request import Headers, WebhookRequest, raw_bytes, require_request
from knocker.sendable import Sendable
from knocker.settings import BackoffSettings, EndpointSettings
from knocker.ticket import Ticket
from knocker.tracing import Receiving

if TYPE_CHECKING:
    from typing_extensions import Unpack

# A request is judged again where the settings have changed since, and where the file is another one now: nothing of it is in that one.
_TRIES = 4
_CHANGED = (StaleJudgementError, FileReplacedError)

AnyHandler = TypeVar("AnyHandler", bound=Handler)


class Endpoint:
    """One endpoint of a :class:`~knocker.Hooks`; made by :meth:`~knocker.Hooks.endpoint`. Thread-safe."""

    def __init__(
        self,
        database: Database,
        http: HttpSettings,
        refusals: Refusals,
        durations: ReceiveDurations,
        name: str,
        secrets: Secrets,
        settings: EndpointSettings | None,
    ) -> None:
        self.name = name
        self._what = f"a receipt of {name!r}"
        self.handlers = Handlers()
        self._database = database
        self._http = http
        self._refusals = refusals
        self._durations = durations
        self._secrets = EndpointSecrets(name, secrets)
        self._declared: Callable[[], None] | None = None
        if settings is not None:
            self.configure(**settings)
        else:
            self.read_max_body_bytes()
            self._sendable = Sendable.by(database, name)

    def configure(self, **settings: Unpack[EndpointSettings]) -> None:
        """Stores the settings. What is left out gets its default, also of ``backoff``, so that the code says all there is; only ``enabled``
        keeps its stored value, so that an operator's switch outlives a deploy."""
        provider = settings.get("provider")
        if provider is not None and self._needs_secret(provider):
            self._secrets.require_any(provider)
        config = _declaration(settings)

        def declare() -> None:
            before = self._stored_settings()
            self._database.call("knocker_endpoint", self.name, config)
            tell_of_changes(self.name, before, self._stored_settings())
            self.read_max_body_bytes()

        declare()
        self._declared = declare
        self._sendable = Sendable.by(self._database, self.name)
        for pattern in self.handlers.patterns():
            self._check_sendable(pattern)

    def _check_sendable(self, pattern: str) -> None:
        if self._sendable is not None:
            self._sendable.check(self.name, pattern)

    def _stored_settings(self) -> dict[str, Value]:
        rows = self._database.rows(f"SELECT {', '.join(SETTINGS)} FROM knocker_endpoints WHERE name = ?", [self.name])
        return dict(zip(SETTINGS, rows[0])) if rows else {}  # noqa: B905

    def _needs_secret(self, provider: str) -> bool:
        sql = "SELECT needs_secret FROM knocker_providers WHERE name = ?1 OR ?1 IN (SELECT value FROM json_each(aliases))"
        # The core refuses one that there is not.
        return any(needs for (needs,) in self._database.rows(sql, [provider]))

    @property
    def is_declared(self) -> bool:
        """Whether its settings are known here, and not kept elsewhere."""
        return self._declared is not None

    def move_to(self, database: Database, declare: bool) -> None:
        """Goes on in another file, which has its settings unless it is to ``declare`` them."""
        self._database = database
        if declare:
            self.declare_again()

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
        """Decorates a handler of events of these types: exact, ``"prefix.*"``, or ``"*"`` for all. One that the provider is known never to
        send is a warning in the log."""
        if not types or not all(isinstance(pattern, str) for pattern in types):
            raise UsageError('name the types: @endpoint.on("invoice.paid"), or "*" for every one')

        def register(handler: AnyHandler) -> AnyHandler:
            for pattern in types:
                self.add_handler(pattern, handler)
            return handler

        return register

    def add_handler(self, type: str, handler: Handler) -> None:
        """Adds a handler as :meth:`on` does. The handlers of one event run in the order they were added, in one transaction."""
        self.handlers.add(type, handler)
        self._check_sendable(type)

    def receive(self, request: WebhookRequest) -> Receipt:
        """Verifies and stores one request; the receipt is committed when this returns.

        Callers of several threads share commits. Raises :class:`~knocker.KnockerError` where nothing could be stored.
        """
        require_request(request)
        span = Receiving(self.name, request.headers)
        with span.current():
            receipt = self._stored("knocker_judge", request.to_json(span.added), request.body, self._secrets.of(request))
            span.stored(receipt)
        return self._told(receipt, span, request)

    async def areceive(self, request: WebhookRequest) -> Receipt:
        """As :meth:`receive`, for coroutines; concurrent tasks share commits."""
        require_request(request)
        span = Receiving(self.name, request.headers)
        with span.current():
            receipt = await self._astored("knocker_judge", request.to_json(span.added), request.body, await self._secrets.aof(request))
            span.stored(receipt)
        return self._told(receipt, span, request)

    def ingest(self, body: bytes, **fields: Unpack[IngestFields]) -> Receipt:
        """Stores a request that you have verified yourself; only ``valid=True`` makes an event.

        The dedupe identity is the first of ``key``, ``provider_event_id`` and ``provider_delivery_id`` that is not empty or ``null``.
        """
        given, span = self._stated(fields)
        with span.current():
            receipt = self._stored("knocker_attest", given, raw_bytes(body))
            span.stored(receipt)
        return self._told(receipt, span)

    async def aingest(self, body: bytes, **fields: Unpack[IngestFields]) -> Receipt:
        """As :meth:`ingest`, for coroutines."""
        given, span = self._stated(fields)
        with span.current():
            receipt = await self._astored("knocker_attest", given, raw_bytes(body))
            span.stored(receipt)
        return self._told(receipt, span)

    def _stated(self, fields: IngestFields) -> tuple[str, Receiving]:
        if "valid" not in fields:
            raise UsageError("ingest: say whether the request is valid: ingest(body, valid=True, key=…)")
        # Once, because it may be an iterator.
        headers = Headers(fields.get("headers") or ())
        span = Receiving(self.name, headers)
        stored = Headers([*((name, value) for name in headers for value in headers.get_all(name)), *span.added])
        stated = {**fields, "headers": {name: stored.get_all(name) for name in stored}} if len(stored) else fields
        return to_argument("fields", stated), span

    def verify(self, request: WebhookRequest) -> Verdict:
        """The verdict on a request with this endpoint's provider, options and secrets; nothing is stored.

        Raises :class:`~knocker.UsageError` where the endpoint has no provider.
        """
        require_request(request)
        return self._verified(request, self._secrets.of(request))

    async def averify(self, request: WebhookRequest) -> Verdict:
        """As :meth:`verify`, for secrets that a coroutine function finds."""
        require_request(request)
        secrets = await self._secrets.aof(request)
        return await asyncio.to_thread(self._verified, request, secrets)

    def _verified(self, request: WebhookRequest, secrets: str) -> Verdict:
        provider, options = self._database.rows("SELECT provider, options FROM knocker_endpoints WHERE name = ?", [self.name])[0]
        if provider is None:
            raise UsageError(f"endpoint {self.name!r} has no provider that could verify")
        arguments = (provider, options, request.to_json(), request.body, secrets, self._database.now())
        ticket = Ticket("knocker_verify", arguments, len(request.body))
        wait = ticket.block()
        self._database.judges.judge(ticket)
        return Verdict.read(json.loads(wait()))

    def asgi(self) -> AsgiApp:
        """An ASGI app that receives for this endpoint at every path."""
        return AsgiApp(lambda _: self, self._http)

    def wsgi(self) -> WsgiApp:
        """A WSGI app that receives for this endpoint at every path."""
        return WsgiApp(lambda _: self, self._http)

    def tell_too_slow(self, received: int, timeout_s: float) -> None:
        """Logs that the body of a request was not complete in time."""
        self._refusals.tell_too_slow(self.name, received, timeout_s)

    def tell_short(self, received: int, announced: int) -> None:
        """Logs that the body of a request ended before its end."""
        self._refusals.tell_short(self.name, received, announced)

    def _told(self, receipt: Receipt, span: Receiving, request: WebhookRequest | None = None) -> Receipt:
        self._refusals.tell(self.name, receipt, span, request, self.max_body_bytes)
        return receipt

    def _stored(self, judge: str, head: str, body: bytes, *more: Value) -> Receipt:
        """Has it judged outside of any transaction, and what was found stored in the writer's."""
        started_ns = time.perf_counter_ns()
        for tries_left in reversed(range(_TRIES)):
            ticket = self._ticket(judge, head, body, more)
            wait = ticket.block()
            self._database.judges.judge(ticket)
            try:
                receipt = _receipt(wait())
            except _CHANGED:
                if not tries_left:
                    raise
            else:
                self._durations.add(self.name, started_ns)
                return receipt
        raise AssertionError

    async def _astored(self, judge: str, head: str, body: bytes, *more: Value) -> Receipt:
        """As :meth:`_stored`, for coroutines. A cancelled caller's receipt may still be stored."""
        started_ns = time.perf_counter_ns()
        for tries_left in reversed(range(_TRIES)):
            ticket = self._ticket(judge, head, body, more)
            future = ticket.awaited()
            self._database.judges.judge(ticket)
            try:
                receipt = _receipt(await future)
            except _CHANGED:
                if not tries_left:
                    raise
            else:
                self._durations.add(self.name, started_ns)
                return receipt
        raise AssertionError

    def _ticket(self, judge: str, head: str, body: bytes, more: tuple[Value, ...]) -> Ticket:
        refuse_waiting(self._database.path, self._what)
        return Ticket(judge, (self.name, head, body, *more, self._database.now()), len(head) + len(body), self._store)

    def _store(self, ticket: Ticket, judgement: bytes) -> None:
        ticket.asks_for(STORE, (self.name, judgement, self._database.now()), len(judgement))
        self._database.writer.put(ticket)


_decoded = json.JSONDecoder().raw_decode


def _receipt(text: str) -> Receipt:
    return Receipt.read(_decoded(text)[0])


def _declaration(settings: EndpointSettings) -> str:
    """Says every setting but ``enabled``: the core keeps what is not named, and so it does with the parts of the backoff."""
    given = dict(settings)
    if given.get("enabled") is None:
        given.pop("enabled", None)
    defaults = dict.fromkeys(EndpointSettings.__optional_keys__ - {"enabled"})
    backoff = settings.get("backoff")
    if backoff is not None:
        given["backoff"] = {**dict.fromkeys(BackoffSettings.__optional_keys__), **backoff}
    return to_argument("settings", {**defaults, **given})
