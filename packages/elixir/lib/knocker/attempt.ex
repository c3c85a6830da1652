defmodule Knocker.Attempt do
  @moduledoc false
  # A process that runs the handlers of jobs on one connection, one after the other. The handlers of an event run in a process of their own, so that whatever
  # ends it is an attempt and not the worker; what they do through `tx` is done here, and so is the verdict, in the same transaction. A verdict waits long for
  # the write lock; where it fails even so, the lease runs out and counts as an attempt.

  use GenServer

  alias Knocker.{AttemptReport, Checkpoints, Connection, Database, Decision, Endpoint, Errors, Handlers, LeaseCalls, Options, OwnLock}
  alias Knocker.{Telemetry, Tracing, Transaction}

  # How long a verdict waits for the write lock. Longer than a receive does: a verdict that is not written makes the handler run again.
  @verdict_patience_ms 60_000

  defstruct [
    :hooks,
    :worker,
    :owner,
    :connection,
    :generation,
    :lease_ms,
    :renew,
    :opened,
    :job,
    :tx,
    :handler,
    :began,
    :begun_at,
    :told,
    :tracing,
    :decided,
    killed: false,
    ended: false,
    altered: false,
    alone: true,
    settled: false
  ]

  @doc """
  Tells its owner of each attempt `{:attempted, pid, job, status, error, took_ms}`, and of a job that it could not begin `{:unstarted, pid, job, error}`.
  `renew` extends the leases of the worker over a connection that has the write lock; `opened` is told of the connection, for who interrupts it.
  """
  def start_link(arguments), do: GenServer.start_link(__MODULE__, Map.put(arguments, :owner, self()))

  def run(pid, job), do: GenServer.cast(pid, {:run, fn -> job end})

  @doc "Ends the handlers that run: a failed attempt."
  def kill(pid), do: GenServer.cast(pid, :kill)

  @impl true
  def init(arguments) do
    Process.flag(:trap_exit, true)
    {:ok, struct!(__MODULE__, arguments)}
  end

  @impl true
  def handle_cast({:run, job}, state) do
    job = job.()

    case connected(state) do
      {:ok, state} ->
        {:noreply, begin_attempt(%{state | job: job})}

      {:error, error} ->
        send(state.owner, {:unstarted, self(), job, error})
        {:noreply, %{state | connection: nil}}
    end
  end

  def handle_cast(:kill, state) do
    if state.handler, do: Process.exit(state.handler, :kill)
    {:noreply, %{state | killed: true}}
  end

  defp connected(state) do
    if state.connection && state.generation == Database.generation(state.hooks) do
      with :ok <- Database.refuse_replaced(state.hooks), do: {:ok, state}
    else
      Connection.close(state.connection)

      with {:ok, connection, generation} <- Database.open(state.hooks),
           :ok <- writable(connection) do
        state.opened.(connection)
        {:ok, %{state | connection: connection, generation: generation}}
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

  defp begin_attempt(%{job: %{event: event}} = state) do
    state = %{state | tx: Transaction.new(), began: now_ms(), tracing: Tracing.processing(event), decided: nil}
    Telemetry.execute(state.hooks, [:knocker, :attempt, :start], %{system_time: System.system_time()}, AttemptReport.facts(event))

    case wanted(state.hooks, event) do
      [] -> handled(state, :unwanted)
      handlers -> %{state | alone: match?([_one], handlers), handler: start_handlers(state, handlers)}
    end
  end

  defp wanted(hooks, event) do
    case Endpoint.known(hooks, event.endpoint) do
      {:ok, known} -> Handlers.matching(known.handlers, event.type)
      {:error, _unknown} -> []
    end
  end

  defp start_handlers(%{hooks: hooks, tx: tx, job: job, tracing: tracing}, handlers) do
    attempt = self()

    run = fn ->
      OwnLock.enter(hooks, tx)
      Process.put(:"$callers", [attempt])
      send(attempt, {:handlers, tx.reference, Tracing.within(tracing, fn -> in_order(handlers, job.event, tx, :unwanted) end)})
    end

    # A handler may cut the link, and nothing would be heard of its end.
    {handler, _monitor} = :erlang.spawn_opt(run, [:link, :monitor])
    handler
  end

  defp in_order([], _event, _tx, result), do: result

  defp in_order([handle | rest], event, tx, result) do
    case run_one(handle, event, tx) do
      :unwanted -> in_order(rest, event, tx, result)
      :handled -> in_order(rest, event, tx, :handled)
      decided -> decided
    end
  end

  defp run_one(handle, event, tx) do
    Decision.of(handle.(event, tx))
  catch
    kind, reason ->
      stacktrace = __STACKTRACE__
      if kind == :error and Handlers.unwanted?(reason, handle, stacktrace), do: :unwanted, else: Decision.of_crash(kind, reason, stacktrace)
  end

  @impl true
  def handle_call({:execute, reference, statement}, _from, %{tx: %{reference: reference}} = state) do
    {sql, parameters} = statement.()
    {result, state} = execute(state, sql, parameters)
    {:reply, result, state}
  end

  def handle_call({:execute, _former, _statement}, _from, state), do: {:reply, Transaction.over(), state}

  def handle_call({:elsewhere, reference}, _from, %{tx: %{reference: reference}} = state) do
    %{hooks: hooks, worker: worker, job: job, began: began} = state

    case elsewhere(state) do
      :ok -> {:reply, {:ok, fn -> [job.id, worker, now_ms() - began, Options.now(hooks.options)] end}, state}
      refused -> {:reply, refused, state}
    end
  end

  def handle_call({:elsewhere, _former}, _from, state), do: {:reply, Transaction.over(), state}

  def handle_call({:settled, reference}, _from, state) do
    settled = match?(%{reference: ^reference}, state.tx)
    {:reply, :ok, %{state | settled: settled or state.settled}}
  end

  # A verdict in a transaction of another connection's.
  defp elsewhere(%{settled: true}), do: {:error, settled()}

  defp elsewhere(%{begun_at: begun}) when begun != nil do
    {:error, Errors.new("usage", "tx is begun, and the other transaction would wait for it in vain: write through one of them")}
  end

  defp elsewhere(%{alone: false}),
    do: {:error, Errors.new("usage", "the other transaction ends with the event: where several handlers want it, write through tx")}

  defp elsewhere(_state), do: :ok

  defp settled, do: Errors.new("closed", "the event is handled, in a transaction that is committed")

  defp execute(%{settled: true} = state, _sql, _parameters), do: {{:error, settled()}, state}

  defp execute(%{ended: true} = state, _sql, _parameters), do: {{:error, ended()}, state}

  defp execute(state, sql, parameters) do
    with {:ok, state} <- note_alteration(state, Transaction.check(sql)),
         {:ok, state} <- begin(state) do
      case Connection.rows(state.connection, sql, parameters) do
        {:ok, rows} -> {{:ok, rows}, state}
        # SQLite itself ends a transaction after a full or failing disk.
        {:error, error} -> {{:error, error}, %{state | ended: not Connection.in_transaction?(state.connection)}}
      end
    else
      {:error, error} -> {{:error, error}, state}
    end
  end

  defp note_alteration(state, :ok), do: {:ok, state}
  defp note_alteration(state, :alters), do: {:ok, %{state | altered: true}}
  defp note_alteration(_state, refused), do: refused

  defp begin(%{begun_at: nil} = state) do
    with :ok <- Connection.exec(state.connection, "BEGIN IMMEDIATE") do
      Transaction.put_begun(state.tx, true)
      {:ok, %{state | begun_at: now_ms()}}
    end
  end

  defp begin(state), do: {:ok, state}

  defp ended do
    Errors.new(
      "usage",
      "the transaction ended before the verdict: leave COMMIT and ROLLBACK to the worker, and pass on errors of a full or failing disk"
    )
  end

  @impl true
  def handle_info({:handlers, reference, result}, %{tx: %{reference: reference}} = state), do: {:noreply, handled(%{state | handler: nil}, result)}

  # It ended without a result: something killed it.
  def handle_info({:DOWN, _monitor, :process, pid, reason}, %{handler: pid} = state) do
    {:noreply, handled(%{state | handler: nil}, ended_by(reason, state.killed))}
  end

  # The process of the attempt before, or one that somebody else has linked.
  def handle_info(_stray, state), do: {:noreply, state}

  defp ended_by(_reason, true), do: Decision.failed("the worker was stopped before the handler returned")
  defp ended_by(reason, false), do: Decision.of_crash(:exit, reason, [])

  @impl true
  def terminate(_reason, state) do
    if state.handler, do: Process.exit(state.handler, :kill)
    Connection.close(state.connection)
  end

  # Its verdict is committed, and nothing that came later changes it.
  defp handled(%{settled: true} = state, decision) do
    error = if decision in [:handled, :unwanted], do: nil, else: Decision.error_of(decision)
    if error, do: AttemptReport.again(state.job.event, error, took(state), "handled, and failed afterwards", "handled")
    Checkpoints.committed(state.hooks, state.connection, 1, 0)
    finish(%{state | tx: nil}, :handled, nil, nil)
  end

  defp handled(state, :unwanted) do
    error = Errors.new("no_handler", "no handler for #{inspect(state.job.event.type)}")
    if state.begun_at, do: roll_back(state)
    # The transaction is over for who kept tx.
    state = %{state | tx: nil, begun_at: nil}

    case verdict(state, &failure(&1, state, error.message, no_handler: true)) do
      {:ok, status} ->
        if status != :ignored, do: AttemptReport.failed(state.hooks, state.job.event, error, took(state))
        finish(state, status, if(status != :ignored, do: error), "no_handler")

      {:error, error} ->
        unwritten(state, error)
    end
  end

  defp handled(state, decision) do
    decision = if state.ended, do: Decision.failed(ended()), else: own_lock(state, decision)
    Transaction.put_begun(state.tx, false)
    state = %{state | tx: nil, decided: Tracing.type_of(decision)}
    error = Decision.error_of(decision)
    if decision != :handled and state.begun_at, do: roll_back(state)
    if error, do: AttemptReport.failed(state.hooks, state.job.event, error, took(state))
    # Where it is taken back, the verdict has a transaction of its own.
    held = if decision == :handled, do: state.begun_at

    case verdict(%{state | begun_at: held}, &write(&1, state, decision)) do
      {:ok, status} ->
        finish(state, status, error, text_of(decision))

      {:error, %{code: code} = lost} when code in ["lease_lost", "busy"] ->
        unwritten(told(state, error), lost)

      {:error, problem} when decision == :handled ->
        # The disk is full, say: the writes are gone, and a small verdict may still fit.
        AttemptReport.failed(state.hooks, state.job.event, problem, took(state))
        retry(state, problem)

      {:error, problem} ->
        unwritten(told(state, error), problem)
    end
  end

  defp told(state, error), do: %{state | told: error}

  defp retry(state, problem) do
    case verdict(%{state | begun_at: nil}, &failure(&1, state, Decision.message(problem), [])) do
      {:ok, status} -> finish(state, status, problem, Decision.message(problem))
      {:error, error} -> unwritten(told(state, problem), error)
    end
  end

  # A handler that writes through another connection, of whatever driver, waits for its own lock.
  defp own_lock(%{begun_at: begun}, {:failed, _text, error} = failed) when begun != nil do
    message = Decision.message(error)

    if Map.get(error, :code) == "busy" or message =~ ~r/database is locked|database busy/i do
      held = "#{message}: this handler has held the write lock since its first use of tx: write through tx, or through others before it"
      Decision.failed(Errors.new("busy", held, error))
    else
      failed
    end
  end

  defp own_lock(_state, decision), do: decision

  defp text_of({:failed, text, _error}), do: text
  defp text_of({:dead, text, _error}), do: text
  defp text_of({:retry, _seconds, text, _error}), do: text
  defp text_of(_handled_or_ignored), do: nil

  # Writes what the handlers decided.
  defp write(connection, state, :handled), do: LeaseCalls.handled(connection, state.worker, state.job.id, took(state), now(state))
  defp write(connection, state, {:ignore, why}), do: LeaseCalls.skipped(connection, state.worker, state.job.id, why, took(state), now(state))
  defp write(connection, state, {:dead, why, _error}), do: failure(connection, state, why, dead: true)
  defp write(connection, state, {:retry, nil, why, _error}), do: failure(connection, state, why, [])
  defp write(connection, state, {:retry, seconds, why, _error}), do: failure(connection, state, why, retry_after_s: seconds)
  defp write(connection, state, {:failed, text, _error}), do: failure(connection, state, text, [])

  defp failure(connection, state, text, options) do
    with {:ok, failure} <- LeaseCalls.failed(connection, state.worker, state.job.id, text, took(state), options, now(state)),
         do: {:ok, failure.status}
  end

  # Writes a verdict in the handlers' transaction, or in one of its own, with the leases that nobody could extend meanwhile.
  defp verdict(state, write) do
    result =
      with :ok <- begin_verdict(state),
           # One on a file that is gone would be nowhere.
           :ok <- Database.refuse_former(state.hooks, state.generation),
           :ok <- renew(state),
           {:ok, status} <- write.(state.connection),
           :ok <- Connection.exec(state.connection, "COMMIT") do
        {:ok, status}
      end

    case result do
      {:ok, status} ->
        Checkpoints.committed(state.hooks, state.connection, 1, 0)
        {:ok, status}

      {:error, error} ->
        roll_back(state)
        Database.doubt(state.hooks, error)
        {:error, error}
    end
  end

  defp begin_verdict(%{begun_at: begun}) when begun != nil, do: :ok

  defp begin_verdict(state) do
    # A handler may have set it, and the verdict is a write.
    with :ok <- if(state.altered, do: Connection.exec(state.connection, "PRAGMA query_only = 0"), else: :ok),
         do: begin_verdict(state, now_ms() + @verdict_patience_ms)
  end

  defp begin_verdict(state, deadline) do
    with {:error, %{code: "busy"}} = busy <- Connection.exec(state.connection, "BEGIN IMMEDIATE") do
      if now_ms() < deadline do
        Process.sleep(5)
        begin_verdict(state, deadline)
      else
        busy
      end
    end
  end

  # A handler that keeps the lock for longer than its lease must not lose the jobs of those beside it, which could not be extended meanwhile.
  defp renew(%{begun_at: begun, lease_ms: lease} = state) when begun != nil do
    if now_ms() - begun > lease / 3, do: state.renew.(state.connection), else: :ok
  end

  defp renew(_state), do: :ok

  defp roll_back(state), do: Connection.roll_back(state.connection)

  defp unwritten(state, error) do
    what = if error.code == "lease_lost", do: "lease lost, rolled back", else: "verdict not written, the lease runs out"
    event = state.job.event
    status = if error.code == "lease_lost", do: :lease_lost, else: :unwritten
    outcome = to_string(status)

    if state.told,
      do: AttemptReport.again(event, error, took(state), what, outcome),
      else: AttemptReport.failed(state.hooks, event, error, took(state), what, outcome)

    finish(state, status, state.told || error, nil)
  end

  # Tells what became of it. The connection may be what is broken, or a handler has left something on it: the next attempt has another one.
  defp finish(state, status, error, reason) do
    event = state.job.event
    took = took(state)
    if status == :dead, do: AttemptReport.dead(state.hooks, event, reason, took)
    AttemptReport.ended(state.hooks, event, status, took)
    Tracing.processed(state.tracing, status, error && (state.decided || Tracing.type_of(error)))
    if state.altered or status == :unwritten, do: Connection.close(state.connection)
    connection = if state.altered or status == :unwritten, do: nil, else: state.connection
    send(state.owner, {:attempted, self(), state.job, status, error, took})
    %{state | connection: connection, job: nil, tx: nil, told: nil, begun_at: nil, altered: false, ended: false, killed: false, settled: false}
  end

  defp took(state), do: now_ms() - state.began
  defp now(state), do: Options.now(state.hooks.options)
  defp now_ms, do: System.monotonic_time(:millisecond)
end
