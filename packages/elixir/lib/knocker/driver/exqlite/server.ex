defmodule Knocker.Driver.Exqlite.Server do
  @moduledoc false
  # Holds one connection of exqlite's. Each statement takes several calls of exqlite, and exqlite ends a statement whose caller has died: so this process is
  # the caller of them all, for one request after the other. It ends with the process that opened the connection.

  use GenServer

  alias Exqlite.{Sqlite3, Sqlite3NIF}
  alias Knocker.Driver.Exqlite.{Failure, Statements}
  alias Knocker.Driver.Patience

  # exqlite names no mode that opens only what is there: SQLITE_OPEN_READWRITE, with and without SQLITE_OPEN_CREATE.
  @only_there 0x2
  @or_made 0x6
  @rows_at_once 500

  @type db :: {pid(), reference()}

  @spec start(String.t(), boolean(), non_neg_integer()) :: {:ok, db()} | {:error, Failure.t()}
  def start(path, create, busy_timeout_ms) do
    case GenServer.start(__MODULE__, {self(), path, create, busy_timeout_ms}) do
      {:ok, server} -> {:ok, {server, GenServer.call(server, :conn, :infinity)}}
      {:error, {:shutdown, failure}} -> {:error, failure}
    end
  end

  @impl true
  def init({opener, path, create, busy_timeout_ms}) do
    Process.monitor(opener)

    with {:ok, conn} <- Sqlite3NIF.open(path, if(create, do: @or_made, else: @only_there)),
         :ok <- Sqlite3.execute(conn, "PRAGMA busy_timeout = 0") do
      {:ok, %{conn: conn, statements: Statements.new(), patience_ms: busy_timeout_ms}}
    else
      {:error, reason} -> {:stop, {:shutdown, Failure.of(reason)}}
    end
  end

  @impl true
  def handle_call(:conn, _from, state), do: {:reply, state.conn, state}

  def handle_call({:execute, sql, parameters}, _from, state) do
    {result, state} = execute(state, sql, parameters)
    {:reply, result, state}
  end

  def handle_call({:execute_each, statements}, _from, state) do
    {result, state} = execute_each(statements, [], state)
    {:reply, result, state}
  end

  def handle_call({:wait, milliseconds}, _from, state), do: {:reply, :ok, %{state | patience_ms: milliseconds}}

  # It waits as well: for a connection that is about to close the file, say.
  def handle_call({:load_extension, path, entry}, _from, state),
    do: {:reply, with({:ok, _rows} <- patiently(state, fn -> load(state.conn, path, entry) end), do: :ok), state}

  def handle_call(:close, _from, state), do: {:stop, :normal, :ok, state}

  @impl true
  def handle_info({:DOWN, _monitor, :process, _opener, _reason}, state), do: {:stop, :normal, state}
  def handle_info(_other, state), do: {:noreply, state}

  # A connection with statements would stay open until they are collected.
  @impl true
  def terminate(_reason, state) do
    Statements.release(state.statements, state.conn)
    Sqlite3.close(state.conn)
  end

  defp execute(state, sql, parameters) do
    # To be prepared, a statement may need the schema, and that another connection gives the file back.
    case patiently(state, fn -> Statements.fetch(state.statements, state.conn, sql) end) do
      {:ok, statement, statements} -> {patiently(state, fn -> run(state.conn, statement, parameters) end), %{state | statements: statements}}
      {:error, failure} -> {{:error, failure}, state}
    end
  end

  defp execute_each([], ran, state), do: {{Enum.reverse(ran), :ok}, state}

  defp execute_each([{sql, parameters} | rest], ran, state) do
    case execute(state, sql, parameters) do
      {{:ok, rows}, state} -> execute_each(rest, [rows | ran], state)
      {failed, state} -> {{Enum.reverse(ran), failed}, state}
    end
  end

  # SQL may load nothing but this.
  defp load(conn, path, entry) do
    with :ok <- Sqlite3.enable_load_extension(conn, true),
         {:ok, statement} <- Sqlite3.prepare(conn, "SELECT load_extension(?1, ?2)") do
      result = run(conn, statement, [path, entry])
      _ = Sqlite3.release(conn, statement)
      result
    else
      {:error, reason} -> {:error, Failure.of(reason)}
    end
  after
    Sqlite3.enable_load_extension(conn, false)
  end

  defp patiently(state, attempt),
    do: Patience.wait(state.patience_ms, attempt, fn -> Sqlite3.transaction_status(state.conn) == {:ok, :transaction} end)

  defp run(conn, statement, parameters) do
    with :ok <- Sqlite3.bind(statement, parameters),
         {:ok, rows} <- Sqlite3.fetch_all(conn, statement, @rows_at_once) do
      {:ok, rows}
    else
      {:error, reason} -> {:error, Failure.of(reason)}
    end
  rescue
    # Of the number of values.
    error in ArgumentError -> {:error, Failure.misuse(Exception.message(error))}
  end
end
