// Generated from extension/contract/contract.json by `make contract`; do not edit.
/** One class tree for every failure: a class for each code. */

import { KnockerError } from "./knocker-error.js";

/** An id or a name that does not exist. */
export class NotFoundError extends KnockerError {}

/** The database itself, which refuses or fails. */
export class DatabaseError extends KnockerError {}

/** A process in which Knocker cannot run as it is set up. */
export class SetupError extends KnockerError {}

/** An argument has the wrong type, form or value. */
export class InvalidArgumentError extends KnockerError {
  static override readonly code: string = "invalid_argument";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Correct the argument that the message names.";
}

/** The connection is strict, and the call left the time out. */
export class NowRequiredError extends KnockerError {
  static override readonly code: string = "now_required";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Give the statement the time, in Unix milliseconds, as its function's last argument.";
}

/** No endpoint has that name. */
export class UnknownEndpointError extends NotFoundError {
  static override readonly code: string = "unknown_endpoint";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Declare it with hooks.endpoint(), or correct the name in the URL.";
}

/** No provider has that name. */
export class UnknownProviderError extends NotFoundError {
  static override readonly code: string = "unknown_provider";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "knocker providers lists the names.";
}

/** No event has that id. */
export class UnknownEventError extends NotFoundError {
  static override readonly code: string = "unknown_event";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "hooks.events() lists what there is; a pruned event is gone.";
}

/** No delivery has that id. */
export class UnknownDeliveryError extends NotFoundError {
  static override readonly code: string = "unknown_delivery";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "hooks.deliveries() lists what there is; a pruned delivery is gone.";
}

/** The event is in a state that this action does not leave. */
export class BadStateError extends KnockerError {
  static override readonly code: string = "bad_state";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Look at the event's status: replay takes handled, failed, dead and ignored ones, requeue failed, dead and ignored ones, ignore received, failed and dead ones; force also takes received and processing ones.";
}

/** The judgement was made for another endpoint, under other settings, or by another version. */
export class StaleJudgementError extends KnockerError {
  static override readonly code: string = "stale_judgement";
  static override readonly retryable: boolean = true;
  static override readonly hint: string = "Receive the request again. Nothing was written.";
}

/** The job is not leased to this worker any more. */
export class LeaseLostError extends KnockerError {
  static override readonly code: string = "lease_lost";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Another worker has the job or an operator took it, and what the handler wrote is rolled back. Use a longer lease for handlers that run long.";
}

/** The schema is not there. */
export class NotBootstrappedError extends DatabaseError {
  static override readonly code: string = "not_bootstrapped";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Open the file with open(path), which makes what it needs.";
}

/** Part of the schema is missing. */
export class SchemaIncompleteError extends DatabaseError {
  static override readonly code: string = "schema_incomplete";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Restore the tables from a backup; missing indexes, triggers and views are put back when the file is opened.";
}

/** The file was written by a newer version. */
export class SchemaTooNewError extends DatabaseError {
  static override readonly code: string = "schema_too_new";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Upgrade Knocker in this process; the file was migrated by a newer version.";
}

/** Another connection holds the write lock. */
export class BusyError extends DatabaseError {
  static override readonly code: string = "busy";
  static override readonly retryable: boolean = true;
  static override readonly hint: string = "Try again. Another connection holds the write lock: keep write transactions short.";
}

/** The database cannot be written. */
export class ReadOnlyError extends DatabaseError {
  static override readonly code: string = "read_only";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Open the database read-write and check the permissions of the file and of its folder.";
}

/** No room for the write. */
export class DiskFullError extends DatabaseError {
  static override readonly code: string = "disk_full";
  static override readonly retryable: boolean = true;
  static override readonly hint: string = "Free space on the disk, then try again. Nothing was written.";
}

/** The operating system failed to read or write. */
export class IoError extends DatabaseError {
  static override readonly code: string = "io_error";
  static override readonly retryable: boolean = true;
  static override readonly hint: string = "Check the disk and the system log, then try again. Nothing was written.";
}

/** The file is damaged. */
export class CorruptError extends DatabaseError {
  static override readonly code: string = "corrupt";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Restore a backup; SQLite's own integrity check says what is damaged.";
}

/** The host interrupted the call. */
export class CallInterruptedError extends DatabaseError {
  static override readonly code: string = "interrupted";
  static override readonly retryable: boolean = true;
  static override readonly hint: string = "The call was cancelled and nothing was written; try it again.";
}

/** Called from inside a statement that already writes. */
export class NestedStatementError extends DatabaseError {
  static override readonly code: string = "nested_statement";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Call it by itself, and not from inside a statement that writes. Nothing was written.";
}

/** The host's SQLite is older than the oldest one that works. */
export class UnsupportedSqliteError extends SetupError {
  static override readonly code: string = "unsupported_sqlite";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Use a SQLite of version 3.38.0 or newer.";
}

/** Another SQLite library of this process has loaded the extension already. */
export class SecondSqliteError extends SetupError {
  static override readonly code: string = "second_sqlite";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Use one SQLite library per process: two on one file drop each other's locks.";
}

/** SQLite refused for another reason. */
export class SqliteError extends DatabaseError {
  static override readonly code: string = "sqlite_error";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "The message is SQLite's own; the database may have been changed by hand.";
}

/** The package was called in a way that cannot work; the message says how to call it. */
export class UsageError extends KnockerError {
  static override readonly code: string = "usage";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Correct the call as the message says.";
}

/** The file was removed, or another was put in its place, while it was open. Nothing was stored. */
export class FileReplacedError extends DatabaseError {
  static override readonly code: string = "file_replaced";
  static override readonly retryable: boolean = true;
  static override readonly hint: string =
    "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app makes none.";
}

/** The receipt is stored, and its replica did not say in time that it has it. */
export class NotReplicatedError extends DatabaseError {
  static override readonly code: string = "not_replicated";
  static override readonly retryable: boolean = true;
  static override readonly hint: string =
    "See that Litestream runs, replicates this file and reaches its replica. A retry of the sender is a duplicate.";
}

/** No file of the pattern is of that tenant, or it is no name of one. */
export class UnknownTenantError extends NotFoundError {
  static override readonly code: string = "unknown_tenant";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Correct the name, or make the tenant's file with create: a request never does.";
}

/** As many tenants' files are open as `max_open` allows, and each was in use for as long as a lock is waited for. */
export class TooManyOpenError extends DatabaseError {
  static override readonly code: string = "too_many_open";
  static override readonly retryable: boolean = true;
  static override readonly hint: string =
    "Try again. Give maxOpen room for the tenants that are used at once, and hold their hooks no longer than needed.";
}

/** No node of the rqlite cluster has answered in time that the call is done. What was sent may be stored all the same. */
export class ClusterUnavailableError extends DatabaseError {
  static override readonly code: string = "cluster_unavailable";
  static override readonly retryable: boolean = true;
  static override readonly hint: string =
    "See that most of the nodes run and reach each other. A retry of a receipt that was stored is a duplicate.";
}

/** The loadable library is not where it was looked for. */
export class LibraryNotFoundError extends SetupError {
  static override readonly code: string = "library_not_found";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Install with optional dependencies, or set KNOCKER_EXTENSION to the path of libknocker.";
}

/** The loadable library is older than the package. */
export class LibraryTooOldError extends SetupError {
  static override readonly code: string = "library_too_old";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Use the library that comes with the package: unset KNOCKER_EXTENSION, or let it name one of the package's version or a newer one.";
}

/** The SQLite of this process refuses or fails to load the library. */
export class CannotLoadError extends SetupError {
  static override readonly code: string = "cannot_load";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Use Node 22.16 or newer, or on Node 20 npm install better-sqlite3@12, or name a driver: open(path, { driver }).";
}

/** The worker of this process has no handler for an event's type. */
export class NoHandlerError extends SetupError {
  static override readonly code: string = "no_handler";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Add a handler of that type, a prefix of it or *, or say with the endpoint's setting unhandled what becomes of such events.";
}

/** A body parser read the request before Knocker and kept no raw bytes. */
export class BodyConsumedError extends SetupError {
  static override readonly code: string = "body_consumed";
  static override readonly retryable: boolean = false;
  static override readonly hint: string =
    "Mount the webhook route before the body parser, or let the parser keep the bytes: express.raw({ type: '*/*' }) on this route, or express.json({ verify: (req, res, bytes) => { req.rawBody = bytes } }), or in Hono c.req.arrayBuffer().";
}

/** Used after the end: hooks after they were closed, or `tx` after its handler. */
export class ClosedError extends UsageError {
  static override readonly code: string = "closed";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Use it only while it is open.";
}

/** Used in a child process that was forked while a connection was open. */
export class ForkedError extends UsageError {
  static override readonly code: string = "forked";
  static override readonly retryable: boolean = false;
  static override readonly hint: string = "Fork before workers start, start them in the child, or begin the child anew.";
}
