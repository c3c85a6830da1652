defmodule Knocker.Claims do
  @moduledoc false
  # Claims of one worker: on a connection that does nothing else, or with the commit of verdicts, which saves one for the claim.

  alias Knocker.{Checkpoints, Connection, Endpoint, HeldLeases, Hooks, LeaseCalls, LostAttempts, Options, OwnCommits, SharedCommit}

  # How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes. Never more
  # than share a commit, whose end claims again.
  @ahead_ms 50
  # A claim takes so many times what the last one has found: a worker that has just begun knows little of how long its handlers take.
  @growth 2

  @enforce_keys [:reference, :hooks, :worker, :lease_s, :held, :limit]
  defstruct @enforce_keys

  @typedoc "What is to be claimed, and for whom."
  @type t :: %__MODULE__{}

  @typedoc "When the next job is due, the jobs, and the attempts that turned out to be lost."
  @type result :: {:ok, non_neg_integer() | nil, [Knocker.Job.t()], [tuple()]} | {:error, Exception.t()} | :not_claimed

  @doc "How many to claim where so many are needed at once, handlers usually take so long, and the last claim has found so many."
  @spec limit(pos_integer(), number() | nil, non_neg_integer()) :: pos_integer()
  def limit(needed, nil, _last), do: needed

  def limit(needed, usual_ms, last),
    do: max(needed, Enum.min([needed + trunc(@ahead_ms / usual_ms * needed), @growth * last, SharedCommit.most_events()]))

  @doc "Claims in a transaction of its own."
  @spec claim(Connection.t(), t()) :: result()
  def claim(connection, claim) do
    # A look takes no lock; a claim would wait for whoever writes, for nothing.
    with {:due, endpoints} <- look(connection, claim),
         :ok <- Checkpoints.require_sound(claim.hooks, connection),
         {:ok, {:claimed, count, lost} = claimed} <- commit(connection, claim, fn -> take(connection, claim, endpoints) end) do
      if count > 0 or lost != [], do: Checkpoints.committed(claim.hooks, connection, count + length(lost), 0)
      finish(connection, claim, claimed)
    else
      {:ok, {:later, due}} -> {:ok, due, [], []}
      failed -> failed
    end
  end

  defp commit(connection, claim, take), do: OwnCommits.during(claim.held.commits, fn -> Connection.in_transaction(connection, take) end)

  @doc "Claims in a transaction that is about to be committed; `finish/3` is to follow the commit."
  @spec claim_within(Connection.t(), t() | nil) :: {:ok, term()} | {:error, Exception.t()}
  def claim_within(_connection, nil), do: {:ok, :not_claimed}

  def claim_within(connection, claim) do
    if Hooks.number(claim.hooks, :distrusted) == 0 do
      with {:due, endpoints} <- look(connection, claim), do: take(connection, claim, endpoints)
    else
      {:ok, :not_claimed}
    end
  end

  @doc "What came of that, after the commit."
  @spec finish(Connection.t(), t() | nil, term()) :: result()
  def finish(_connection, _claim, :not_claimed), do: :not_claimed
  def finish(_connection, _claim, {:later, due}), do: {:ok, due, [], []}

  def finish(connection, claim, {:claimed, count, lost}) do
    with {:ok, jobs} <- if(count > 0, do: not_held(connection, claim), else: {:ok, []}),
         {:ok, lost} <- LostAttempts.with_events(connection, lost),
         do: {:ok, 0, jobs, lost}
  end

  # The commit of a verdict may have claimed the next attempt of its job, which is due at once: that is another one. What is held is looked at before the
  # jobs are read: who commits a verdict beside it may be through with that by then.
  defp not_held(connection, claim) do
    held = HeldLeases.attempts(claim.held)
    running = for {id, {_attempt, false}} <- held, do: id

    with {:ok, jobs} <- LeaseCalls.jobs(connection, claim.worker, running),
         do: {:ok, Enum.reject(jobs, &match?({attempt, _settled} when attempt == &1.event.attempt, held[&1.id]))}
  end

  # The endpoints of which something is due, or when the next job is.
  defp look(connection, claim) do
    endpoints = Endpoint.handled(claim.hooks)

    case if(endpoints == [], do: {:ok, nil}, else: LeaseCalls.next_due(connection, claim.worker, endpoints, Options.now(claim.hooks.options))) do
      {:ok, 0} -> {:due, endpoints}
      {:ok, due} -> {:ok, {:later, due}}
      failed -> failed
    end
  end

  defp take(connection, claim, endpoints) do
    now = Options.now(claim.hooks.options)

    with {:ok, last} <- LostAttempts.last(connection),
         {:ok, count} <- LeaseCalls.claim(connection, claim.worker, claim.limit, claim.lease_s, endpoints, now),
         {:ok, lost} <- LostAttempts.since(connection, last),
         do: {:ok, {:claimed, count, lost}}
  end
end
