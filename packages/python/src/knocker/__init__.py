"""Receive webhooks durably in apps that run on SQLite.

hooks = knocker.open("app.db")
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])

@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    tx.execute("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [event.json()["data"]["object"]["id"]])

app.mount("/webhooks", hooks.asgi())
hooks.run_worker()
"""

from knocker.decision import Dead, Decision, Ignore, Retry
from knocker.endpoint import Endpoint
from knocker.error_codes import (
    BadStateError,
    BusyError,
    CallInterruptedError,
    CorruptError,
    DiskFullError,
    InvalidArgumentError,
    IoError,
    LeaseLostError,
    NestedStatementError,
    NotBootstrappedError,
    ReadOnlyError,
    SchemaIncompleteError,
    SchemaTooNewError,
    SecondSqliteError,
    SqliteError,
    StaleJudgementError,
    UnknownDeliveryError,
    UnknownEndpointError,
    UnknownEventError,
    UnknownProviderError,
    UnsupportedSqliteError,
)
from knocker.errors import (
    CannotLoadError,
    ClosedError,
    DatabaseError,
    FileReplacedError,
    ForkedError,
    KnockerError,
    LibraryNotFoundError,
    NotFoundError,
    SetupError,
    UsageError,
)
from knocker.event import Event, EventDelivery
from knocker.hooks import Hooks
from knocker.hooks import open_hooks as open
from knocker.leases import Failure, Job, Leases
from knocker.library import load, loadable_path
from knocker.receipt import Item, Receipt, ReceivedEvent, Verdict, WebhookResponse
from knocker.records import (
    AttemptRecord,
    BulkResult,
    DeliveryRecord,
    EndpointRecord,
    EndpointStats,
    EventCounts,
    EventDeliveryRecord,
    EventRecord,
    LastHour,
    PolicyRecord,
    PruneRecord,
    PruneResult,
    RefusedKept,
    ReplayedDelivery,
    RetentionPass,
    RetentionPolicy,
    Stats,
    Transition,
)
from knocker.request import Headers, WebhookRequest
from knocker.worker import Worker

__version__ = "0.1.0"

__all__ = [
    "AttemptRecord",
    "BadStateError",
    "BulkResult",
    "BusyError",
    "CallInterruptedError",
    "CannotLoadError",
    "ClosedError",
    "CorruptError",
    "DatabaseError",
    "Dead",
    "Decision",
    "DeliveryRecord",
    "DiskFullError",
    "Endpoint",
    "EndpointRecord",
    "EndpointStats",
    "Event",
    "EventCounts",
    "EventDelivery",
    "EventDeliveryRecord",
    "EventRecord",
    "Failure",
    "FileReplacedError",
    "ForkedError",
    "Headers",
    "Hooks",
    "Ignore",
    "InvalidArgumentError",
    "IoError",
    "Item",
    "Job",
    "KnockerError",
    "LastHour",
    "LeaseLostError",
    "Leases",
    "LibraryNotFoundError",
    "NestedStatementError",
    "NotBootstrappedError",
    "NotFoundError",
    "PolicyRecord",
    "PruneRecord",
    "PruneResult",
    "ReadOnlyError",
    "Receipt",
    "ReceivedEvent",
    "RefusedKept",
    "ReplayedDelivery",
    "RetentionPass",
    "RetentionPolicy",
    "Retry",
    "SchemaIncompleteError",
    "SchemaTooNewError",
    "SecondSqliteError",
    "SetupError",
    "SqliteError",
    "StaleJudgementError",
    "Stats",
    "Transition",
    "UnknownDeliveryError",
    "UnknownEndpointError",
    "UnknownEventError",
    "UnknownProviderError",
    "UnsupportedSqliteError",
    "UsageError",
    "Verdict",
    "WebhookRequest",
    "WebhookResponse",
    "Worker",
    "load",
    "loadable_path",
    "open",
]
