defmodule Knocker.Driver.Exqlite do
  @moduledoc """
  The SQLite that the application has through [exqlite](https://hex.pm/packages/exqlite) (0.26 and newer), of itself or of Ecto's adapter. It is the
  default.
  """

  @behaviour Knocker.Driver

  alias Exqlite.Sqlite3
  alias Knocker.Driver.Exqlite.{Failure, Server}

  @impl true
  def open(path, options \\ []) do
    if Code.ensure_loaded?(Sqlite3),
      do: Server.start(path, Keyword.get(options, :create, true), Keyword.get(options, :busy_timeout_ms, 5_000)),
      else:
        {:error,
         Failure.misuse("knocker: cannot_load: exqlite is not there: add {:exqlite, \">= 0.26.0\"} to the dependencies, or use Knocker.Driver.Native")}
  end

  @impl true
  def close({server, _conn}), do: ask(server, :close, :ok)

  @impl true
  def execute({server, _conn}, sql, parameters), do: ask(server, {:execute, sql, parameters}, closed())

  @impl true
  def execute_each({server, _conn}, statements), do: ask(server, {:execute_each, statements}, {[], closed()})

  @impl true
  def wait({server, _conn}, milliseconds), do: ask(server, {:wait, milliseconds}, :ok)

  @impl true
  def load_extension({server, _conn}, path, entry), do: ask(server, {:load_extension, path, entry}, closed())

  @impl true
  def interrupt({_server, conn}) do
    _ = Sqlite3.interrupt(conn)
    :ok
  end

  defp closed, do: {:error, Failure.misuse("the connection is closed")}

  defp ask(server, request, otherwise) do
    GenServer.call(server, request, :infinity)
  catch
    :exit, {reason, _call} when reason in [:noproc, :normal] -> otherwise
  end
end
