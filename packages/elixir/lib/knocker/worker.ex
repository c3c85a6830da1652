defmodule Knocker.Worker do
  @moduledoc """
  Claims due events and runs their handlers, each in a process of its own.

      children = [
        {Knocker, name: MyApp.Hooks, database: "app.db", endpoints: [...]},
        {Knocker.Worker, hooks: MyApp.Hooks, concurrency: 2}
      ]

  Any number of workers, in any number of processes, share a file. A worker wakes at once for a receipt of its own virtual machine, and within a few
  milliseconds for another one's. What fails while it works is logged and tried again; it outlives a restart of its hooks.

  * `:hooks`: the name of the hooks; required
  * `:concurrency`: how many handlers run at once, each with a connection of its own; 1 by default
  * `:lease_s`: how long a job is the worker's before others may take it, extended while its handlers run; 60 by default
  * `:poll_ms`: how long it sleeps at most where nobody wakes it; 1000 by default
  * `:shutdown_ms`: how long its supervisor waits for it; 30 000 by default. When it is stopped, it lets running handlers finish and gives back the other
    jobs, uncounted. Handlers that need longer are killed a second before the end: a failed attempt, tried again after the backoff.
  * `:share_commits`: whether quick handlers of a backlog share a commit, each in a savepoint with its own verdict; true by default. See docs/shared-commits.md
  * `:id`: of the child, where a supervisor has several

  A worker takes the endpoints that have handlers, as they are when it claims.
  """

  use GenServer

  alias Knocker.{Arguments, Attempt, AttemptReport, Attempted, ChangeNews, Checkpoints, Claims, Connection, Errors, HeldLeases, Hooks, LeaseCalls}
  alias Knocker.{Options, OwnCommits, Pace, Paces, Runners, SharedCommit, Watch, WorkerConnection, WorkerOptions}

  require Logger

  # After an error of the database itself, and while the hooks are not there.
  @pause_ms 1_000
  @no_hooks_pause_ms 50
  # A claim that found nothing although something was due: another worker was faster.
  @least_look_ms 5
  # How often a lease is extended in its length.
  @extensions 3
  # Retention passes have intervals of their own; this is how often one may turn out to be due.
  @retain_ms 60_000
  # What a handler takes at least, in the account of how long they usually take.
  @least_usual_ms 0.5
  # What a timer of Erlang's takes.
  @longest_ms 0xFFFF_FFFF
  # Before the supervisor loses its patience.
  @kill_margin_ms 1_000
  # How long a handler that was killed may be in a statement of its own.
  @statement_margin_ms 250

  defstruct [
    :name,
    :options,
    :hooks,
    :monitor,
    :held,
    :claims,
    :extends,
    :watch,
    :claiming,
    # The process that claims with its commit, where it is one of the runners.
    :claimer,
    :extending,
    :timer,
    :retain_at,
    :drain,
    :due,
    # How long a job waits for its turn: a timer, `:over`, or nil where none waits.
    :patience,
    ready: :queue.new(),
    runners: Runners.new(),
    # How long handlers lately took, nil before the first; and how many jobs the last claim has found.
    usual_ms: nil,
    last_claimed: 0,
    news: true,
    paused: false,
    looking: true
  ]

  @doc false
  def child_spec(options) do
    options = Arguments.keywords(options, "the options of Knocker.Worker")

    %{
      id: Keyword.get(options, :id, {__MODULE__, options[:hooks]}),
      start: {__MODULE__, :start_link, [options]},
      # One that ends by itself was closed with its hooks.
      restart: :transient,
      shutdown: Keyword.get(options, :shutdown_ms, 30_000)
    }
  end

  @doc "Starts a worker, as its supervisor does."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options) do
    with {:ok, read} <- WorkerOptions.read(options), do: GenServer.start_link(__MODULE__, {read, nil})
  end

  @doc false
  # Handles all that is due now and gives the attempts in order.
  @spec drain(term(), pos_integer(), keyword()) :: {:ok, [Attempted.t()]} | {:error, Exception.t()}
  def drain(hooks, limit, options) do
    with :ok <- if(WorkerOptions.positive?(limit), do: :ok, else: usage("limit: is a number of attempts")),
         {:ok, _hooks} <- Hooks.fetch(hooks),
         {:ok, read} <- WorkerOptions.read(Keyword.put(options, :hooks, hooks)) do
      {:ok, pid} = GenServer.start(__MODULE__, {read, %{caller: self(), limit: limit, count: 0, done: [], result: nil}})
      reference = Process.monitor(pid)

      receive do
        {:drained, ^pid, result} ->
          Process.demonitor(reference, [:flush])
          result

        {:DOWN, ^reference, :process, _pid, reason} ->
          {:error, Errors.new("closed", "the worker ended: #{inspect(reason)}")}
      end
    end
  end

  defp usage(message), do: {:error, Errors.new("usage", message)}

  @doc false
  # Starts a worker for a turn with one of many files: its start and end are told of in the debug log alone. It is ended by `end_turn/1`.
  @spec start_turn(keyword()) :: GenServer.on_start()
  def start_turn(options) do
    with {:ok, read} <- WorkerOptions.read(options), do: GenServer.start_link(__MODULE__, {Map.put(read, :level, :debug), nil})
  end

  @doc false
  # Whether it waits for something to do, or for its hooks.
  @spec idle?(pid()) :: boolean()
  def idle?(worker), do: GenServer.call(worker, :idle?, :infinity)

  @doc false
  # Ends it; handlers that run are waited for, however long they take.
  @spec end_turn(pid()) :: :ok
  def end_turn(worker), do: GenServer.stop(worker, {:shutdown, :turn_over}, :infinity)

  @doc false
  # Ends the workers of these hooks as a supervisor does, and waits for them.
  @spec stop_all(Hooks.t()) :: :ok
  def stop_all(hooks) do
    workers = for {pid, __MODULE__} <- Registry.lookup(Knocker.News, hooks.name), do: {pid, Process.monitor(pid)}
    for {pid, _reference} <- workers, do: send(pid, :close)

    for {_pid, reference} <- workers do
      receive do
        {:DOWN, ^reference, :process, _pid, _reason} -> :ok
      end
    end

    :ok
  end

  @impl true
  def init({options, drain}) do
    Process.flag(:trap_exit, true)
    state = %__MODULE__{name: worker_name(), options: options, drain: drain}
    if drain, do: Process.monitor(drain.caller)
    Registry.register(Knocker.News, name_of(options.hooks), __MODULE__)
    {:ok, state, {:continue, :start}}
  end

  defp name_of(%Hooks{name: name}), do: name
  defp name_of(name), do: name

  defp level(state), do: Map.get(state.options, :level, :info)

  @doc false
  # A name that no other worker has.
  def worker_name do
    {:ok, host} = :inet.gethostname()
    random = 4 |> :crypto.strong_rand_bytes() |> Base.encode16(case: :lower)
    "#{String.slice(to_string(host), 0, 200)}:#{System.pid()}:#{random}"
  end

  @impl true
  def handle_continue(:start, state), do: {:noreply, state |> start() |> go_on()}

  # Everything that depends on the hooks.
  defp start(state) do
    case Registry.lookup(Knocker.Registry, state.options.hooks) do
      [{pid, %Hooks{table: table} = hooks}] when table != nil ->
        {:ok, claims} = WorkerConnection.start_link(hooks)
        {:ok, extends} = WorkerConnection.start_link(hooks)
        held = HeldLeases.new(hooks, state.name, state.options.lease_s)
        state = %{state | hooks: hooks, monitor: Process.monitor(pid), held: held, claims: claims, extends: extends}
        if state.drain, do: state, else: start_minding(state)

      _none ->
        Process.send_after(self(), :start, @no_hooks_pause_ms)
        state
    end
  end

  defp start_minding(state) do
    facts = [record: "worker_started", worker: state.name, concurrency: state.options.concurrency]
    Logger.log(level(state), "worker #{state.name} started", facts)
    %{extend_later(state) | watch: Watch.start_link(state.hooks), looking: true, news: true, retain_at: now_ms() + @retain_ms}
  end

  @impl true
  def handle_call(:idle?, _from, state) do
    idle = state.claiming == nil and not state.news and not state.paused and :queue.is_empty(state.ready) and Runners.busy(state.runners) == 0
    {:reply, state.hooks == nil or idle, state}
  end

  @impl true
  def handle_info(:start, state), do: {:noreply, state |> start() |> go_on()}

  def handle_info(:knocker_changed, state) do
    forget_news()
    {:noreply, go_on(%{state | news: true})}
  end

  def handle_info(:look, state), do: {:noreply, go_on(%{state | news: true, timer: nil})}

  def handle_info(:goes_on, state), do: {:noreply, go_on(%{state | news: true, paused: false})}

  def handle_info(:impatient, state), do: {:noreply, go_on(%{state | patience: :over})}

  def handle_info(:watch, state) do
    if state.hooks && state.watch == nil, do: {:noreply, %{state | watch: Watch.start_link(state.hooks), looking: true}}, else: {:noreply, state}
  end

  def handle_info({:extend, held}, %{held: held} = state), do: {:noreply, state |> extend_later() |> extend()}

  def handle_info({reference, result}, %{claiming: reference} = state) when is_reference(reference),
    do: {:noreply, claimed(%{state | claiming: nil, claimer: nil}, result)}

  def handle_info({reference, result}, %{extending: reference} = state) when is_reference(reference) do
    case result do
      {:not_extended, %{code: "busy"} = error} -> warn(state, "leases_not_extended", "leases not extended, trying again", error)
      {_what, error} -> warn(state, error)
      :ok -> :ok
    end

    {:noreply, %{state | extending: nil}}
  end

  def handle_info({:lost, job_id}, state) do
    text = "a lease is lost: another worker or an operator has taken the job #{job_id}"
    Logger.warning(text, record: "lease_lost", worker: state.name, job_id: job_id)
    {:noreply, state}
  end

  def handle_info({:attempted, pid, job, status, error, took_ms}, %{runners: runners} = state) when is_map_key(runners, pid),
    do: {:noreply, attempted(state, pid, job, status, error, took_ms)}

  def handle_info({:next, pid, how}, %{runners: runners} = state) when is_map_key(runners, pid),
    do: {:noreply, go_on(%{patient(state) | runners: Runners.waits(runners, pid, how)})}

  def handle_info({:unstarted, pid, job, error}, %{runners: runners} = state) when is_map_key(runners, pid),
    do: {:noreply, failed(%{state | runners: Runners.done(runners, pid, job), ready: :queue.in_r(job, state.ready)}, error)}

  def handle_info(:close, state), do: {:stop, :normal, state}

  # The hooks are gone. Their supervisor may bring them back.
  def handle_info({:DOWN, monitor, :process, _pid, _reason}, %{monitor: monitor} = state) do
    if state.drain, do: {:stop, :normal, state}, else: {:noreply, state |> leave_hooks() |> start()}
  end

  # Who asked for a drain does not wait any more.
  def handle_info({:DOWN, _monitor, :process, _pid, _reason}, %{drain: drain} = state) when drain != nil, do: {:stop, :normal, state}

  def handle_info({:EXIT, pid, reason}, state), do: {:noreply, ended(state, pid, reason)}
  def handle_info(_stray, state), do: {:noreply, state}

  defp forget_news do
    receive do
      :knocker_changed -> forget_news()
    after
      0 -> :ok
    end
  end

  # Hands out what is ready, has committed what nobody else comes to, and claims more where somebody waits for it.
  defp go_on(%{hooks: nil} = state), do: state

  defp go_on(state) do
    state = state |> hand_out() |> have_committed()

    # A drain takes no more than its limit.
    if full?(state) and not :queue.is_empty(state.ready) and Runners.busy(state.runners) == 0,
      do: drained(state, usage("more is due after #{state.drain.limit} attempts: do handlers keep making work for themselves?")),
      else: claim_more(state)
  end

  defp full?(%{drain: nil}), do: false
  defp full?(%{drain: drain} = state), do: drain.count + Runners.attempts(state.runners) >= drain.limit

  defp claim_more(state) do
    cond do
      not (state.news and state.claiming == nil and free(state) > 0 and not state.paused) -> state
      # The claim would wait for its transaction, which claims when it ends.
      writing?(state) -> impatient_later(state)
      true -> claim(state)
    end
  end

  defp free(state), do: state.options.concurrency - Runners.busy(state.runners)

  defp hand_out(state) do
    with true <- goes_on?(state) and not full?(state),
         {{:value, job}, rest} <- :queue.out(state.ready),
         {pid, state} when pid != nil <- runner(state, job) do
      Attempt.run(pid, job, not :queue.is_empty(rest))
      hand_out(%{state | ready: rest, runners: Runners.gave(state.runners, pid, job)})
    else
      {nil, state} -> look(state)
      _nothing -> look(state)
    end
  end

  # Who closes the hooks ends this worker next.
  defp goes_on?(state), do: not state.paused and Hooks.number(state.hooks, :closing) == 0

  # One that is free, if there is one. Handlers that write soon take turns at the write lock wherever they run: they follow each other in the transaction of
  # one, where each of several would look now and then whether the lock is free.
  defp runner(state, job) do
    cond do
      pid = Runners.waiting(state.runners, :holds) -> {pid, state}
      free(state) == 0 -> {nil, state}
      writes_soon?(state, job) and writing?(state) -> {nil, impatient_later(state)}
      pid = Runners.waiting(state.runners, :idle) -> {pid, state}
      true -> start_runner(state)
    end
  end

  # Whether one runs handlers that write soon, or commits and leaves the lock to others for a moment.
  defp writing?(%{patience: :over}), do: false
  defp writing?(%{options: %{share_commits: false}}), do: false

  defp writing?(state) do
    Enum.any?(Runners.running(state.runners), &(&1 == nil or writes_soon?(state, &1)))
  end

  defp writes_soon?(state, job) do
    pace = Paces.of(state.hooks, job.event)
    pace != nil and Pace.writes_soon?(pace) and pace.expected_ms <= SharedCommit.most_ms()
  end

  # One of them may take long this time: nobody waits for it longer than for a commit that is shared.
  defp impatient_later(%{patience: nil} = state), do: %{state | patience: Process.send_after(self(), :impatient, SharedCommit.most_ms())}
  defp impatient_later(state), do: state

  defp patient(state) do
    if is_reference(state.patience), do: Process.cancel_timer(state.patience)
    %{state | patience: nil}
  end

  # Where there is no job for those who wait for the commit, or no room, it is made; without a job, it claims what comes next.
  defp have_committed(state) do
    case Runners.holding(state.runners) do
      nil ->
        state

      pid ->
        claim = if state.claiming == nil and goes_on?(state) and :queue.is_empty(state.ready), do: what_to_claim(state, 1 + free(state))
        Attempt.commit(pid, claim)
        state = %{state | runners: Runners.works(state.runners, pid)}
        have_committed(if claim, do: %{state | claiming: claim.reference, claimer: pid, news: false}, else: state)
    end
  end

  # Watching costs, and is of no use while everybody is busy.
  defp look(%{watch: nil} = state), do: state

  defp look(state) do
    wanted = free(state) > 0
    if wanted != state.looking, do: Watch.want(state.watch, wanted)
    %{state | looking: wanted}
  end

  defp start_runner(state) do
    worker = self()

    {:ok, pid} =
      Attempt.start_link(%{
        hooks: state.hooks,
        worker: state.name,
        held: state.held,
        lease_ms: state.options.lease_s * 1_000,
        lost: &send(worker, {:lost, &1}),
        share: state.options.share_commits,
        gives_way: state.drain == nil
      })

    {pid, state}
  end

  defp claim(state) do
    state = cancel_timer(state)
    claim = what_to_claim(state, free(state))
    WorkerConnection.run(state.claims, claim.reference, &Claims.claim(&1, claim))
    %{state | claiming: claim.reference, news: false}
  end

  defp what_to_claim(state, needed) do
    %Claims{
      reference: make_ref(),
      hooks: state.hooks,
      worker: state.name,
      lease_s: state.options.lease_s,
      held: state.held,
      limit: Claims.limit(needed, state.usual_ms, state.last_claimed)
    }
  end

  defp claimed(state, {:ok, due, jobs, lost}) do
    tell_lost(state, lost)
    state = %{state | due: due, last_claimed: length(jobs)}
    jobs = Enum.reject(jobs, &HeldLeases.given_up?(state.held, &1))
    for job <- jobs, do: HeldLeases.hold(state.held, job)
    state = %{state | ready: Enum.reduce(jobs, state.ready, &:queue.in(&1, &2))}
    if jobs == [], do: nothing_claimed(state), else: go_on(state)
  end

  defp claimed(state, :not_claimed), do: go_on(%{state | news: true})
  defp claimed(state, {:error, error}), do: failed(state, error)

  defp tell_lost(state, lost) do
    for {event, error, dead} <- lost do
      AttemptReport.failed(state.hooks, event, Errors.new("lease_lost", error), nil, "lost")
      if dead, do: AttemptReport.dead(state.hooks, event, error, nil)
    end
  end

  defp nothing_claimed(%{drain: nil, news: true} = state), do: go_on(state)
  defp nothing_claimed(%{drain: nil} = state), do: set_timer(look(state))
  defp nothing_claimed(state), do: if(free(state) > 0 and :queue.is_empty(state.ready), do: drained(state, {:ok, done(state)}), else: state)

  defp set_timer(state) do
    poll = state.options.poll_ms
    wait = if state.due, do: state.due |> max(@least_look_ms) |> min(poll), else: poll
    %{cancel_timer(state) | timer: Process.send_after(self(), :look, wait)}
  end

  defp cancel_timer(%{timer: nil} = state), do: state

  defp cancel_timer(state) do
    Process.cancel_timer(state.timer)
    %{state | timer: nil}
  end

  defp failed(%{drain: nil} = state, error) do
    pause = if error.code == "file_replaced", do: @least_look_ms, else: @pause_ms
    # It is logged once, where it was noticed; the next round is on the file that is there then.
    state = if error.code == "file_replaced", do: forget_jobs(state), else: warn(state, error)
    Process.send_after(self(), :goes_on, pause)
    %{state | paused: true}
  end

  defp failed(state, error), do: drained(state, {:error, error})

  # They were of a file that is gone, and so are their leases.
  defp forget_jobs(state) do
    HeldLeases.forget_all(state.held)
    %{state | ready: :queue.new()}
  end

  defp warn(state, error) do
    # A handler, here or elsewhere, that writes for long is no fault of the file's.
    if error.code == "busy",
      do: warn(state, "database_busy", "the database is busy, the worker tries again", error),
      else: Logger.error("the worker tries again: #{error.message}", [record: "worker_failed"] ++ facts(state, error))

    state
  end

  defp warn(state, record, text, error), do: Logger.warning("#{text}: #{error.message}", [record: record] ++ facts(state, error))
  defp facts(state, error), do: [worker: state.name, code: error.code, error: error.message]

  defp extend_later(state) do
    Process.send_after(self(), {:extend, state.held}, div(state.options.lease_s * 1_000, @extensions))
    state
  end

  defp extend(%{extending: nil} = state) do
    %{hooks: hooks, held: held, retain_at: retain_at} = state
    retain = now_ms() >= retain_at
    worker = self()
    reference = make_ref()

    WorkerConnection.run(state.extends, reference, fn connection ->
      case extend_on(connection, hooks, held, worker) do
        :ok -> if(retain, do: OwnCommits.during(held.commits, fn -> retain_on(connection, hooks) end), else: :ok)
        {:error, error} -> {:not_extended, error}
      end
    end)

    %{state | extending: reference, retain_at: if(retain, do: now_ms() + @retain_ms, else: retain_at)}
  end

  defp extend(state), do: state

  defp extend_on(connection, hooks, held, worker) do
    if HeldLeases.empty?(held) do
      :ok
    else
      renew = fn -> with :ok <- HeldLeases.renew(held, connection, &send(worker, {:lost, &1})), do: {:ok, nil} end

      with {:ok, nil} <- OwnCommits.during(held.commits, fn -> Connection.in_transaction(connection, renew) end),
           do: Checkpoints.committed(hooks, connection, 1, 0)
    end
  end

  defp retain_on(connection, hooks) do
    with {:ok, _pass} <- Connection.call(connection, "knocker_retain", [Options.now(hooks.options)]),
         do: Checkpoints.committed(hooks, connection, 1, 0)
  end

  defp attempted(state, pid, job, status, error, took_ms) do
    if status == :unwritten, do: HeldLeases.give_up(state.held, job), else: HeldLeases.let_go(state.held, job)
    usual_ms = if state.usual_ms, do: (4 * state.usual_ms + took_ms) / 5, else: took_ms
    state = %{state | runners: Runners.done(state.runners, pid, job), usual_ms: max(@least_usual_ms, usual_ms), news: true}
    if state.drain, do: note_done(state, %Attempted{event_id: job.event.id, status: status, error: error}), else: state
  end

  defp note_done(%{drain: drain} = state, attempted), do: %{state | drain: %{drain | count: drain.count + 1, done: [attempted | drain.done]}}
  defp done(state), do: Enum.reverse(state.drain.done)

  # What ended was one of its processes.
  defp ended(state, pid, reason) do
    cond do
      Map.has_key?(state.runners, pid) ->
        {{_state, jobs}, runners} = Map.pop(state.runners, pid)
        HeldLeases.ended(state.held, pid)
        for job <- jobs, do: HeldLeases.give_up(state.held, job)
        error = Errors.new("closed", "the attempt's process ended: #{shown(reason)}")
        failed(give_up_claim(%{state | runners: runners}, pid), error)

      pid == state.watch ->
        with {:shutdown, %{code: code} = error} when code != "file_replaced" <- reason, do: warn(state, error)
        Process.send_after(self(), :watch, if(match?({:shutdown, %{code: "file_replaced"}}, reason), do: @least_look_ms, else: @pause_ms))
        %{state | watch: nil}

      # Whatever it was may happen again at once.
      pid in [state.claims, state.extends] and state.hooks != nil ->
        warn(state, Errors.new("closed", "a connection of the worker ended: #{shown(reason)}"))
        if state.drain, do: send(self(), :close), else: Process.send_after(self(), :start, @pause_ms)
        leave_hooks(state)

      true ->
        state
    end
  end

  # It would have said what came of its claim.
  defp give_up_claim(%{claimer: pid} = state, pid), do: %{state | claiming: nil, claimer: nil, news: true}
  defp give_up_claim(state, _pid), do: state

  defp shown(reason), do: inspect(reason, limit: 10, printable_limit: 500)

  defp leave_hooks(state) do
    state = cancel_timer(state)
    # Their end is no news any more.
    Process.demonitor(state.monitor, [:flush])
    for pid <- [state.watch, state.claims, state.extends | Map.keys(state.runners)], is_pid(pid), do: end_process(pid)
    if state.held, do: HeldLeases.close(state.held)

    %{
      state
      | hooks: nil,
        held: nil,
        monitor: nil,
        claims: nil,
        extends: nil,
        watch: nil,
        claiming: nil,
        claimer: nil,
        extending: nil,
        runners: Runners.new(),
        ready: :queue.new(),
        paused: false
    }
  end

  defp end_process(pid) do
    Process.unlink(pid)
    Process.exit(pid, :shutdown)
  end

  defp drained(state, result) do
    send(self(), :close)
    %{state | paused: true, drain: %{state.drain | result: result}}
  end

  @impl true
  def terminate(_reason, %{hooks: nil}), do: :ok

  def terminate(reason, state) do
    if state.watch, do: end_process(state.watch)
    state = wait_for_runners(%{state | paused: true}, now_ms() + patience_ms(reason, state.options), false)
    state = wait_for_claim(state)
    released = release(state)

    if state.drain == nil,
      do: Logger.log(level(state), "worker #{state.name} stopped", record: "worker_stopped", worker: state.name, released: released),
      else: answer_drain(state)

    for pid <- [state.claims, state.extends | Map.keys(state.runners)], do: GenServer.stop(pid, :shutdown)
  catch
    # Nothing is lost: leases run out, and another worker takes them.
    :exit, reason -> warn(state, "leases_kept", "leases may not be given back, they run out", Errors.new("closed", shown(reason)))
  end

  # Nobody waits for the end of a turn but who comes after it.
  defp patience_ms({:shutdown, :turn_over}, _options), do: @longest_ms
  defp patience_ms(_reason, options), do: max(0, options.shutdown_ms - @kill_margin_ms)

  defp answer_drain(state), do: send(state.drain.caller, {:drained, self(), state.drain.result || {:ok, done(state)}})

  # Handlers come to their end. Those that take too long are killed.
  defp wait_for_runners(state, deadline, killed) do
    if Runners.busy(state.runners) > 0 do
      receive do
        {:attempted, pid, job, status, error, took_ms} -> state |> attempted(pid, job, status, error, took_ms) |> wait_for_runners(deadline, killed)
        {:next, pid, how} -> state |> at_rest(pid, how) |> wait_for_runners(deadline, killed)
        {:unstarted, pid, job, _error} -> wait_for_runners(%{state | runners: Runners.done(state.runners, pid, job)}, deadline, killed)
        {:EXIT, pid, _reason} -> state |> give_up_runner(pid) |> wait_for_runners(deadline, killed)
      after
        if(killed, do: @statement_margin_ms, else: max(0, deadline - now_ms())) ->
          end_handler = if killed, do: &HeldLeases.interrupt(state.held, &1), else: &Attempt.kill/1
          for pid <- Runners.working(state.runners), do: end_handler.(pid)
          wait_for_runners(state, deadline, true)
      end
    else
      state
    end
  end

  defp give_up_runner(state, pid) do
    HeldLeases.ended(state.held, pid)
    give_up_claim(%{state | runners: Map.delete(state.runners, pid)}, pid)
  end

  # It gets no further job; what waits is committed.
  defp at_rest(%{runners: runners} = state, pid, :idle) when is_map_key(runners, pid), do: %{state | runners: Runners.waits(runners, pid, :idle)}

  defp at_rest(state, pid, _how) do
    Attempt.commit(pid, nil)
    state
  end

  defp wait_for_claim(%{claiming: nil} = state), do: state

  defp wait_for_claim(%{claiming: reference, claims: claims} = state) do
    receive do
      # What was claimed is given back; what was found lost is in the file, and told nobody else.
      {^reference, {:ok, _due, _jobs, lost}} ->
        tell_lost(state, lost)
        %{state | claiming: nil}

      {^reference, _none} ->
        %{state | claiming: nil}

      {:EXIT, ^claims, _reason} ->
        %{state | claiming: nil}
    end
  end

  # Gives back what was not started.
  defp release(state) do
    %{hooks: hooks, name: name, claims: claims} = state
    HeldLeases.forget_all(state.held)
    reference = make_ref()
    WorkerConnection.run(claims, reference, &LeaseCalls.release(&1, name, Options.now(hooks.options)))

    receive do
      {^reference, {:ok, released}} ->
        ChangeNews.notify(hooks)
        released

      {^reference, {:error, error}} ->
        warn(state, "leases_kept", "leases not given back, they run out", error)
        0

      {:EXIT, ^claims, _reason} ->
        0
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
