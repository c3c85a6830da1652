defmodule Knocker.SharedCommit do
  @moduledoc false
  # One transaction for the attempts of several events: each in a savepoint, with its verdict, and one commit for all.
  #
  # What one handler raises takes back its own writes alone. Nobody sees an event's writes or its verdict before the commit, and nothing is told of it.
  # Where the whole transaction is lost, by a failing commit or by a handler that has SQLite roll it back, none of them counts as run.
  #
  # The transaction is begun by the first handler that uses tx. Attempts that ended before that wait with their verdicts; they hold no lock.

  alias Knocker.{AttemptConnection, Checkpoints, Claims, Connection, Database, HeldLeases, Pace, Paces, Run, Transaction, VerdictCommit}

  require Logger

  # So many events share a commit at most.
  @most_events 64
  # For so long the transaction stays open, and no handler is begun in it that lately took longer than what is left of that.
  @most_ms 20

  # The members are the latest first. `since` is when it began, or the first of those that wait for it; `begun` when it was opened, both on the stopwatch of
  # paces. `held_ms` is how long the last commit has held the write lock, 0 where there was none.
  defstruct members: [], open: false, since: nil, begun: 0, held_ms: 0

  @type t :: %__MODULE__{members: [Run.t()], open: boolean()}

  @spec most_ms() :: pos_integer()
  def most_ms, do: @most_ms

  @doc "How many events share a commit at most."
  @spec most_events() :: pos_integer()
  def most_events, do: @most_events

  @doc "How many attempts wait for the commit."
  @spec size(t()) :: non_neg_integer()
  def size(shared), do: length(shared.members)

  @doc "Whether nothing is there to be committed."
  @spec empty?(t()) :: boolean()
  def empty?(shared), do: shared.members == [] and not shared.open

  @doc """
  Whether handlers of that pace may be begun in it: nobody is to wait for the lock because of one that is slow, or that does something else first.
  """
  @spec room_for?(t(), AttemptConnection.t(), Pace.t()) :: boolean()
  def room_for?(%{members: []}, _on, _pace), do: true

  def room_for?(shared, on, pace) do
    size(shared) < @most_events and not (shared.open and not Pace.uses_tx?(pace)) and age_ms(shared, on) + pace.expected_ms <= @most_ms
  end

  @doc "Whether it is to be committed, whatever comes next."
  @spec full?(t(), AttemptConnection.t()) :: boolean()
  def full?(%{members: []}, _on), do: false
  def full?(shared, on), do: size(shared) >= @most_events or left_ms(shared, on) <= 0

  @doc "How long it may still wait."
  @spec left_ms(t(), AttemptConnection.t()) :: number()
  def left_ms(shared, on), do: @most_ms - age_ms(shared, on)

  defp age_ms(%{since: nil}, _on), do: 0
  # None where the clock was set back.
  defp age_ms(shared, on), do: max(0, Paces.now_ms(on.hooks) - shared.since)

  @doc """
  At the first use of tx: begins the transaction if need be, and a savepoint in it, and runs the statement there, which was checked before. Gives whether the
  savepoint is begun, and the rows of the statement.
  """
  @spec begin(t(), AttemptConnection.t(), {String.t(), list()}) :: {boolean(), {:ok, list()} | {:error, Exception.t()}, t()}
  def begin(%{open: true} = shared, on, statement) do
    case after_ending(shared, on, [{"SAVEPOINT #{Transaction.savepoint()}", []}, statement]) do
      {[_savepoint, rows], :ok, shared} -> {true, {:ok, rows}, shared}
      {:not_ended, shared} -> begin(shared, on, statement)
      {ran, failed, shared} -> {ran != [], failed, shared}
    end
  end

  def begin(shared, on, statement) do
    with {:ok, shared} <- open(shared, on, &Connection.exec(&1, "BEGIN IMMEDIATE")),
         {:ok, shared} <- write_waiting_first(shared, on) do
      begin(shared, on, statement)
    else
      {:error, error, shared} -> {false, {:error, error}, shared}
    end
  end

  # What keeps the others' verdicts from being written is not this handler's error.
  defp write_waiting_first(shared, on) do
    with {:error, error, shared} <- write_waiting(shared, on) do
      Connection.roll_back(on.connection)
      open(undo(%{shared | open: false}, error), on, &Connection.exec(&1, "BEGIN IMMEDIATE"))
    end
  end

  defp open(%{open: true} = shared, _on, _begin), do: {:ok, shared}

  defp open(shared, on, begin) do
    case begin.(on.connection) do
      :ok ->
        now = Paces.now_ms(on.hooks)
        since = if shared.members == [], do: now, else: shared.since || now
        {:ok, %{shared | open: true, since: since, begun: now}}

      {:error, error} ->
        {:error, error, shared}
    end
  end

  @doc """
  The handlers of a run have ended that was begun in it. An error is what keeps its verdict from being written; then the run is none of this transaction,
  and is to be dropped. Of one that wrote, the verdict comes with the next statement, since a hand-over to SQLite costs more than a statement.
  """
  @spec add(t(), AttemptConnection.t(), Run.t()) :: {:ok, t()} | {:error, Exception.t(), t()}
  def add(shared, on, run) do
    if Run.writes?(run) do
      {:ok, with_member(shared, on, %{run | state: :ending})}
    else
      shared = if run.begun_at, do: take_back(shared, on), else: end_former(shared, on)

      case if(shared.open, do: write(on, run), else: {:ok, run}) do
        {:ok, run} -> {:ok, with_member(shared, on, run)}
        {:error, error} -> {:error, error, shared}
      end
    end
  end

  defp with_member(shared, on, run), do: %{shared | members: [run | shared.members], since: shared.since || Paces.now_ms(on.hooks)}

  @doc "As `add/3`, for a run that is none of this transaction: what it wrote is taken back."
  @spec drop(t(), AttemptConnection.t(), Run.t()) :: t()
  def drop(shared, on, run), do: if(run.begun_at != nil and shared.open, do: take_back(shared, on), else: shared)

  # Takes back what was written since the savepoint, or everything where that is not possible.
  defp take_back(shared, on) do
    with {:ok, shared} <- exec(shared, on, "ROLLBACK TO #{Transaction.savepoint()}"),
         {:ok, shared} <- exec(shared, on, "RELEASE #{Transaction.savepoint()}") do
      shared
    else
      {:error, error, shared} ->
        if Connection.in_transaction?(on.connection) do
          text = "a handler has ended its savepoint, and the events that shared its transaction run again: #{error.message}"
          Logger.warning(text, record: "commit_undone", error: error.message)
          Connection.roll_back(on.connection)
        end

        find_out(shared, on)
    end
  end

  # Writes the verdict of the run before, if that is still to be done.
  defp end_former(%{members: [%{state: :ending} | _others]} = shared, on) do
    case after_ending(shared, on, []) do
      {:not_ended, shared} -> shared
      {[], :ok, shared} -> shared
    end
  end

  defp end_former(shared, _on), do: shared

  # Runs statements, behind the verdict of the run before, if that is still to be written: inside the savepoint, which ends with it, so that a lease that is lost
  # takes back this event's writes alone.
  defp after_ending(%{members: [%{state: :ending} = run | others]} = shared, on, statements) do
    case Connection.each(on.connection, [VerdictCommit.handled(on, run), {"RELEASE #{Transaction.savepoint()}", []} | statements]) do
      {[_verdict, _release | ran], ended} -> {ran, ended, %{shared | members: [%{run | state: :written, status: :handled} | others]}}
      {_ran, {:error, error}} -> {:not_ended, take_back(%{shared | members: [not_ended(on, run, error) | others]}, on)}
    end
  end

  defp after_ending(shared, on, statements) do
    {ran, ended} = Connection.each(on.connection, statements)
    {ran, ended, shared}
  end

  defp not_ended(_on, run, %{code: "lease_lost"} = error), do: %{run | state: :written, status: :lease_lost, problem: error}

  # A full disk, say.
  defp not_ended(on, run, error) do
    Database.doubt(on.hooks, error)
    %{run | state: :undone, problem: error}
  end

  defp write(on, run) do
    case VerdictCommit.write(on, run, run.now) do
      {:ok, status} ->
        {:ok, %{run | state: :written, status: status}}

      {:error, %{code: "lease_lost"} = error} ->
        {:ok, %{run | state: :written, status: :lease_lost, problem: error}}

      {:error, error} ->
        Database.doubt(on.hooks, error)
        {:error, error}
    end
  end

  defp write_waiting(shared, on) do
    shared.members
    |> Enum.reverse()
    |> Enum.reduce({:ok, []}, fn
      %{state: :waiting} = run, {:ok, done} -> with({:ok, run} <- write(on, run), do: {:ok, [run | done]})
      run, {:ok, done} -> {:ok, [run | done]}
      _run, failed -> failed
    end)
    |> case do
      {:ok, members} -> {:ok, %{shared | members: members}}
      {:error, error} -> {:error, error, shared}
    end
  end

  @doc """
  Commits, and gives every attempt since the last time, in order: committed, or undone. A `claim` takes the next jobs in the same commit; what came of it is
  what `Knocker.Claims.claim/2` gives, or `:not_claimed`.
  """
  @spec commit(t(), AttemptConnection.t(), Claims.t() | nil) :: {[Run.t()], t(), term()}
  def commit(shared, on, claim) do
    shared = end_former(shared, on)
    # A verdict on those is written, or is about to be: nobody extends their leases from then on.
    settled = for run <- shared.members, run.state in [:waiting, :written], do: run.job

    if settled == [] and not shared.open do
      taken(%{shared | held_ms: 0}, :not_claimed)
    else
      case try_commit(shared, on, settled, claim) do
        {:ok, shared, claimed} ->
          held_ms = Paces.now_ms(on.hooks) - shared.begun
          # The next attempt of one of them may be among what was claimed.
          for job <- settled, do: HeldLeases.let_go(on.held, job)
          claimed = Claims.finish(on.connection, claim, claimed)
          Checkpoints.committed(on.hooks, on.connection, length(settled), 0)
          taken(%{committed(shared) | held_ms: held_ms}, claimed)

        {:error, error, shared} ->
          Connection.roll_back(on.connection)
          for job <- settled, do: HeldLeases.unsettle(on.held, job)
          Database.doubt(on.hooks, error)
          taken(undo(%{shared | held_ms: 0}, error), :not_claimed)
      end
    end
  end

  defp taken(shared, claimed), do: {Enum.reverse(shared.members), %__MODULE__{held_ms: shared.held_ms}, claimed}

  defp try_commit(shared, on, settled, claim) do
    with {:ok, shared} <- open(shared, on, &VerdictCommit.begin_patiently/1),
         {:ok, shared} <- write_waiting(shared, on) do
      for job <- settled, do: HeldLeases.settle(on.held, job)

      with :ok <- if(Paces.now_ms(on.hooks) - shared.begun > on.lease_ms / 3, do: AttemptConnection.renew(on), else: :ok),
           # What is written to a file that is gone would be nowhere.
           :ok <- Database.refuse_former(on.hooks, on.generation),
           {:ok, claimed} <- Claims.claim_within(on.connection, claim),
           :ok <- AttemptConnection.commit(on) do
        {:ok, shared, claimed}
      else
        {:error, error} -> {:error, error, shared}
      end
    end
  end

  defp committed(shared), do: each_uncommitted(shared, &%{&1 | state: :committed})
  defp undo(shared, error), do: each_uncommitted(shared, &%{&1 | state: :undone, problem: error})

  defp each_uncommitted(shared, change) do
    %{shared | members: Enum.map(shared.members, fn run -> if run.state in [:waiting, :written], do: change.(run), else: run end)}
  end

  # SQLite has ended the transaction, as on a full disk, or a handler has: the file says what of it was committed.
  defp find_out(shared, on) do
    members =
      for run <- shared.members do
        if run.state == :written, do: %{run | state: if(in_file?(on, run), do: :committed, else: :undone)}, else: run
      end

    %{shared | open: false, members: members}
  end

  @leased "SELECT 1 FROM knocker_jobs WHERE job_id = ? AND worker = ?"
  @result "SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? ORDER BY id DESC LIMIT 1"

  defp in_file?(_on, %{status: :lease_lost}), do: true

  # Where nobody can tell it runs again, and its verdict is refused if it has one already.
  defp in_file?(on, %{job: job, status: status}) do
    with {:ok, nil} <- Connection.value(on.connection, @leased, [job.id, on.worker]),
         {:ok, result} <- Connection.value(on.connection, @result, [job.event.id, job.event.attempt]) do
      result == to_string(status)
    else
      _leased_or_unknown -> false
    end
  end

  defp exec(shared, on, sql) do
    case Connection.exec(on.connection, sql) do
      :ok -> {:ok, shared}
      {:error, error} -> {:error, error, shared}
    end
  end
end
