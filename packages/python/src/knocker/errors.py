# Generated from extension/contract/contract.json by `make contract`; do not edit.
"""Errors: one class tree under :class:`KnockerError`, a class for each code."""

from __future__ import annotations

from knocker.knocker_error import KnockerError

__all__ = [
    "BadStateError",
    "BodyConsumedError",
    "BusyError",
    "CallInterruptedError",
    "CannotLoadError",
    "ClosedError",
    "ClusterUnavailableError",
    "CorruptError",
    "DatabaseError",
    "DiskFullError",
    "FileReplacedError",
    "ForkedError",
    "InvalidArgumentError",
    "IoError",
    "KnockerError",
    "LeaseLostError",
    "LibraryNotFoundError",
    "LibraryTooOldError",
    "NestedStatementError",
    "NoHandlerError",
    "NotBootstrappedError",
    "NotFoundError",
    "NotReplicatedError",
    "NowRequiredError",
    "ReadOnlyError",
    "SchemaIncompleteError",
    "SchemaTooNewError",
    "SecondSqliteError",
    "SetupError",
    "SqliteError",
    "StaleJudgementError",
    "TooManyOpenError",
    "UnknownDeliveryError",
    "UnknownEndpointError",
    "UnknownEventError",
    "UnknownProviderError",
    "UnknownTenantError",
    "UnsupportedSqliteError",
    "UsageError",
]


class NotFoundError(KnockerError):
    """An id or a name that does not exist."""


class DatabaseError(KnockerError):
    """The database itself, which refuses or fails."""


class SetupError(KnockerError):
    """A process in which Knocker cannot run as it is set up."""


class InvalidArgumentError(KnockerError):
    """An argument has the wrong type, form or value."""

    code = "invalid_argument"
    retryable = False
    hint = "Correct the argument that the message names."


class NowRequiredError(KnockerError):
    """The connection is strict, and the call left the time out."""

    code = "now_required"
    retryable = False
    hint = "Pass now, in Unix milliseconds, as the last argument; or call knocker_strict(0) where no statement is replicated."


class UnknownEndpointError(NotFoundError):
    """No endpoint has that name."""

    code = "unknown_endpoint"
    retryable = False
    hint = "Declare it with `hooks.endpoint()`, or correct the name in the URL."


class UnknownProviderError(NotFoundError):
    """No provider has that name."""

    code = "unknown_provider"
    retryable = False
    hint = "`knocker providers` lists the names."


class UnknownEventError(NotFoundError):
    """No event has that id."""

    code = "unknown_event"
    retryable = False
    hint = "`hooks.events()` lists what there is; a pruned event is gone."


class UnknownDeliveryError(NotFoundError):
    """No delivery has that id."""

    code = "unknown_delivery"
    retryable = False
    hint = "`hooks.deliveries()` lists what there is; a pruned delivery is gone."


class BadStateError(KnockerError):
    """The event is in a state that this action does not leave."""

    code = "bad_state"
    retryable = False
    hint = (
        "Look at the event's status: replay takes handled, failed, dead and ignored ones, requeue failed, dead and "
        "ignored ones, ignore received, failed and dead ones; force also takes received and processing ones."
    )


class StaleJudgementError(KnockerError):
    """The judgement was made for another endpoint, under other settings, or by another version."""

    code = "stale_judgement"
    retryable = True
    hint = "Receive the request again. Nothing was written."


class LeaseLostError(KnockerError):
    """The job is not leased to this worker any more."""

    code = "lease_lost"
    retryable = False
    hint = (
        "Another worker has the job or an operator took it, and what the handler wrote is rolled back. Use a longer "
        "lease for handlers that run long."
    )


class NotBootstrappedError(DatabaseError):
    """The schema is not there."""

    code = "not_bootstrapped"
    retryable = False
    hint = "Open the file with `knocker.open()`, which makes what it needs."


class SchemaIncompleteError(DatabaseError):
    """Part of the schema is missing."""

    code = "schema_incomplete"
    retryable = False
    hint = "Restore the tables from a backup; missing indexes, triggers and views are put back when the file is opened."


class SchemaTooNewError(DatabaseError):
    """The file was written by a newer version."""

    code = "schema_too_new"
    retryable = False
    hint = "Upgrade Knocker in this process; the file was migrated by a newer version."


class BusyError(DatabaseError):
    """Another connection holds the write lock."""

    code = "busy"
    retryable = True
    hint = "Try again. Another connection holds the write lock: keep write transactions short."


class ReadOnlyError(DatabaseError):
    """The database cannot be written."""

    code = "read_only"
    retryable = False
    hint = "Open the database read-write and check the permissions of the file and of its folder."


class DiskFullError(DatabaseError):
    """No room for the write."""

    code = "disk_full"
    retryable = True
    hint = "Free space on the disk, then try again. Nothing was written."


class IoError(DatabaseError):
    """The operating system failed to read or write."""

    code = "io_error"
    retryable = True
    hint = "Check the disk and the system log, then try again. Nothing was written."


class CorruptError(DatabaseError):
    """The file is damaged."""

    code = "corrupt"
    retryable = False
    hint = "Restore a backup; SQLite's own integrity check says what is damaged."


class CallInterruptedError(DatabaseError):
    """The host interrupted the call."""

    code = "interrupted"
    retryable = True
    hint = "The call was cancelled and nothing was written; try it again."


class NestedStatementError(DatabaseError):
    """Called from inside a statement that already writes."""

    code = "nested_statement"
    retryable = False
    hint = "Call it by itself, and not from inside a statement that writes. Nothing was written."


class UnsupportedSqliteError(SetupError):
    """The host's SQLite is older than the oldest one that works."""

    code = "unsupported_sqlite"
    retryable = False
    hint = "Use a SQLite of version 3.38.0 or newer."


class SecondSqliteError(SetupError):
    """Another SQLite library of this process has loaded the extension already."""

    code = "second_sqlite"
    retryable = False
    hint = "Use one SQLite library per process: two on one file drop each other's locks."


class SqliteError(DatabaseError):
    """SQLite refused for another reason."""

    code = "sqlite_error"
    retryable = False
    hint = "The message is SQLite's own; the database may have been changed by hand."


class UsageError(KnockerError):
    """The package was called in a way that cannot work; the message says how to call it."""

    code = "usage"
    retryable = False
    hint = "Correct the call as the message says."


class FileReplacedError(DatabaseError):
    """The file was removed, or another was put in its place, while it was open. Nothing was stored."""

    code = "file_replaced"
    retryable = True
    hint = "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app makes none."


class NotReplicatedError(DatabaseError):
    """The receipt is stored, and its replica did not say in time that it has it."""

    code = "not_replicated"
    retryable = True
    hint = "See that Litestream runs, replicates this file and reaches its replica. A retry of the sender is a duplicate."


class UnknownTenantError(NotFoundError):
    """No file of the pattern is of that tenant, or it is no name of one."""

    code = "unknown_tenant"
    retryable = False
    hint = "Correct the name, or make the tenant's file with `create`: a request never does."


class TooManyOpenError(DatabaseError):
    """As many tenants' files are open as ``max_open`` allows, and each was in use for as long as a lock is waited for."""

    code = "too_many_open"
    retryable = True
    hint = "Try again. Give `max_open` room for the tenants that are used at once, and hold their hooks no longer than needed."


class ClusterUnavailableError(DatabaseError):
    """No node of the rqlite cluster has answered in time that the call is done. What was sent may be stored all the same."""

    code = "cluster_unavailable"
    retryable = True
    hint = "See that most of the nodes run and reach each other. A retry of a receipt that was stored is a duplicate."


class LibraryNotFoundError(SetupError):
    """The loadable library is not where it was looked for."""

    code = "library_not_found"
    retryable = False
    hint = "Set KNOCKER_EXTENSION to the path of libknocker, or install the knocker-sqlite wheel of this platform."


class LibraryTooOldError(SetupError):
    """The loadable library is older than the package."""

    code = "library_too_old"
    retryable = False
    hint = (
        "Use the library that comes with the package: unset KNOCKER_EXTENSION, or let it name one of the package's version or a newer one."
    )


class CannotLoadError(SetupError):
    """The SQLite of this process refuses or fails to load the library."""

    code = "cannot_load"
    retryable = False
    hint = "`python -m knocker path` prints which library is used; it must be built for this platform."


class NoHandlerError(SetupError):
    """The worker of this process has no handler for an event's type."""

    code = "no_handler"
    retryable = False
    hint = "Add a handler of that type, a prefix of it or `*`, or say with the endpoint's setting `unhandled` what becomes of such events."


class BodyConsumedError(SetupError):
    """A body parser read the request before Knocker and kept no raw bytes."""

    code = "body_consumed"
    retryable = False
    hint = "Mount the webhook route before the body parser, or let the parser keep the raw bytes."


class ClosedError(UsageError):
    """Used after the end: hooks after they were closed, or ``tx`` after its handler."""

    code = "closed"
    retryable = False
    hint = "Use it only while it is open."


class ForkedError(UsageError):
    """Used in a child process that was forked while a connection was open."""

    code = "forked"
    retryable = False
    hint = "Fork before workers start, start them in the child, or begin the child anew (multiprocessing's spawn, subprocess)."


ERRORS: dict[str, type[KnockerError]] = {
    "invalid_argument": InvalidArgumentError,
    "now_required": NowRequiredError,
    "unknown_endpoint": UnknownEndpointError,
    "unknown_provider": UnknownProviderError,
    "unknown_event": UnknownEventError,
    "unknown_delivery": UnknownDeliveryError,
    "bad_state": BadStateError,
    "stale_judgement": StaleJudgementError,
    "lease_lost": LeaseLostError,
    "not_bootstrapped": NotBootstrappedError,
    "schema_incomplete": SchemaIncompleteError,
    "schema_too_new": SchemaTooNewError,
    "busy": BusyError,
    "read_only": ReadOnlyError,
    "disk_full": DiskFullError,
    "io_error": IoError,
    "corrupt": CorruptError,
    "interrupted": CallInterruptedError,
    "nested_statement": NestedStatementError,
    "unsupported_sqlite": UnsupportedSqliteError,
    "second_sqlite": SecondSqliteError,
    "sqlite_error": SqliteError,
    "usage": UsageError,
    "closed": ClosedError,
    "forked": ForkedError,
    "file_replaced": FileReplacedError,
    "not_replicated": NotReplicatedError,
    "unknown_tenant": UnknownTenantError,
    "too_many_open": TooManyOpenError,
    "cluster_unavailable": ClusterUnavailableError,
    "library_not_found": LibraryNotFoundError,
    "library_too_old": LibraryTooOldError,
    "cannot_load": CannotLoadError,
    "no_handler": NoHandlerError,
    "body_consumed": BodyConsumedError,
}
"""Every class by its code."""
