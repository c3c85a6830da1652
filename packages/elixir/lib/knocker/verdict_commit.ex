defmodule Knocker.VerdictCommit do
  @moduledoc false
  # Writes what became of an attempt, and commits it: in the handlers' own transaction, or in one for the verdict alone.

  alias Knocker.{AttemptConnection, Checkpoints, Connection, Database, Decision, Errors, LeaseCalls, Paces, Run}

  # How long a verdict waits for the write lock. Longer than a receive does: a verdict that is not written makes the handler run again.
  @patience_ms 60_000
  @pause_ms 5

  @doc "Writes the verdict, by the clock that shows `now`."
  @spec write(AttemptConnection.t(), Run.t(), integer() | nil) :: {:ok, atom()} | {:error, Exception.t()}
  def write(on, %{decision: :handled} = run, now), do: LeaseCalls.handled(on.connection, on.worker, run.job.id, run.took, now)
  def write(on, %{decision: {:ignore, why}} = run, now), do: LeaseCalls.skipped(on.connection, on.worker, run.job.id, why, run.took, now)

  def write(on, run, now) do
    {text, options} = failure(run)

    with {:ok, failure} <- LeaseCalls.failed(on.connection, on.worker, run.job.id, text, run.took, options, now), do: {:ok, failure.status}
  end

  @doc "The statement that writes that it is handled, as of when its handlers ended."
  @spec handled(AttemptConnection.t(), Run.t()) :: {String.t(), [Connection.value()]}
  def handled(on, %{decision: :handled} = run), do: Connection.calling("knocker_handled", [run.job.id, on.worker, run.took, run.now])

  defp failure(%{decision: :unwanted} = run), do: {unwanted(run).message, no_handler: true}
  defp failure(%{decision: {:dead, why, _error}}), do: {why, dead: true}
  defp failure(%{decision: {:retry, nil, why, _error}}), do: {why, []}
  defp failure(%{decision: {:retry, seconds, why, _error}}), do: {why, retry_after_s: seconds}
  defp failure(%{decision: {:failed, text, _error}}), do: {text, []}

  @doc "The error of an event that no handler wants."
  @spec unwanted(Run.t()) :: Exception.t()
  def unwanted(run), do: Errors.new("no_handler", "no handler for #{inspect(run.job.event.type)}")

  @doc "The error that the error hook is told of, if there is one."
  @spec error_of(Run.t()) :: Exception.t() | nil
  def error_of(%{decision: :unwanted} = run), do: unwanted(run)
  def error_of(run), do: Decision.error_of(run.decision)

  @doc "The reason that is stored with an event that is dead now."
  @spec reason(Run.t()) :: String.t() | nil
  def reason(%{decision: :unwanted}), do: "no_handler"
  def reason(%{decision: {kind, text, _error}}) when kind in [:failed, :dead], do: text
  def reason(%{decision: {:retry, _seconds, text, _error}}), do: text
  def reason(_handled_or_ignored), do: nil

  @doc """
  Commits the verdict, by the clock that shows `now`, with the leases that nobody could extend meanwhile, and gives for how many milliseconds the lock was
  held. Handlers that have used tx, and whose writes are to be kept, hold it since `begun_at`; without it the verdict has a transaction of its own.
  """
  @spec commit(AttemptConnection.t(), Run.t(), number() | nil, integer() | nil) :: {:ok, atom(), number()} | {:error, Exception.t()}
  def commit(on, run, begun_at, now) do
    result =
      with :ok <- if(begun_at, do: :ok, else: begin_apart(on.connection, run.altered)),
           begun_at = begun_at || Paces.now_ms(on.hooks),
           # One on a file that is gone would be nowhere.
           :ok <- Database.refuse_former(on.hooks, on.generation),
           :ok <- renew(on, begun_at),
           {:ok, status} <- write(on, run, now),
           :ok <- AttemptConnection.commit(on) do
        {:ok, status, Paces.now_ms(on.hooks) - begun_at}
      end

    case result do
      {:ok, status, held_ms} ->
        Checkpoints.committed(on.hooks, on.connection, 1, 0)
        {:ok, status, held_ms}

      {:error, error} ->
        Connection.roll_back(on.connection)
        Database.doubt(on.hooks, error)
        {:error, error}
    end
  end

  defp begin_apart(connection, altered) do
    # A handler may have set it, and the verdict is a write.
    with :ok <- if(altered, do: Connection.exec(connection, "PRAGMA query_only = 0"), else: :ok), do: begin_patiently(connection)
  end

  # A handler that keeps the lock for longer than its lease must not lose the jobs of those beside it, which could not be extended meanwhile.
  defp renew(on, begun_at), do: if(Paces.now_ms(on.hooks) - begun_at > on.lease_ms / 3, do: AttemptConnection.renew(on), else: :ok)

  @doc "Begins a transaction for verdicts."
  @spec begin_patiently(Connection.t()) :: :ok | {:error, Exception.t()}
  def begin_patiently(connection), do: begin_until(connection, now_ms() + @patience_ms)

  defp begin_until(connection, deadline) do
    with {:error, %{code: "busy"}} = busy <- Connection.exec(connection, "BEGIN IMMEDIATE") do
      if now_ms() < deadline do
        Process.sleep(@pause_ms)
        begin_until(connection, deadline)
      else
        busy
      end
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
