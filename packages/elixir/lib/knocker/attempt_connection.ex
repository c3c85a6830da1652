defmodule Knocker.AttemptConnection do
  @moduledoc false
  # The connection on which a process runs attempts, and whose leases it extends there.

  alias Knocker.{Connection, Database, HeldLeases, OwnCommits}

  @enforce_keys [:hooks, :worker, :held, :lost, :lease_ms]
  defstruct [:hooks, :worker, :held, :lost, :lease_ms, :here, :connection, :generation]

  @typedoc "`lost` is called with the id of a job whose lease somebody else has taken; `here` counts what the process has committed."
  @type t :: %__MODULE__{}

  @doc "Makes sure of a connection to the file that is at the path now."
  @spec current(t()) :: {:ok, t()} | {:error, Exception.t()}
  def current(on) do
    if on.connection && on.generation == Database.generation(on.hooks) do
      with :ok <- Database.refuse_replaced(on.hooks), do: {:ok, on}
    else
      close(on)

      with {:ok, connection, generation} <- Database.open(on.hooks),
           :ok <- writable(connection) do
        HeldLeases.opened(on.held, connection)
        {:ok, %{on | connection: connection, generation: generation}}
      end
    end
  end

  # One that came up read-only would cost a handler an attempt.
  defp writable(connection) do
    case Connection.exec(connection, "BEGIN IMMEDIATE") do
      {:error, %{code: "read_only"}} = failed -> failed
      {:error, _busy} -> :ok
      :ok -> Connection.exec(connection, "ROLLBACK")
    end
  end

  @doc "Commits what is there."
  @spec commit(t()) :: :ok | {:error, Exception.t()}
  def commit(on) do
    :counters.add(on.here, 1, 1)
    OwnCommits.during(on.held.commits, fn -> Connection.exec(on.connection, "COMMIT") end)
  end

  @doc "Closes it; the next use opens another one."
  @spec close(t()) :: t()
  def close(on) do
    Connection.close(on.connection)
    %{on | connection: nil}
  end

  @doc "Extends the leases of the worker; the connection has the write lock."
  @spec renew(t()) :: :ok | {:error, Exception.t()}
  def renew(on), do: HeldLeases.renew(on.held, on.connection, on.lost)
end
