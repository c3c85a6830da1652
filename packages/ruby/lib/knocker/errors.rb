# frozen_string_literal: true

# Generated from extension/contract/contract.json by `make contract`; do not edit.

require_relative "error"

module Knocker
  # An id or a name that does not exist.
  class NotFoundError < Error; end

  # The database itself, which refuses or fails.
  class DatabaseError < Error; end

  # A process in which Knocker cannot run as it is set up.
  class SetupError < Error; end

  # An argument has the wrong type, form or value.
  class InvalidArgumentError < Error
    CODE = "invalid_argument"
    RETRYABLE = false
    HINT = "Correct the argument that the message names."
  end

  # The connection is strict, and the call left the time out.
  class NowRequiredError < Error
    CODE = "now_required"
    RETRYABLE = false
    HINT = "Pass now, in Unix milliseconds, as the last argument; or call knocker_strict(0) where no statement is " \
      "replicated."
  end

  # No endpoint has that name.
  class UnknownEndpointError < NotFoundError
    CODE = "unknown_endpoint"
    RETRYABLE = false
    HINT = "Declare it with `hooks.endpoint`, or correct the name in the URL."
  end

  # No provider has that name.
  class UnknownProviderError < NotFoundError
    CODE = "unknown_provider"
    RETRYABLE = false
    HINT = "`knocker providers` lists the names."
  end

  # No event has that id.
  class UnknownEventError < NotFoundError
    CODE = "unknown_event"
    RETRYABLE = false
    HINT = "`hooks.events` lists what there is; a pruned event is gone."
  end

  # No delivery has that id.
  class UnknownDeliveryError < NotFoundError
    CODE = "unknown_delivery"
    RETRYABLE = false
    HINT = "`hooks.deliveries` lists what there is; a pruned delivery is gone."
  end

  # The event is in a state that this action does not leave.
  class BadStateError < Error
    CODE = "bad_state"
    RETRYABLE = false
    HINT = "Look at the event's status: replay takes handled, failed, dead and ignored ones, requeue failed, dead and " \
      "ignored ones, ignore received, failed and dead ones; force also takes received and processing ones."
  end

  # The judgement was made for another endpoint, under other settings, or by another version.
  class StaleJudgementError < Error
    CODE = "stale_judgement"
    RETRYABLE = true
    HINT = "Receive the request again. Nothing was written."
  end

  # The job is not leased to this worker any more.
  class LeaseLostError < Error
    CODE = "lease_lost"
    RETRYABLE = false
    HINT = "Another worker has the job or an operator took it, and what the handler wrote is rolled back. Use a longer " \
      "lease for handlers that run long."
  end

  # The schema is not there.
  class NotBootstrappedError < DatabaseError
    CODE = "not_bootstrapped"
    RETRYABLE = false
    HINT = "Open the file with `Knocker.open`, which makes what it needs."
  end

  # Part of the schema is missing.
  class SchemaIncompleteError < DatabaseError
    CODE = "schema_incomplete"
    RETRYABLE = false
    HINT = "Restore the tables from a backup; missing indexes, triggers and views are put back when the file is opened."
  end

  # The file was written by a newer version.
  class SchemaTooNewError < DatabaseError
    CODE = "schema_too_new"
    RETRYABLE = false
    HINT = "Upgrade Knocker in this process; the file was migrated by a newer version."
  end

  # Another connection holds the write lock.
  class BusyError < DatabaseError
    CODE = "busy"
    RETRYABLE = true
    HINT = "Try again. Another connection holds the write lock: keep write transactions short."
  end

  # The database cannot be written.
  class ReadOnlyError < DatabaseError
    CODE = "read_only"
    RETRYABLE = false
    HINT = "Open the database read-write and check the permissions of the file and of its folder."
  end

  # No room for the write.
  class DiskFullError < DatabaseError
    CODE = "disk_full"
    RETRYABLE = true
    HINT = "Free space on the disk, then try again. Nothing was written."
  end

  # The operating system failed to read or write.
  class IoError < DatabaseError
    CODE = "io_error"
    RETRYABLE = true
    HINT = "Check the disk and the system log, then try again. Nothing was written."
  end

  # The file is damaged.
  class CorruptError < DatabaseError
    CODE = "corrupt"
    RETRYABLE = false
    HINT = "Restore a backup; SQLite's own integrity check says what is damaged."
  end

  # The host interrupted the call.
  class CallInterruptedError < DatabaseError
    CODE = "interrupted"
    RETRYABLE = true
    HINT = "The call was cancelled and nothing was written; try it again."
  end

  # Called from inside a statement that already writes.
  class NestedStatementError < DatabaseError
    CODE = "nested_statement"
    RETRYABLE = false
    HINT = "Call it by itself, and not from inside a statement that writes. Nothing was written."
  end

  # The host's SQLite is older than the oldest one that works.
  class UnsupportedSqliteError < SetupError
    CODE = "unsupported_sqlite"
    RETRYABLE = false
    HINT = "Use a SQLite of version 3.38.0 or newer."
  end

  # Another SQLite library of this process has loaded the extension already.
  class SecondSqliteError < SetupError
    CODE = "second_sqlite"
    RETRYABLE = false
    HINT = "Use one SQLite library per process: two on one file drop each other's locks."
  end

  # SQLite refused for another reason.
  class SqliteError < DatabaseError
    CODE = "sqlite_error"
    RETRYABLE = false
    HINT = "The message is SQLite's own; the database may have been changed by hand."
  end

  # The package was called in a way that cannot work; the message says how to call it.
  class UsageError < Error
    CODE = "usage"
    RETRYABLE = false
    HINT = "Correct the call as the message says."
  end

  # The file was removed, or another was put in its place, while it was open. Nothing was stored.
  class FileReplacedError < DatabaseError
    CODE = "file_replaced"
    RETRYABLE = true
    HINT = "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app " \
      "makes none."
  end

  # The receipt is stored, and its replica did not say in time that it has it.
  class NotReplicatedError < DatabaseError
    CODE = "not_replicated"
    RETRYABLE = true
    HINT = "See that Litestream runs, replicates this file and reaches its replica. A retry of the sender is a " \
      "duplicate."
  end

  # No file of the pattern is of that tenant, or it is no name of one.
  class UnknownTenantError < NotFoundError
    CODE = "unknown_tenant"
    RETRYABLE = false
    HINT = "Correct the name, or make the tenant's file with `create`: a request never does."
  end

  # As many tenants' files are open as `max_open` allows, and each was in use for as long as a lock is waited for.
  class TooManyOpenError < DatabaseError
    CODE = "too_many_open"
    RETRYABLE = true
    HINT = "Try again. Give `max_open` room for the tenants that are used at once, and hold their hooks no longer than " \
      "needed."
  end

  # No node of the rqlite cluster has answered in time that the call is done. What was sent may be stored all the same.
  class ClusterUnavailableError < DatabaseError
    CODE = "cluster_unavailable"
    RETRYABLE = true
    HINT = "See that most of the nodes run and reach each other. A retry of a receipt that was stored is a duplicate."
  end

  # The loadable library is not where it was looked for.
  class LibraryNotFoundError < SetupError
    CODE = "library_not_found"
    RETRYABLE = false
    HINT = "Set KNOCKER_EXTENSION to the path of libknocker, or install the knocker-sqlite gem of this platform."
  end

  # The loadable library is older than the package.
  class LibraryTooOldError < SetupError
    CODE = "library_too_old"
    RETRYABLE = false
    HINT = "Use the library that comes with the package: unset KNOCKER_EXTENSION, or let it name one of the package's " \
      "version or a newer one."
  end

  # The SQLite of this process refuses or fails to load the library.
  class CannotLoadError < SetupError
    CODE = "cannot_load"
    RETRYABLE = false
    HINT = "Knocker.loadable_path says which library is used; it must be built for this platform."
  end

  # The worker of this process has no handler for an event's type.
  class NoHandlerError < SetupError
    CODE = "no_handler"
    RETRYABLE = false
    HINT = "Add a handler of that type, a prefix of it or `*`, or say with the endpoint's setting `unhandled` what " \
      "becomes of such events."
  end

  # A body parser read the request before Knocker and kept no raw bytes.
  class BodyConsumedError < SetupError
    CODE = "body_consumed"
    RETRYABLE = false
    HINT = "Mount the webhook route before the body parser, or let the parser keep the raw bytes."
  end

  # Used after the end: hooks after they were closed, or `tx` after its handler.
  class ClosedError < UsageError
    CODE = "closed"
    RETRYABLE = false
    HINT = "Use it only while it is open."
  end

  # Used in a child process that was forked while a connection was open.
  class ForkedError < UsageError
    CODE = "forked"
    RETRYABLE = false
    HINT = "Fork before workers start, start them in the child, or begin the child anew."
  end

  # Every class by its code.
  ERRORS = {
    "invalid_argument" => InvalidArgumentError,
    "now_required" => NowRequiredError,
    "unknown_endpoint" => UnknownEndpointError,
    "unknown_provider" => UnknownProviderError,
    "unknown_event" => UnknownEventError,
    "unknown_delivery" => UnknownDeliveryError,
    "bad_state" => BadStateError,
    "stale_judgement" => StaleJudgementError,
    "lease_lost" => LeaseLostError,
    "not_bootstrapped" => NotBootstrappedError,
    "schema_incomplete" => SchemaIncompleteError,
    "schema_too_new" => SchemaTooNewError,
    "busy" => BusyError,
    "read_only" => ReadOnlyError,
    "disk_full" => DiskFullError,
    "io_error" => IoError,
    "corrupt" => CorruptError,
    "interrupted" => CallInterruptedError,
    "nested_statement" => NestedStatementError,
    "unsupported_sqlite" => UnsupportedSqliteError,
    "second_sqlite" => SecondSqliteError,
    "sqlite_error" => SqliteError,
    "usage" => UsageError,
    "closed" => ClosedError,
    "forked" => ForkedError,
    "file_replaced" => FileReplacedError,
    "not_replicated" => NotReplicatedError,
    "unknown_tenant" => UnknownTenantError,
    "too_many_open" => TooManyOpenError,
    "cluster_unavailable" => ClusterUnavailableError,
    "library_not_found" => LibraryNotFoundError,
    "library_too_old" => LibraryTooOldError,
    "cannot_load" => CannotLoadError,
    "no_handler" => NoHandlerError,
    "body_consumed" => BodyConsumedError
  }.freeze
end
