defmodule Knocker.Attempt do
  @moduledoc false
  # A process that runs attempts on one connection, one after the other: each alone, or in a transaction that several events share. The handlers of an event
  # run in a process of their own (`Knocker.HandlerProcess`); what they do through `tx` is done here, and so is the verdict, in the same transaction.
  # Nothing is told of an attempt before its verdict is committed. A verdict waits long for the write lock; where it fails even so, the lease runs out and
  # counts as an attempt.

  use GenServer

  alias Knocker.{
    AttemptConnection,
    AttemptReport,
    Checkpoints,
    Connection,
    Decision,
    Errors,
    GivingWay,
    HandlerProcess,
    Options,
    OwnCommits,
    Pace,
    Paces
  }

  alias Knocker.{Run, SharedCommit, Telemetry, Tracing, Transaction, VerdictCommit}

  # `run` is the attempt whose handlers run; `todo` is what is to follow it: `{:run, job, more}`, `{:alone, job}`, and `{:record, run}` for a verdict that is
  # still to be written.
  @enforce_keys [:owner, :on, :share, :gives_way]
  defstruct [
    :owner,
    :on,
    :share,
    :gives_way,
    :run,
    :timer,
    todo: [],
    shared: %SharedCommit{},
    way: %GivingWay{},
    spent: false,
    killed: false
  ]

  @doc """
  Tells its owner of each attempt `{:attempted, pid, job, status, error, took_ms}`, of a job that it could not begin `{:unstarted, pid, job, error}`, and
  `{:next, pid, how}` when it waits for another job: `:idle`, or with attempts that are not committed. Then it `:holds` them for a job that comes at once, or is
  `:full`, and `commit/2` is to follow. Arguments: `hooks`, `worker`, `held`,
  `lease_ms`, `lost` (called with the id of a job whose lease is lost), `share`, and `gives_way`, which says whether it leaves the write lock to
  others now and then.
  """
  def start_link(arguments), do: GenServer.start_link(__MODULE__, Map.put(arguments, :owner, self()))

  @doc "Runs a job; whether `more` jobs are at hand says whether it is worth while to share a commit with them."
  def run(pid, job, more), do: GenServer.cast(pid, {:run, fn -> job end, more})

  @doc "Commits what waits for that, with a claim of what comes next or without. What came of a claim comes as `{reference, result}`."
  def commit(pid, claim), do: GenServer.cast(pid, {:commit, claim})

  @doc "Ends the handlers that run: a failed attempt."
  def kill(pid), do: GenServer.cast(pid, :kill)

  @impl true
  def init(arguments) do
    Process.flag(:trap_exit, true)
    {own, connection} = arguments |> Map.put(:here, :counters.new(1, [])) |> Map.split([:owner, :share, :gives_way])
    {:ok, struct!(__MODULE__, Map.put(own, :on, struct!(AttemptConnection, connection)))}
  end

  @impl true
  def handle_cast({:run, job, more}, state), do: {:noreply, proceed(%{past_own(state) | todo: [{:run, job.(), more}]})}
  def handle_cast({:commit, claim}, state), do: {:noreply, state |> settle(claim) |> proceed()}

  def handle_cast(:kill, state) do
    if state.run, do: Process.exit(state.run.handler, :kill)
    {:noreply, %{state | killed: true}}
  end

  # Goes on with what is to be done, up to handlers that take their time, and asks for more where there is nothing.
  defp proceed(%{run: nil, todo: [next | rest]} = state), do: proceed(next(%{state | todo: rest}, next))

  defp proceed(%{run: nil} = state) do
    cond do
      not SharedCommit.empty?(state.shared) ->
        send(state.owner, {:next, self(), if(SharedCommit.full?(state.shared, state.on), do: :full, else: :holds)})
        state

      state.gives_way and GivingWay.due?(state.way, Paces.now_ms(state.on.hooks)) ->
        give_way(state)

      true ->
        idle(state)
    end
  end

  defp proceed(state), do: state

  defp idle(state) do
    send(state.owner, {:next, self(), :idle})
    replace_connection(state)
  end

  defp give_way(state) do
    state = look(state)

    case GivingWay.pause(state.way, Paces.now_ms(state.on.hooks)) do
      {0, way} ->
        idle(%{state | way: way})

      {pause_ms, way} ->
        Process.send_after(self(), :gave_way, pause_ms)
        %{state | way: way}
    end
  end

  # Notes whether others have written.
  defp look(%{on: %{connection: nil}} = state), do: state

  defp look(%{on: on} = state) do
    ended = OwnCommits.ended(on.held.commits)

    case Connection.value(on.connection, "PRAGMA data_version") do
      {:ok, number} ->
        elsewhere = committed_elsewhere(on)
        quiet = elsewhere + :counters.get(on.here, 1) == ended
        seen = {on.connection, number, elsewhere, quiet}
        %{state | way: GivingWay.look(state.way, seen, Paces.now_ms(on.hooks))}

      # The next statement says what is wrong.
      {:error, _error} ->
        state
    end
  end

  # What the worker has committed elsewhere is not to hide what others commit from now on.
  defp past_own(%{way: %{seen: {_connection, _number, elsewhere, _quiet}}, on: on} = state),
    do: if(elsewhere == committed_elsewhere(on), do: state, else: look(state))

  defp past_own(state), do: look(state)

  # How many commits of the worker have begun on other connections.
  defp committed_elsewhere(on), do: OwnCommits.begun(on.held.commits) - :counters.get(on.here, 1)

  defp held(state, held_ms), do: GivingWay.held(state.way, held_ms, Paces.now_ms(state.on.hooks))

  # The connection may be what is broken, or a handler has left something on it: the next attempt has another one.
  defp replace_connection(%{spent: true} = state), do: %{state | on: AttemptConnection.close(state.on), spent: false}
  defp replace_connection(state), do: state

  defp next(state, {:run, job, more} = entry) do
    handlers = HandlerProcess.wanted(state.on.hooks, job.event)
    pace = if handlers == [], do: Pace.of_nothing(), else: Paces.of(state.on.hooks, job.event)

    cond do
      not may_share?(state, job, handlers, pace) -> alone(state, job, handlers)
      not SharedCommit.room_for?(state.shared, state.on, pace) -> settle(%{state | todo: [entry | state.todo]}, nil)
      not more and SharedCommit.empty?(state.shared) -> alone(state, job, handlers)
      true -> started(state, job, handlers, true)
    end
  end

  defp next(state, {:alone, job}), do: alone(state, job, HandlerProcess.wanted(state.on.hooks, job.event))

  defp next(state, {:record, run}) do
    if SharedCommit.empty?(state.shared),
      do: connected(state, &record(&1, run), &unwritten(&1, run, &2)),
      else: settle(%{state | todo: [{:record, run} | state.todo]}, nil)
  end

  defp may_share?(%{share: false}, _job, _handlers, _pace), do: false
  defp may_share?(_state, _job, [], _pace), do: true
  defp may_share?(_state, _job, _handlers, nil), do: false
  defp may_share?(_state, job, _handlers, pace), do: not pace.apart and pace.expected_ms <= SharedCommit.most_ms() and job.event.attempt == 1

  defp alone(state, job, handlers) do
    if SharedCommit.empty?(state.shared),
      do: started(state, job, handlers, false),
      else: settle(%{state | todo: [{:alone, job} | state.todo]}, nil)
  end

  defp started(state, job, handlers, together) do
    connected(state, &begin(&1, job, handlers, together), fn state, error ->
      send(state.owner, {:unstarted, self(), job, error})
      state
    end)
  end

  # Those who wait for a commit have the connection until then.
  defp connected(state, work, failed) do
    if SharedCommit.empty?(state.shared) do
      state = replace_connection(state)

      case AttemptConnection.current(state.on) do
        {:ok, on} -> work.(%{state | on: on})
        {:error, error} -> failed.(%{state | on: %{state.on | connection: nil}}, error)
      end
    else
      work.(state)
    end
  end

  defp begin(state, job, handlers, together) do
    %{hooks: hooks} = state.on
    run = %{Run.new(hooks, job) | together: together, beside_lock: together and state.shared.open}
    Telemetry.execute(hooks, [:knocker, :attempt, :start], %{system_time: System.system_time()}, AttemptReport.facts(job.event))

    case handlers do
      [] ->
        handled(%{state | run: run}, :unwanted)

      _those_of_a_worker_that_ends when state.killed ->
        handled(%{state | run: run}, stopped())

      handlers ->
        run = %{run | tx: Transaction.new(), single: match?([_one], handlers)}
        watch(%{state | run: %{run | handler: HandlerProcess.start(hooks, run, handlers)}})
    end
  end

  defp stopped, do: Decision.failed("the worker was stopped before the handler returned")

  # A handler that has become slow, and has not used tx, does not hold up the others' commit.
  defp watch(%{run: %{together: true}, timer: nil, shared: %{members: [_one | _more]}} = state) do
    left_ms = state.shared |> SharedCommit.left_ms(state.on) |> ceil() |> max(1)
    %{state | timer: Process.send_after(self(), :overdue, left_ms)}
  end

  defp watch(state), do: state

  # Commits what waits for it, and tells of it. Attempts whose writes are lost with the transaction run again, alone.
  defp settle(state, claim) do
    if state.timer, do: Process.cancel_timer(state.timer)
    {members, shared, claimed} = SharedCommit.commit(state.shared, state.on, claim)
    state = %{state | shared: shared, timer: nil, way: held(state, shared.held_ms)}
    {again, state} = Enum.flat_map_reduce(members, state, &told/2)
    # Behind what has ended, of which the next attempt may be among what was claimed.
    if claim, do: send(state.owner, {claim.reference, claimed})
    %{state | todo: again ++ state.todo}
  end

  defp told(%{state: :committed, status: :lease_lost} = run, state), do: {[], unwritten(state, tell_decision(state, run), run.problem)}

  defp told(%{state: :committed} = run, state) do
    if run.status != :ignored, do: tell_error(state, run)
    {[], finish(state, run, run.status)}
  end

  defp told(%{problem: %{code: code} = problem} = run, state) when code in ["busy", "file_replaced", "closed"],
    do: {[], unwritten(state, tell_decision(state, run), problem)}

  defp told(run, state) do
    if Run.writes?(run), do: {[repeated(state, run)], state}, else: {[{:record, run}], state}
  end

  # What is said of handlers whose writes were lost with the transaction: they run again, alone.
  defp repeated(state, run) do
    AttemptReport.ended(state.on.hooks, run.job.event, :repeated, run.took)
    Tracing.processed(run.tracing, :repeated, nil)
    {:alone, run.job}
  end

  @impl true
  def handle_call({:execute, reference, statement}, _from, %{run: %{tx: %{reference: reference}}} = state) do
    {sql, parameters} = statement.()
    {result, state} = execute(state, sql, parameters)
    {:reply, result, state}
  end

  def handle_call({:elsewhere, reference}, _from, %{run: %{tx: %{reference: reference}}} = state) do
    %{on: %{hooks: hooks, worker: worker}, run: %{job: job, began: began} = run} = state

    case elsewhere(run) do
      :ok ->
        state = let_go(%{state | run: %{run | elsewhere: true}})
        {:reply, {:ok, fn -> [job.id, worker, now_ms() - began, Options.now(hooks.options)] end}, state}

      refused ->
        {:reply, refused, state}
    end
  end

  def handle_call({:let_go, reference}, _from, %{run: %{tx: %{reference: reference}}} = state), do: {:reply, :ok, let_go(state)}

  def handle_call({:settled, reference}, _from, %{run: %{tx: %{reference: reference}}} = state),
    do: {:reply, :ok, %{state | run: %{state.run | settled: true}}}

  def handle_call({call, _former}, _from, state) when call in [:let_go, :settled], do: {:reply, :ok, state}
  def handle_call(_of_a_former_run, _from, state), do: {:reply, Transaction.over(), state}

  # The handler that runs is about to wait for the lock elsewhere, or takes long: what is not its own is not to hold it.
  defp let_go(%{run: %{together: true, begun_at: nil}} = state), do: settle(state, nil)
  defp let_go(state), do: state

  # A verdict in a transaction of another connection's.
  defp elsewhere(%{settled: true}), do: {:error, settled()}

  defp elsewhere(%{begun_at: begun}) when begun != nil do
    {:error, Errors.new("usage", "tx is begun, and the other transaction would wait for it in vain: write through one of them")}
  end

  defp elsewhere(%{single: false}),
    do: {:error, Errors.new("usage", "the other transaction ends with the event: where several handlers want it, write through tx")}

  defp elsewhere(_run), do: :ok

  defp settled, do: Errors.new("closed", "the event is handled, in a transaction that is committed")

  defp execute(%{run: %{settled: true}} = state, _sql, _parameters), do: {{:error, settled()}, state}
  defp execute(%{run: %{ended: true}} = state, _sql, _parameters), do: {{:error, ended()}, state}

  defp execute(state, sql, parameters) do
    with {:ok, state} <- note_alteration(state, Transaction.check(sql)),
         {:ok, rows, state} <- rows(state, sql, parameters) do
      {{:ok, rows}, state}
    else
      {:error, error} -> {{:error, error}, state}
      {:error, error, state} -> {{:error, error}, state}
    end
  end

  # The first statement begins the transaction.
  defp rows(%{run: %{begun_at: nil, together: true}} = state, sql, parameters) do
    run = Run.first_use(state.run, state.on.hooks)

    with :ok <- Connection.check(sql, parameters) do
      case SharedCommit.begin(state.shared, state.on, {sql, parameters}) do
        {true, result, shared} -> ran(%{state | shared: shared, run: Run.begun(run, state.on.hooks)}, result)
        {false, {:error, error}, shared} -> {:error, error, %{state | shared: shared}}
      end
    end
  end

  defp rows(%{run: %{begun_at: nil}} = state, sql, parameters) do
    run = Run.first_use(state.run, state.on.hooks)

    with :ok <- Connection.exec(state.on.connection, "BEGIN IMMEDIATE") do
      ran(%{state | run: Run.begun(run, state.on.hooks)}, Connection.rows(state.on.connection, sql, parameters))
    end
  end

  defp rows(state, sql, parameters), do: ran(state, Connection.rows(state.on.connection, sql, parameters))

  defp ran(state, {:ok, rows}), do: {:ok, rows, state}
  # SQLite itself ends a transaction after a full or failing disk.
  defp ran(state, {:error, error}), do: {:error, error, %{state | run: %{state.run | ended: not Connection.in_transaction?(state.on.connection)}}}

  defp note_alteration(state, :ok), do: {:ok, state}
  defp note_alteration(state, :alters), do: {:ok, %{state | run: %{state.run | altered: true}}}
  defp note_alteration(_state, refused), do: refused

  defp ended do
    Errors.new(
      "usage",
      "the transaction ended before the verdict: leave COMMIT and ROLLBACK to the worker, and pass on errors of a full or failing disk"
    )
  end

  @impl true
  def handle_info({:handlers, reference, result}, %{run: %{tx: %{reference: reference}}} = state),
    do: {:noreply, state |> handled(result) |> proceed()}

  # It ended without a result: something killed it.
  def handle_info({:DOWN, _monitor, :process, pid, reason}, %{run: %{handler: pid}} = state) do
    {:noreply, state |> handled(if(state.killed, do: stopped(), else: Decision.of_crash(:exit, reason, []))) |> proceed()}
  end

  def handle_info(:overdue, %{run: run} = state) do
    state = %{state | timer: nil}

    cond do
      run == nil or run.begun_at != nil -> {:noreply, state}
      SharedCommit.full?(state.shared, state.on) -> {:noreply, let_go(state)}
      true -> {:noreply, watch(state)}
    end
  end

  def handle_info(:gave_way, state), do: {:noreply, state |> look() |> idle()}

  # The process of the attempt before, or one that somebody else has linked.
  def handle_info(_stray, state), do: {:noreply, state}

  @impl true
  def terminate(_reason, state) do
    if state.run, do: Process.exit(state.run.handler, :kill)
    # What is not committed is given up.
    AttemptConnection.close(state.on)
  end

  # The handlers have ended.
  defp handled(%{run: run} = state, decision) do
    state = %{state | run: nil, spent: state.spent or run.altered}
    decision = explained(run, decision)

    cond do
      run.settled -> after_settled(state, Run.ended(run, state.on.hooks, decision))
      decision == :met_the_lock -> run_again(state, run)
      run.together -> join(state, Run.ended(run, state.on.hooks, decision))
      true -> conclude(state, Run.ended(run, state.on.hooks, decision))
    end
  end

  defp explained(%{settled: true}, decision), do: decision
  defp explained(%{ended: true}, _decision), do: Decision.failed(ended())

  # A handler that writes through another connection, of whatever driver, waits for its own lock, or for that of others that share its transaction.
  defp explained(run, {:failed, _text, error} = failed) when run.begun_at != nil or run.beside_lock do
    message = Decision.message(error)

    cond do
      Map.get(error, :code) != "busy" and not (message =~ ~r/database is locked|database busy/i) ->
        failed

      run.begun_at == nil ->
        :met_the_lock

      true ->
        held = "#{message}: this handler has held the write lock since its first use of tx: write through tx, or through others before it"
        Decision.failed(Errors.new("busy", held, error))
    end
  end

  defp explained(_run, decision), do: decision

  # It is not the handler's failure that others held the lock: they are committed, and it runs again, alone.
  defp run_again(state, run) do
    run = Run.ended(%{run | elsewhere: true}, state.on.hooks, Decision.failed("met the write lock"))
    settle(%{state | todo: [repeated(state, run) | state.todo]}, nil)
  end

  # Its verdict is committed, and nothing that came later changes it.
  defp after_settled(state, run) do
    if error = VerdictCommit.error_of(run),
      do: if(run.decision != :unwanted, do: AttemptReport.again(run.job.event, error, run.took, "handled, and failed afterwards", "handled"))

    Checkpoints.committed(state.on.hooks, state.on.connection, 1, 0)
    finish(state, %{run | decision: :handled}, :handled)
  end

  # The run waits for the commit with others, or is none of their transaction.
  defp join(%{shared: shared, on: on} = state, %{ended: true} = run), do: record_apart(%{state | shared: SharedCommit.drop(shared, on, run)}, run)

  defp join(state, run) do
    case SharedCommit.add(state.shared, state.on, run) do
      {:ok, shared} ->
        state = %{state | shared: shared}
        if run.altered, do: settle(state, nil), else: state

      {:error, error, shared} ->
        # A full disk, say, or a connection that was made read-only.
        state = %{state | shared: SharedCommit.drop(shared, state.on, run)}
        if Run.writes?(run), do: record_apart(state, failed_by(run, error)), else: record_apart(state, run)
    end
  end

  # After those before it. What it wrote is taken back.
  defp record_apart(state, run), do: settle(%{state | todo: [{:record, %{run | begun_at: nil}} | state.todo]}, nil)

  defp failed_by(run, error), do: %{run | decision: {:failed, Decision.message(error), error}}

  # The end of an attempt that shares with none.
  defp conclude(state, run) do
    if run.begun_at && not Run.writes?(run), do: Connection.roll_back(state.on.connection)
    record(state, run)
  end

  # Commits the verdict, with what the handlers wrote where that is to be kept.
  defp record(state, run) do
    told = tell_decision(state, run)
    begun_at = if Run.writes?(run), do: run.begun_at
    now = if run.together, do: run.now, else: Options.now(state.on.hooks.options)

    case VerdictCommit.commit(state.on, run, begun_at, now) do
      {:ok, status, held_ms} ->
        state = %{state | way: held(state, held_ms)}
        if run.decision == :unwanted and status != :ignored, do: tell_error(state, run)
        finish(state, told, status)

      {:error, error} ->
        not_recorded(state, told, error)
    end
  end

  defp not_recorded(state, %{decision: :handled} = run, %{code: code} = error) when code not in ["lease_lost", "busy"] do
    # The disk is full, say: the writes are gone, and a small verdict may still fit.
    record(state, failed_by(run, error))
  end

  defp not_recorded(state, run, error), do: unwritten(state, run, error)

  # Tells of the error that the handlers ended with, if there is one.
  defp tell_error(state, run) do
    error = VerdictCommit.error_of(run)
    if error, do: AttemptReport.failed(state.on.hooks, run.job.event, error, run.took)
    %{run | told: error}
  end

  # What is not wanted may be ignored, which its verdict says.
  defp tell_decision(_state, %{decision: :unwanted} = run), do: run
  defp tell_decision(state, run), do: tell_error(state, run)

  defp unwritten(state, run, error) do
    {what, status} =
      if error.code == "lease_lost", do: {"lease lost, rolled back", :lease_lost}, else: {"verdict not written, the lease runs out", :unwritten}

    if run.told,
      do: AttemptReport.again(run.job.event, error, run.took, what, to_string(status)),
      else: AttemptReport.failed(state.on.hooks, run.job.event, error, run.took, what, to_string(status))

    ended(%{state | spent: state.spent or status == :unwritten}, run, status, run.told || error)
  end

  defp finish(state, run, status) do
    if status == :dead, do: AttemptReport.dead(state.on.hooks, run.job.event, VerdictCommit.reason(run), run.took)
    ended(state, run, status, if(status != :ignored, do: VerdictCommit.error_of(run)))
  end

  # Tells what became of it.
  defp ended(state, run, status, error) do
    AttemptReport.ended(state.on.hooks, run.job.event, status, run.took)
    type = Tracing.type_of(run.decision) || Tracing.type_of(error)
    Tracing.processed(run.tracing, status, error && type)
    send(state.owner, {:attempted, self(), run.job, status, error, run.took_on_stopwatch})
    state
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
