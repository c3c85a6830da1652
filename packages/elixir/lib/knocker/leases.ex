defmodule Knocker.Leases do
  @moduledoc """
  The queue as one worker sees it, call by call; each call is a transaction of its own.

  `Knocker.Worker` does all of this. It is public for those who write a worker of their own, with verdicts in the transaction of their handlers' writes in
  SQL. A worker is named by a text that no other worker uses.
  """

  alias Knocker.{Database, Failure, Hooks, Job, LeaseCalls, Options}

  @type result(value) :: {:ok, value} | {:error, Exception.t()}

  @doc "Leases up to `limit` due jobs, oldest first over the endpoints (none named: all), and gives how many."
  @spec claim(term(), String.t(), non_neg_integer(), pos_integer(), [String.t()]) :: result(non_neg_integer())
  def claim(hooks, worker, limit, lease_s, endpoints \\ []), do: write(hooks, &LeaseCalls.claim(&1, worker, limit, lease_s, endpoints, &2))

  @doc "The jobs leased to this worker."
  @spec jobs(term(), String.t()) :: result([Job.t()])
  def jobs(hooks, worker), do: with({:ok, hooks} <- Hooks.fetch(hooks), do: Database.run(hooks, &LeaseCalls.jobs(&1, worker, [])))

  @doc "The event is handled. Error: `Knocker.LeaseLostError`, as of the verdicts below."
  @spec handled(term(), String.t(), pos_integer(), non_neg_integer()) :: :ok | {:error, Exception.t()}
  def handled(hooks, worker, job_id, duration_ms), do: done(write(hooks, &LeaseCalls.handled(&1, worker, job_id, duration_ms, &2)))

  @doc "The attempt failed; gives what comes next. Options are those of `Knocker.FailedOptions`: `retry_after_s`, `dead`, `no_handler`."
  @spec failed(term(), String.t(), pos_integer(), String.t(), non_neg_integer(), keyword()) :: result(Failure.t())
  def failed(hooks, worker, job_id, error, duration_ms, options \\ []),
    do: write(hooks, &LeaseCalls.failed(&1, worker, job_id, error, duration_ms, options, &2))

  @doc "The event is to be ignored."
  @spec skipped(term(), String.t(), pos_integer(), String.t(), non_neg_integer()) :: :ok | {:error, Exception.t()}
  def skipped(hooks, worker, job_id, reason, duration_ms), do: done(write(hooks, &LeaseCalls.skipped(&1, worker, job_id, reason, duration_ms, &2)))

  @doc "Makes the lease run out that long from now, and gives when."
  @spec extend(term(), String.t(), pos_integer(), pos_integer()) :: result(DateTime.t())
  def extend(hooks, worker, job_id, lease_s) do
    with {:ok, until} <- write(hooks, &LeaseCalls.extend(&1, worker, job_id, lease_s, &2)), do: {:ok, DateTime.from_unix!(until, :millisecond)}
  end

  @doc "Gives back every lease of this worker, the attempts uncounted, and says how many."
  @spec release(term(), String.t()) :: result(non_neg_integer())
  def release(hooks, worker), do: write(hooks, &LeaseCalls.release(&1, worker, &2))

  @doc "Milliseconds until the next claim of this worker has something to do; nil where nothing waits."
  @spec next_due(term(), String.t(), [String.t()]) :: result(non_neg_integer() | nil)
  def next_due(hooks, worker, endpoints \\ []) do
    with {:ok, hooks} <- Hooks.fetch(hooks), do: Database.run(hooks, &LeaseCalls.next_due(&1, worker, endpoints, Options.now(hooks.options)))
  end

  defp write(hooks, call) do
    with {:ok, hooks} <- Hooks.fetch(hooks),
         :ok <- Knocker.OwnLock.refuse(hooks),
         do: Database.write(hooks, &call.(&1, Options.now(hooks.options)))
  end

  defp done({:ok, _word}), do: :ok
  defp done(failed), do: failed
end
