defmodule Knocker.Driver do
  @moduledoc """
  What Knocker asks of a SQLite driver.

  `Knocker.Driver.Exqlite` is the default, on the SQLite that the application has already through [exqlite](https://hex.pm/packages/exqlite)
  or Ecto's adapter. `Knocker.Driver.Native` brings its own, for applications without exqlite. A process has one SQLite library for a file:
  two of them drop each other's locks.

  A connection may be used by several processes, one after the other: a call waits for the one that runs, and runs to its end even where its caller does
  not live to see it. Only `c:interrupt/1` waits for nothing. A connection ends with the process that opened it, if not before.
  """

  @typedoc "A connection, as the driver has it."
  @type db :: term

  @typedoc "A value on its way in: a binary is text unless it is said to be a blob."
  @type parameter :: nil | integer | float | binary | {:blob, binary}

  @typedoc "A value on its way out; blobs come out as plain binaries."
  @type value :: nil | integer | float | binary

  @typedoc "A failure of SQLite's: its extended result code, and its text."
  @type failure :: %{code: integer, message: String.t()}

  @doc "The driver of this application: exqlite's where it is there."
  @spec default() :: module
  def default do
    if Code.ensure_loaded?(Exqlite.Sqlite3), do: Knocker.Driver.Exqlite, else: Knocker.Driver.Native
  end

  @doc """
  Opens a file. Where there is none it is made, unless `create: false` is given. `:busy_timeout_ms` (5000) is how long a statement waits for another
  writer.
  """
  @callback open(path :: String.t(), options :: keyword) :: {:ok, db} | {:error, failure}

  @doc "Closes a connection; a closed one may be closed again."
  @callback close(db) :: :ok

  @doc "Runs one statement, kept prepared for the next time, and gives its rows. A second statement in the text is an error."
  @callback execute(db, sql :: String.t(), [parameter]) :: {:ok, [[value]]} | {:error, failure}

  @doc """
  Runs statements one after the other in an open transaction, up to the first that fails: gives the rows of those that ran, and `:ok` or the failure. Where a
  driver cannot, they are executed one by one.
  """
  @callback execute_each(db, [{sql :: String.t(), [parameter]}]) :: {[[[value]]], :ok | {:error, failure}}

  @doc """
  Says anew how long a statement waits for another writer. One within a transaction does not wait, and need not: begin with `BEGIN IMMEDIATE`.
  """
  @callback wait(db, milliseconds :: non_neg_integer) :: :ok

  @doc "Loads a SQLite extension by its path and its entry point, for this connection."
  @callback load_extension(db, path :: String.t(), entry :: String.t()) :: :ok | {:error, failure}

  @doc "Ends the statement that runs on the connection, which fails with code 9. Comes from another process."
  @callback interrupt(db) :: :ok

  @doc """
  Has the calling process be told `:written`, once after each `c:arm/1`, when that file is written to; `:none` where the system does not tell. Where a driver
  cannot, the file is looked at from time to time.
  """
  @callback watch(path :: String.t()) :: {:ok, watch :: term} | :none

  @doc "Asks for the next `:written`. A watch is armed from the start."
  @callback arm(watch :: term) :: :ok

  @optional_callbacks execute_each: 2, watch: 1, arm: 1
end
