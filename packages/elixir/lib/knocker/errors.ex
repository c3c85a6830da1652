# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.InvalidArgumentError do
  @moduledoc """
  An argument has the wrong type, form or value.

  Its code is `invalid_argument`.
  """

  use Knocker.Error, code: "invalid_argument", family: nil, retryable: false, hint: "Correct the argument that the message names."
end

defmodule Knocker.NowRequiredError do
  @moduledoc """
  The connection is strict, and the call left the time out.

  Its code is `now_required`.
  """

  use Knocker.Error,
    code: "now_required",
    family: nil,
    retryable: false,
    hint: "Pass now, in Unix milliseconds, as the last argument; or call knocker_strict(0) where no statement is replicated."
end

defmodule Knocker.UnknownEndpointError do
  @moduledoc """
  No endpoint has that name.

  Its code is `unknown_endpoint`, of the family `:not_found`.
  """

  use Knocker.Error,
    code: "unknown_endpoint",
    family: :not_found,
    retryable: false,
    hint: "Declare it with `Knocker.endpoint`, or correct the name in the URL."
end

defmodule Knocker.UnknownProviderError do
  @moduledoc """
  No provider has that name.

  Its code is `unknown_provider`, of the family `:not_found`.
  """

  use Knocker.Error, code: "unknown_provider", family: :not_found, retryable: false, hint: "`knocker providers` lists the names."
end

defmodule Knocker.UnknownEventError do
  @moduledoc """
  No event has that id.

  Its code is `unknown_event`, of the family `:not_found`.
  """

  use Knocker.Error,
    code: "unknown_event",
    family: :not_found,
    retryable: false,
    hint: "`Knocker.events` lists what there is; a pruned event is gone."
end

defmodule Knocker.UnknownDeliveryError do
  @moduledoc """
  No delivery has that id.

  Its code is `unknown_delivery`, of the family `:not_found`.
  """

  use Knocker.Error,
    code: "unknown_delivery",
    family: :not_found,
    retryable: false,
    hint: "`Knocker.deliveries` lists what there is; a pruned delivery is gone."
end

defmodule Knocker.BadStateError do
  @moduledoc """
  The event is in a state that this action does not leave.

  Its code is `bad_state`.
  """

  use Knocker.Error,
    code: "bad_state",
    family: nil,
    retryable: false,
    hint:
      "Look at the event's status: replay takes handled, failed, dead and ignored ones, requeue failed, dead and ignored ones, ignore received, failed and dead ones; force also takes received and processing ones."
end

defmodule Knocker.StaleJudgementError do
  @moduledoc """
  The judgement was made for another endpoint, under other settings, or by another version.

  Its code is `stale_judgement`; the same call may succeed later.
  """

  use Knocker.Error, code: "stale_judgement", family: nil, retryable: true, hint: "Receive the request again. Nothing was written."
end

defmodule Knocker.LeaseLostError do
  @moduledoc """
  The job is not leased to this worker any more.

  Its code is `lease_lost`.
  """

  use Knocker.Error,
    code: "lease_lost",
    family: nil,
    retryable: false,
    hint:
      "Another worker has the job or an operator took it, and what the handler wrote is rolled back. Use a longer lease for handlers that run long."
end

defmodule Knocker.NotBootstrappedError do
  @moduledoc """
  The schema is not there.

  Its code is `not_bootstrapped`, of the family `:database`.
  """

  use Knocker.Error,
    code: "not_bootstrapped",
    family: :database,
    retryable: false,
    hint: "Open the file with `Knocker.start_link`, which makes what it needs."
end

defmodule Knocker.SchemaIncompleteError do
  @moduledoc """
  Part of the schema is missing.

  Its code is `schema_incomplete`, of the family `:database`.
  """

  use Knocker.Error,
    code: "schema_incomplete",
    family: :database,
    retryable: false,
    hint: "Restore the tables from a backup; missing indexes, triggers and views are put back when the file is opened."
end

defmodule Knocker.SchemaTooNewError do
  @moduledoc """
  The file was written by a newer version.

  Its code is `schema_too_new`, of the family `:database`.
  """

  use Knocker.Error,
    code: "schema_too_new",
    family: :database,
    retryable: false,
    hint: "Upgrade Knocker in this process; the file was migrated by a newer version."
end

defmodule Knocker.BusyError do
  @moduledoc """
  Another connection holds the write lock.

  Its code is `busy`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error,
    code: "busy",
    family: :database,
    retryable: true,
    hint: "Try again. Another connection holds the write lock: keep write transactions short."
end

defmodule Knocker.ReadOnlyError do
  @moduledoc """
  The database cannot be written.

  Its code is `read_only`, of the family `:database`.
  """

  use Knocker.Error,
    code: "read_only",
    family: :database,
    retryable: false,
    hint: "Open the database read-write and check the permissions of the file and of its folder."
end

defmodule Knocker.DiskFullError do
  @moduledoc """
  No room for the write.

  Its code is `disk_full`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error, code: "disk_full", family: :database, retryable: true, hint: "Free space on the disk, then try again. Nothing was written."
end

defmodule Knocker.IoError do
  @moduledoc """
  The operating system failed to read or write.

  Its code is `io_error`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error,
    code: "io_error",
    family: :database,
    retryable: true,
    hint: "Check the disk and the system log, then try again. Nothing was written."
end

defmodule Knocker.CorruptError do
  @moduledoc """
  The file is damaged.

  Its code is `corrupt`, of the family `:database`.
  """

  use Knocker.Error,
    code: "corrupt",
    family: :database,
    retryable: false,
    hint: "Restore a backup; SQLite's own integrity check says what is damaged."
end

defmodule Knocker.CallInterruptedError do
  @moduledoc """
  The host interrupted the call.

  Its code is `interrupted`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error, code: "interrupted", family: :database, retryable: true, hint: "The call was cancelled and nothing was written; try it again."
end

defmodule Knocker.NestedStatementError do
  @moduledoc """
  Called from inside a statement that already writes.

  Its code is `nested_statement`, of the family `:database`.
  """

  use Knocker.Error,
    code: "nested_statement",
    family: :database,
    retryable: false,
    hint: "Call it by itself, and not from inside a statement that writes. Nothing was written."
end

defmodule Knocker.UnsupportedSqliteError do
  @moduledoc """
  The host's SQLite is older than the oldest one that works.

  Its code is `unsupported_sqlite`, of the family `:setup`.
  """

  use Knocker.Error, code: "unsupported_sqlite", family: :setup, retryable: false, hint: "Use a SQLite of version 3.38.0 or newer."
end

defmodule Knocker.SecondSqliteError do
  @moduledoc """
  Another SQLite library of this process has loaded the extension already.

  Its code is `second_sqlite`, of the family `:setup`.
  """

  use Knocker.Error,
    code: "second_sqlite",
    family: :setup,
    retryable: false,
    hint: "Use one SQLite library per process: two on one file drop each other's locks."
end

defmodule Knocker.SqliteError do
  @moduledoc """
  SQLite refused for another reason.

  Its code is `sqlite_error`, of the family `:database`.
  """

  use Knocker.Error,
    code: "sqlite_error",
    family: :database,
    retryable: false,
    hint: "The message is SQLite's own; the database may have been changed by hand."
end

defmodule Knocker.UsageError do
  @moduledoc """
  The package was called in a way that cannot work; the message says how to call it.

  Its code is `usage`.
  """

  use Knocker.Error, code: "usage", family: nil, retryable: false, hint: "Correct the call as the message says."
end

defmodule Knocker.ClosedError do
  @moduledoc """
  Used after the end: hooks after they were closed, or `tx` after its handler.

  Its code is `closed`, of the family `:usage`.
  """

  use Knocker.Error, code: "closed", family: :usage, retryable: false, hint: "Use it only while it is open."
end

defmodule Knocker.ForkedError do
  @moduledoc """
  Used in a child process that was forked while a connection was open.

  Its code is `forked`, of the family `:usage`.
  """

  use Knocker.Error,
    code: "forked",
    family: :usage,
    retryable: false,
    hint: "Fork before workers start, start them in the child, or begin the child anew."
end

defmodule Knocker.FileReplacedError do
  @moduledoc """
  The file was removed, or another was put in its place, while it was open. Nothing was stored.

  Its code is `file_replaced`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error,
    code: "file_replaced",
    family: :database,
    retryable: true,
    hint: "The file at the path is opened once it is whole and at rest; where there is none, put one there: the app makes none."
end

defmodule Knocker.NotReplicatedError do
  @moduledoc """
  The receipt is stored, and its replica did not say in time that it has it.

  Its code is `not_replicated`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error,
    code: "not_replicated",
    family: :database,
    retryable: true,
    hint: "See that Litestream runs, replicates this file and reaches its replica. A retry of the sender is a duplicate."
end

defmodule Knocker.UnknownTenantError do
  @moduledoc """
  No file of the pattern is of that tenant, or it is no name of one.

  Its code is `unknown_tenant`, of the family `:not_found`.
  """

  use Knocker.Error,
    code: "unknown_tenant",
    family: :not_found,
    retryable: false,
    hint: "Correct the name, or make the tenant's file with `create`: a request never does."
end

defmodule Knocker.TooManyOpenError do
  @moduledoc """
  As many tenants' files are open as `max_open` allows, and each was in use for as long as a lock is waited for.

  Its code is `too_many_open`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error,
    code: "too_many_open",
    family: :database,
    retryable: true,
    hint: "Try again. Give `max_open` room for the tenants that are used at once, and hold their hooks no longer than needed."
end

defmodule Knocker.ClusterUnavailableError do
  @moduledoc """
  No node of the rqlite cluster has answered in time that the call is done. What was sent may be stored all the same.

  Its code is `cluster_unavailable`, of the family `:database`; the same call may succeed later.
  """

  use Knocker.Error,
    code: "cluster_unavailable",
    family: :database,
    retryable: true,
    hint: "See that most of the nodes run and reach each other. A retry of a receipt that was stored is a duplicate."
end

defmodule Knocker.LibraryNotFoundError do
  @moduledoc """
  The loadable library is not where it was looked for.

  Its code is `library_not_found`, of the family `:setup`.
  """

  use Knocker.Error,
    code: "library_not_found",
    family: :setup,
    retryable: false,
    hint: "Set KNOCKER_EXTENSION to the path of libknocker, or take it from the hex package, which has it for the usual platforms."
end

defmodule Knocker.LibraryTooOldError do
  @moduledoc """
  The loadable library is older than the package.

  Its code is `library_too_old`, of the family `:setup`.
  """

  use Knocker.Error,
    code: "library_too_old",
    family: :setup,
    retryable: false,
    hint: "Use the library that comes with the package: unset KNOCKER_EXTENSION, or let it name one of the package's version or a newer one."
end

defmodule Knocker.CannotLoadError do
  @moduledoc """
  The SQLite of this process refuses or fails to load the library.

  Its code is `cannot_load`, of the family `:setup`.
  """

  use Knocker.Error,
    code: "cannot_load",
    family: :setup,
    retryable: false,
    hint: "Use exqlite, or `config :knocker, native: :precompiled`, and a library that was built for this platform."
end

defmodule Knocker.NoHandlerError do
  @moduledoc """
  The worker of this process has no handler for an event's type.

  Its code is `no_handler`, of the family `:setup`.
  """

  use Knocker.Error,
    code: "no_handler",
    family: :setup,
    retryable: false,
    hint: "Add a handler of that type, a prefix of it or `*`, or say with the endpoint's setting `unhandled` what becomes of such events."
end

defmodule Knocker.BodyConsumedError do
  @moduledoc """
  A body parser read the request before Knocker and kept no raw bytes.

  Its code is `body_consumed`, of the family `:setup`.
  """

  use Knocker.Error,
    code: "body_consumed",
    family: :setup,
    retryable: false,
    hint:
      "Let Plug.Parsers keep the raw bytes, with `body_reader: {Knocker.Plug.BodyReader, :read_body, [[under: \"/webhooks\"]]}`, or mount the route before it."
end

defmodule Knocker.Errors do
  @moduledoc """
  Every error of Knocker's is an exception with a `code`, which is stable, a `message`, a `hint` for the person who reads it, and whether
  the same call may succeed later (`retryable`). Some belong to a `family`:

  * `:not_found` - an id or a name that does not exist.
  * `:database` - the database itself, which refuses or fails.
  * `:setup` - a process in which Knocker cannot run as it is set up.
  """

  @type t ::
          Knocker.InvalidArgumentError.t()
          | Knocker.NowRequiredError.t()
          | Knocker.UnknownEndpointError.t()
          | Knocker.UnknownProviderError.t()
          | Knocker.UnknownEventError.t()
          | Knocker.UnknownDeliveryError.t()
          | Knocker.BadStateError.t()
          | Knocker.StaleJudgementError.t()
          | Knocker.LeaseLostError.t()
          | Knocker.NotBootstrappedError.t()
          | Knocker.SchemaIncompleteError.t()
          | Knocker.SchemaTooNewError.t()
          | Knocker.BusyError.t()
          | Knocker.ReadOnlyError.t()
          | Knocker.DiskFullError.t()
          | Knocker.IoError.t()
          | Knocker.CorruptError.t()
          | Knocker.CallInterruptedError.t()
          | Knocker.NestedStatementError.t()
          | Knocker.UnsupportedSqliteError.t()
          | Knocker.SecondSqliteError.t()
          | Knocker.SqliteError.t()
          | Knocker.UsageError.t()
          | Knocker.ClosedError.t()
          | Knocker.ForkedError.t()
          | Knocker.FileReplacedError.t()
          | Knocker.NotReplicatedError.t()
          | Knocker.UnknownTenantError.t()
          | Knocker.TooManyOpenError.t()
          | Knocker.ClusterUnavailableError.t()
          | Knocker.LibraryNotFoundError.t()
          | Knocker.LibraryTooOldError.t()
          | Knocker.CannotLoadError.t()
          | Knocker.NoHandlerError.t()
          | Knocker.BodyConsumedError.t()

  @classes %{
    "invalid_argument" => Knocker.InvalidArgumentError,
    "now_required" => Knocker.NowRequiredError,
    "unknown_endpoint" => Knocker.UnknownEndpointError,
    "unknown_provider" => Knocker.UnknownProviderError,
    "unknown_event" => Knocker.UnknownEventError,
    "unknown_delivery" => Knocker.UnknownDeliveryError,
    "bad_state" => Knocker.BadStateError,
    "stale_judgement" => Knocker.StaleJudgementError,
    "lease_lost" => Knocker.LeaseLostError,
    "not_bootstrapped" => Knocker.NotBootstrappedError,
    "schema_incomplete" => Knocker.SchemaIncompleteError,
    "schema_too_new" => Knocker.SchemaTooNewError,
    "busy" => Knocker.BusyError,
    "read_only" => Knocker.ReadOnlyError,
    "disk_full" => Knocker.DiskFullError,
    "io_error" => Knocker.IoError,
    "corrupt" => Knocker.CorruptError,
    "interrupted" => Knocker.CallInterruptedError,
    "nested_statement" => Knocker.NestedStatementError,
    "unsupported_sqlite" => Knocker.UnsupportedSqliteError,
    "second_sqlite" => Knocker.SecondSqliteError,
    "sqlite_error" => Knocker.SqliteError,
    "usage" => Knocker.UsageError,
    "closed" => Knocker.ClosedError,
    "forked" => Knocker.ForkedError,
    "file_replaced" => Knocker.FileReplacedError,
    "not_replicated" => Knocker.NotReplicatedError,
    "unknown_tenant" => Knocker.UnknownTenantError,
    "too_many_open" => Knocker.TooManyOpenError,
    "cluster_unavailable" => Knocker.ClusterUnavailableError,
    "library_not_found" => Knocker.LibraryNotFoundError,
    "library_too_old" => Knocker.LibraryTooOldError,
    "cannot_load" => Knocker.CannotLoadError,
    "no_handler" => Knocker.NoHandlerError,
    "body_consumed" => Knocker.BodyConsumedError
  }

  # SQLite's primary result codes; every other one is `sqlite_error`.
  @results %{
    5 => "busy",
    6 => "busy",
    8 => "read_only",
    9 => "interrupted",
    10 => "io_error",
    11 => "corrupt",
    13 => "disk_full",
    14 => "io_error",
    26 => "corrupt"
  }

  @doc "Every code."
  @spec codes() :: [String.t()]
  def codes, do: Map.keys(@classes)

  @doc "The error of a code. One that a newer library has is `Knocker.SqliteError` with that code."
  @spec new(String.t(), String.t(), term()) :: t()
  def new(code, message, cause \\ nil) do
    case @classes do
      %{^code => class} -> struct!(class, message: message, cause: cause)
      _ -> %Knocker.SqliteError{code: code, message: message, cause: cause, family: nil, hint: nil}
    end
  end

  @doc "The error of a driver's failure: the text of the library carries a code, anything else has SQLite's alone."
  @spec from_sqlite(Knocker.Driver.failure()) :: t()
  def from_sqlite(%{code: result, message: text} = failure) do
    case Regex.run(~r/knocker: ([a-z_]+): (.*)/s, text, capture: :all_but_first) do
      [code, message] -> new(code, message, failure)
      nil -> new(Map.get(@results, Bitwise.band(result, 0xFF), "sqlite_error"), text, failure)
    end
  end
end
