defmodule Knocker.Tenants.Worker do
  @moduledoc """
  Works on all files of `Knocker.Tenants`: each that has something due gets a `Knocker.Worker` for a while, `max_open` of them at once.

      {Knocker.Tenants.Worker, tenants: MyApp.Tenants, concurrency: 2}

  Where more files have work, each has a turn of about a second; handlers that run are waited for. Any number of workers, in any number of processes, may
  work on the same files. A file that cannot be opened is logged and tried again, after a minute at last; the others go on.

  * `:tenants`: the name of the tenants; required
  * `:concurrency`, `:lease_s`, `:poll_ms`, `:shutdown_ms`, `:share_commits`: as those of `Knocker.Worker`, for each file
  * `:id`: of the child, where a supervisor has several
  """

  use GenServer

  alias Knocker.{Arguments, Connection, Errors, JSON, Tenants, WorkerOptions}
  alias Knocker.Tenants.{Look, Pattern, Schedule, Turn}

  require Logger

  # How often it is asked which files have changed, and how often where the kernel tells that some have.
  @look_ms 10
  @seldom_ms 250
  # Files that are looked at on a tour, at once.
  @on_tour 2
  # How long a file with a backlog is worked on where others wait.
  @turn_ms 1_000
  # While the tenants are not there.
  @pause_ms 50
  @kill_margin_ms 500

  defstruct [:name, :options, :tenants, :monitor, :changes, :kernel, :timer, schedule: %Schedule{}, looks: %{}, turns: %{}]

  @doc false
  def child_spec(options) do
    options = Arguments.keywords(options, "the options of Knocker.Tenants.Worker")

    %{
      id: Keyword.get(options, :id, {__MODULE__, options[:tenants]}),
      start: {__MODULE__, :start_link, [options]},
      shutdown: Keyword.get(options, :shutdown_ms, 30_000)
    }
  end

  @doc "Starts a worker, as its supervisor does."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options) do
    {tenants, options} = options |> Arguments.keywords("the options of Knocker.Tenants.Worker") |> Keyword.pop(:tenants, Tenants)
    with {:ok, _read} <- WorkerOptions.read([hooks: nil] ++ options), do: GenServer.start_link(__MODULE__, {tenants, Keyword.delete(options, :id)})
  end

  @impl true
  def init({tenants, options}) do
    Process.flag(:trap_exit, true)
    {:ok, %__MODULE__{name: Knocker.Worker.worker_name(), options: options, tenants: tenants}, {:continue, :start}}
  end

  @impl true
  def handle_continue(:start, state), do: {:noreply, start(state)}

  # Everything that depends on the tenants.
  defp start(state) do
    with {:ok, tenants} <- Tenants.fetch(name_of(state.tenants)),
         {:ok, changes} <- Connection.open(":memory:", true, tenants.read) do
      [{supervisor, _tenants}] = Registry.lookup(Knocker.Registry, {Tenants, tenants.name})
      concurrency = Keyword.get(state.options, :concurrency, 1)
      text = "worker #{state.name} of #{tenants.pattern.path} started"
      Logger.info(text, record: "worker_started", worker: state.name, concurrency: concurrency)
      step(%{state | tenants: tenants, monitor: Process.monitor(supervisor), changes: changes, kernel: kernel(tenants)})
    else
      {:error, error} ->
        if error.code != "closed", do: tell_trouble(state, error)
        Process.send_after(self(), :start, @pause_ms)
        state
    end
  end

  defp name_of(%Tenants{name: name}), do: name
  defp name_of(name), do: name

  # It tells of each write in the folder. Of folders in it, it would not.
  defp kernel(%{pattern: %{rest: ""} = pattern, read: %{driver: driver}}) do
    with true <- function_exported?(driver, :watch, 1),
         {:ok, watch} <- driver.watch(pattern.folder) do
      watch
    else
      _none -> nil
    end
  end

  defp kernel(_folders), do: nil

  @impl true
  def handle_info(:start, state), do: {:noreply, start(state)}
  def handle_info(_any, %{monitor: nil} = state), do: {:noreply, state}
  def handle_info(:step, state), do: {:noreply, step(%{state | timer: nil})}
  # Of the kernel.
  def handle_info(:written, state), do: {:noreply, step(state)}

  def handle_info({:looked, pid, outcome}, state) when is_map_key(state.looks, pid) do
    {{name, _kind}, looks} = Map.pop(state.looks, pid)
    {:noreply, step(looked(%{state | looks: looks}, name, outcome))}
  end

  def handle_info({:turned, pid, outcome}, state) when is_map_key(state.turns, pid) do
    {{name, _began, _told}, turns} = Map.pop(state.turns, pid)
    {:noreply, step(turned(%{state | turns: turns}, name, outcome))}
  end

  # One that has told nothing.
  def handle_info({:EXIT, pid, reason}, state) do
    error = {:error, Errors.new("closed", "its process ended: #{inspect(reason, limit: 10, printable_limit: 200)}")}

    cond do
      is_map_key(state.looks, pid) -> handle_info({:looked, pid, error}, state)
      is_map_key(state.turns, pid) -> handle_info({:turned, pid, error}, state)
      true -> {:noreply, state}
    end
  end

  # Their supervisor may bring them back.
  def handle_info({:DOWN, monitor, :process, _pid, _reason}, %{monitor: monitor} = state) do
    for {pid, _name} <- Map.merge(state.looks, state.turns) do
      Process.unlink(pid)
      Process.exit(pid, :kill)
    end

    Connection.close(state.changes)
    {:noreply, start(%{state | monitor: nil, changes: nil, kernel: nil, looks: %{}, turns: %{}, schedule: %Schedule{}})}
  end

  def handle_info(_stray, state), do: {:noreply, state}

  defp step(state) do
    state = state |> take_changes() |> tick() |> begin_looks() |> begin_turns() |> make_room()
    if state.timer, do: Process.cancel_timer(state.timer)
    wait = if state.kernel, do: @seldom_ms, else: @look_ms
    wait = if is_integer(state.schedule.next_at), do: min(wait, max(0, state.schedule.next_at - now_ms())), else: wait
    # A turn that others wait for has its end.
    wait = if Schedule.waiting(state.schedule) > 0, do: min(wait, @look_ms), else: wait
    %{state | timer: Process.send_after(self(), :step, wait)}
  end

  defp take_changes(%{tenants: tenants} = state) do
    # Before the look, so that what is written behind it is told.
    if state.kernel, do: tenants.read.driver.arm(state.kernel)

    case Connection.value(state.changes, "SELECT knocker_changed_files(?1)", [tenants.pattern.path]) do
      {:ok, "[]"} -> state
      {:ok, paths} -> Enum.reduce(JSON.decode!(paths), state, &changed(&2, &1))
      {:error, error} -> tell_trouble(state, error)
    end
  end

  defp changed(state, path) do
    case Pattern.name(state.tenants.pattern, path) do
      nil -> state
      name -> %{state | schedule: Schedule.change(state.schedule, name, path, now_ms())}
    end
  end

  defp tick(state), do: %{state | schedule: Schedule.tick(state.schedule, now_ms())}

  # Those of files that have changed may wait for a commit.
  defp begin_looks(state), do: state |> begin_looks(:urgent, state.tenants.max_open) |> begin_looks(:slow, @on_tour)

  defp begin_looks(state, kind, most) do
    with true <- Enum.count(state.looks, &match?({_pid, {_name, ^kind}}, &1)) < most,
         {tenant, schedule} when tenant != nil <- Schedule.next_look(state.schedule, kind) do
      %{tenants: tenants} = state
      worker = self()
      pid = spawn_link(fn -> send(worker, {:looked, self(), Look.due(tenants, tenant, tenant.fresh)}) end)
      begin_looks(%{state | schedule: schedule, looks: Map.put(state.looks, pid, {tenant.name, kind})}, kind, most)
    else
      _none -> state
    end
  end

  defp begin_turns(state) do
    with true <- map_size(state.turns) < state.tenants.max_open,
         {tenant, schedule} when tenant != nil <- Schedule.next_turn(state.schedule) do
      pid = Turn.start_link(state.tenants, tenant, state.options)
      begin_turns(%{state | schedule: schedule, turns: Map.put(state.turns, pid, {tenant.name, now_ms(), :nothing})})
    else
      _none -> state
    end
  end

  # Those without work end now, those that have had their turn as soon as what runs is finished, as many as others wait.
  defp make_room(state) do
    case Schedule.waiting(state.schedule) do
      0 ->
        state

      waiting ->
        over = state.turns |> Enum.sort_by(fn {_pid, {_name, began, _told}} -> began end) |> Enum.take(waiting) |> Enum.map(&elem(&1, 0))
        %{state | turns: Map.new(state.turns, fn {pid, turn} -> {pid, tell(pid, turn, pid in over)} end)}
    end
  end

  defp tell(pid, {name, began, told} = turn, is_among_the_oldest) do
    cond do
      told != :over and is_among_the_oldest and now_ms() - began >= @turn_ms ->
        Turn.finish(pid)
        {name, began, :over}

      told == :nothing ->
        Turn.want(pid)
        {name, began, :wanted}

      true ->
        turn
    end
  end

  defp looked(state, name, {:ok, due}), do: %{state | schedule: Schedule.looked(state.schedule, name, due, now_ms())}
  defp looked(state, name, {:error, error}), do: failed(state, name, error)

  defp turned(state, name, {:ok, handled, due}), do: %{state | schedule: Schedule.turned(state.schedule, name, handled, due, now_ms())}
  defp turned(state, name, {:error, error}), do: failed(state, name, error)

  defp failed(state, name, %{code: "unknown_tenant"}), do: %{state | schedule: Schedule.forget(state.schedule, name)}

  defp failed(state, name, error) do
    path = state.schedule.tenants[name].path
    {pause, schedule} = Schedule.failed(state.schedule, name, now_ms())
    # It was told where it was noticed.
    if error.code != "file_replaced", do: tell_failed(state, name, path, pause, error)
    %{state | schedule: schedule}
  end

  defp tell_failed(state, name, path, pause, error) do
    text = "the tenant #{inspect(name)} is tried again in #{div(pause, 1_000)} s: #{path}: #{error.message}"
    Logger.error(text, record: "tenant_failed", worker: state.name, tenant: name, path: path, code: error.code, error: error.message)
  end

  defp tell_trouble(state, error) do
    text = "the worker of many files tries again: #{error.message}"
    Logger.error(text, record: "worker_failed", worker: state.name, code: error.code, error: error.message)
    state
  end

  @impl true
  def terminate(_reason, %{monitor: nil}), do: :ok

  def terminate(_reason, state) do
    for {pid, _turn} <- state.turns, do: Turn.stop(pid)
    shutdown_ms = Keyword.get(state.options, :shutdown_ms, 30_000)
    wait_for(Map.keys(state.turns), now_ms() + max(0, shutdown_ms - @kill_margin_ms))
    Connection.close(state.changes)
    Logger.info("worker #{state.name} of #{state.tenants.pattern.path} stopped", record: "worker_stopped", worker: state.name, released: nil)
  end

  defp wait_for([], _deadline), do: :ok

  defp wait_for(turns, deadline) do
    receive do
      {:EXIT, pid, _reason} -> wait_for(List.delete(turns, pid), deadline)
    after
      # Nothing is lost: leases run out, and another worker takes them.
      max(0, deadline - now_ms()) -> for pid <- turns, do: Process.exit(pid, :kill)
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
