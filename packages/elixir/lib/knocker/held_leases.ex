defmodule Knocker.HeldLeases do
  @moduledoc false
  # The jobs that one worker holds, in a table of its own: the processes that run handlers extend them too, where they keep the write lock.

  alias Knocker.{Connection, LeaseCalls, Options, OwnCommits}

  defstruct [:hooks, :worker, :lease_s, :table, :commits]

  # For an extension that was on its way when a job was given up.
  @given_up_margin_ms 1_000
  # Between tries to end the statement of a process that is gone.
  @interrupt_ms 10

  def new(hooks, worker, lease_s),
    do: %__MODULE__{hooks: hooks, worker: worker, lease_s: lease_s, table: :ets.new(__MODULE__, [:public]), commits: OwnCommits.new()}

  def close(held), do: :ets.delete(held.table)

  @doc "Whether nothing is held."
  def empty?(held), do: :ets.match(held.table, {{:held, :"$1"}, :_, :_}, 1) == :"$end_of_table"

  @doc "What is held now: which attempt of each job, and whether its verdict is committed, or just being committed."
  def attempts(held),
    do: for([id, state, attempt] <- :ets.match(held.table, {{:held, :"$1"}, :"$2", :"$3"}), into: %{}, do: {id, {attempt, state == :settled}})

  defp extended(held), do: for([id, state] <- :ets.match(held.table, {{:held, :"$1"}, :"$2", :_}), state != :settled, do: id)

  def hold(held, job), do: :ets.insert(held.table, {{:held, job.id}, false, job.event.attempt})

  @doc """
  The commit of a verdict begins: nobody extends that lease from then on. Until `let_go/2` nobody is to hand the job out again either, as whoever claims beside
  the commit still sees it leased.
  """
  def settle(held, job), do: :ets.update_element(held.table, {:held, job.id}, {2, :settled})

  @doc "That commit has failed."
  def unsettle(held, job), do: :ets.update_element(held.table, {:held, job.id}, {2, false})

  @doc "This attempt is over. The next one may be held already."
  def let_go(held, job), do: :ets.match_delete(held.table, {{:held, job.id}, :_, job.event.attempt})

  def forget_all(held), do: :ets.delete_all_objects(held.table)

  @doc "The connection of the calling process, which runs handlers."
  def opened(held, connection), do: :ets.insert(held.table, {{:connection, self()}, connection})

  @doc "Ends the statement that this process runs, if it runs one."
  def interrupt(held, pid) do
    for {_key, connection} <- :ets.lookup(held.table, {:connection, pid}), do: Connection.interrupt(connection)
    :ok
  end

  @doc """
  This process has ended, perhaps without a word. Nobody else knows of its connection, which would keep the write lock: its statement is ended, and what it had
  begun rolled back, which nobody waits for here.
  """
  def ended(held, pid) do
    for {_key, connection} <- :ets.take(held.table, {:connection, pid}) do
      spawn(fn -> interrupt_until_closed(connection, spawn_monitor(fn -> Connection.close(connection) end)) end)
    end

    :ok
  end

  # A statement that was only about to begin is not ended by the first one.
  defp interrupt_until_closed(connection, {closing, monitor}) do
    Connection.interrupt(connection)

    receive do
      {:DOWN, ^monitor, :process, ^closing, _reason} -> :ok
    after
      @interrupt_ms -> interrupt_until_closed(connection, {closing, monitor})
    end
  end

  @doc "The verdict on that attempt could not be written: it is not taken again before its lease has run out and counts as an attempt."
  def give_up(held, job) do
    let_go(held, job)
    :ets.insert(held.table, {{:given_up, job.id}, job.event.attempt, now_ms() + held.lease_s * 1_000 + @given_up_margin_ms})
  end

  @doc "Whether this is the very attempt that was given up, and not the one after its lease has run out."
  def given_up?(held, job) do
    case :ets.lookup(held.table, {:given_up, job.id}) do
      [{_key, attempt, until}] ->
        same = attempt == job.event.attempt and now_ms() < until
        unless same, do: :ets.delete(held.table, {:given_up, job.id})
        same

      [] ->
        false
    end
  end

  @doc "Extends every lease held, over a connection that has the write lock. `lost` is called with the id of a job that somebody else has taken."
  def renew(held, connection, lost) do
    Enum.reduce_while(extended(held), :ok, fn id, :ok ->
      case LeaseCalls.extend(connection, held.worker, id, held.lease_s, Options.now(held.hooks.options)) do
        {:ok, _until} ->
          {:cont, :ok}

        {:error, %{code: "lease_lost"}} ->
          # One that was finished meanwhile is not lost, and one is told of once.
          if :ets.match_object(held.table, {{:held, id}, false, :_}) != [] do
            :ets.update_element(held.table, {:held, id}, {2, true})
            lost.(id)
          end

          {:cont, :ok}

        failed ->
          {:halt, failed}
      end
    end)
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
