defmodule Knocker.LeaseCalls do
  @moduledoc false
  # The queue as one worker sees it, over one connection; each gives `{:ok, result}` or `{:error, exception}`.

  alias Knocker.{Connection, FailedOptions, Failure, Job, JSON}

  @doc "Leases up to limit due jobs, oldest first over the endpoints (none named: all), and gives how many."
  def claim(connection, worker, limit, lease_s, endpoints, now) do
    filter = if endpoints == [], do: %{}, else: %{"endpoints" => endpoints}
    Connection.call(connection, "knocker_claim", [worker, limit, lease_s, JSON.encode!(filter), now])
  end

  @doc "The jobs leased to this worker, but those of the given ids."
  def jobs(connection, worker, without) do
    sql = "SELECT #{Job.columns()} FROM knocker_jobs WHERE worker = ? AND job_id NOT IN (SELECT value FROM json_each(?)) ORDER BY job_id"

    with {:ok, rows} <- Connection.rows(connection, sql, [worker, JSON.encode!(without)]), do: {:ok, Enum.map(rows, &Job.from_row/1)}
  end

  def handled(connection, worker, job_id, took_ms, now) do
    with {:ok, _} <- Connection.call(connection, "knocker_handled", [job_id, worker, took_ms, now]), do: {:ok, :handled}
  end

  def failed(connection, worker, job_id, error, took_ms, options, now) do
    arguments = [job_id, worker, error, took_ms, options |> FailedOptions.to_map() |> JSON.encode!(), now]

    with {:ok, failure} <- Connection.call(connection, "knocker_failed", arguments), do: {:ok, failure |> JSON.decode!() |> Failure.from_json()}
  end

  def skipped(connection, worker, job_id, why, took_ms, now) do
    with {:ok, _} <- Connection.call(connection, "knocker_skipped", [job_id, worker, why, took_ms, now]), do: {:ok, :ignored}
  end

  @doc "Makes the lease run out that long from now, and gives when, in Unix milliseconds."
  def extend(connection, worker, job_id, lease_s, now), do: Connection.call(connection, "knocker_extend", [job_id, worker, lease_s, now])

  @doc "Gives back every lease of this worker, the attempts uncounted, and says how many."
  def release(connection, worker, now), do: Connection.call(connection, "knocker_release", [worker, now])

  @doc "Milliseconds until the next claim of this worker has something to do; nil where nothing waits."
  def next_due(connection, worker, endpoints, now) do
    filter = if endpoints == [], do: %{"worker" => worker}, else: %{"worker" => worker, "endpoints" => endpoints}
    Connection.call(connection, "knocker_next_due", [JSON.encode!(filter), now])
  end
end
