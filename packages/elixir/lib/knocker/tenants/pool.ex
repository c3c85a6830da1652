defmodule Knocker.Tenants.Pool do
  @moduledoc false
  # Files that are open for one kind of use, and a bound on how many. One that is used is not closed; of the others the one that was used longest ago is
  # closed first. Who dies uses nothing any more.

  use GenServer

  alias Knocker.{Errors, Hooks}
  alias Knocker.Tenants.OpenFile

  # A file: its process, whether it is opening, open or closing, how many use it, and when it was used last.
  defstruct [:tenants, :kind, files: %{}, users: %{}, waiting: [], uses: 0]

  def child_spec({tenants, kind}), do: %{id: {__MODULE__, kind}, start: {__MODULE__, :start_link, [{tenants, kind}]}}
  def start_link({tenants, kind}), do: GenServer.start_link(__MODULE__, {tenants, kind}, name: name(tenants, kind))

  defp name(tenants, kind), do: {:via, Registry, {Knocker.Registry, {__MODULE__, tenants.name, kind}}}

  @doc "Runs a function with the name of the tenant's hooks, which stay open meanwhile."
  @spec use_file(Knocker.Tenants.t(), atom(), String.t(), (term() -> result)) :: {:ok, result} | {:error, Exception.t()} when result: term()
  def use_file(tenants, kind, name, work) do
    with {:ok, user} <- call(tenants, kind, {:take, name}) do
      try do
        {:ok, work.(OpenFile.hooks_name(tenants.name, kind, name))}
      after
        GenServer.cast(name(tenants, kind), {:give, user})
      end
    end
  end

  @doc "Closes a file that nobody uses: what it was is gone, and another one has been made."
  @spec drop(Knocker.Tenants.t(), atom(), String.t()) :: :ok
  def drop(tenants, kind, name), do: GenServer.cast(name(tenants, kind), {:drop, name})

  defp call(tenants, kind, message) do
    GenServer.call(name(tenants, kind), message, :infinity)
  catch
    :exit, _reason -> {:error, Errors.new("closed", "the tenants #{inspect(tenants.name)} are closed")}
  end

  @impl true
  def init({tenants, kind}), do: {:ok, %__MODULE__{tenants: tenants, kind: kind}}

  @impl true
  def handle_call({:take, name}, {pid, _tag} = from, state) do
    user = Process.monitor(pid)
    Process.send_after(self(), {:late, user}, state.tenants.patience_ms)
    {:noreply, serve(%{state | waiting: state.waiting ++ [{user, from, name}]})}
  end

  @impl true
  def handle_cast({:give, user}, state) do
    Process.demonitor(user, [:flush])
    {:noreply, serve(given_back(state, user))}
  end

  def handle_cast({:drop, name}, state) do
    case state.files[name] do
      %{state: :open, used_by: 0} = file ->
        OpenFile.close(file.pid)
        {:noreply, put_in(state.files[name], %{file | state: :closing})}

      _none_or_used ->
        {:noreply, state}
    end
  end

  @impl true
  def handle_info({:opened, pid, outcome}, state) do
    case Enum.find(state.files, fn {_name, file} -> file.pid == pid end) do
      {name, file} when outcome == :ok -> {:noreply, serve(put_in(state.files[name], %{file | state: :open}))}
      # It ends next, and has its place until then.
      {name, file} -> {:noreply, state |> refuse(name, outcome) |> then(&put_in(&1.files[name], %{file | state: :closing}))}
      nil -> {:noreply, state}
    end
  end

  def handle_info({:late, user}, state) do
    case List.keytake(state.waiting, user, 0) do
      {{^user, from, name}, waiting} ->
        Process.demonitor(user, [:flush])
        # Where its own file is being opened, that is what takes long.
        code = if Map.has_key?(state.files, name), do: "busy", else: "too_many_open"
        GenServer.reply(from, {:error, Errors.new(code, late(code, state, name))})
        {:noreply, %{state | waiting: waiting}}

      nil ->
        {:noreply, state}
    end
  end

  def handle_info({:DOWN, reference, :process, pid, _reason}, state) do
    case Enum.find(state.files, fn {_name, file} -> file.pid == pid end) do
      {name, %{monitor: ^reference}} -> {:noreply, serve(%{state | files: Map.delete(state.files, name)})}
      # A user, who may have waited for its turn.
      _none -> {:noreply, serve(given_back(%{state | waiting: List.keydelete(state.waiting, reference, 0)}, reference))}
    end
  end

  def handle_info(_stray, state), do: {:noreply, state}

  defp late("busy", _state, name), do: "the file of the tenant #{inspect(name)} is being opened or closed for long"
  defp late(_full, state, _name), do: "all of the #{state.tenants.max_open} files that may be open at once are in use"

  defp given_back(state, user) do
    case Map.pop(state.users, user) do
      {nil, _users} ->
        state

      {{name, pid}, users} ->
        # The file that it used may have ended before it, and another one be in its place.
        files =
          case state.files do
            %{^name => %{pid: ^pid} = file} -> Map.put(state.files, name, %{file | used_by: file.used_by - 1, used: state.uses})
            files -> files
          end

        %{state | users: users, files: files, uses: state.uses + 1}
    end
  end

  defp refuse(state, name, error) do
    {refused, waiting} = Enum.split_with(state.waiting, &match?({_user, _from, ^name}, &1))

    for {user, from, _name} <- refused do
      Process.demonitor(user, [:flush])
      GenServer.reply(from, error)
    end

    %{state | waiting: waiting}
  end

  # In the order in which they came.
  defp serve(state), do: Enum.reduce(state.waiting, state, &serve(&2, &1))

  defp serve(state, {user, from, name} = waiter) do
    case state.files[name] do
      %{state: :open} = file ->
        if alive?(state, name) do
          GenServer.reply(from, {:ok, user})
          file = %{file | used_by: file.used_by + 1}

          %{
            state
            | files: Map.put(state.files, name, file),
              users: Map.put(state.users, user, {name, file.pid}),
              waiting: List.delete(state.waiting, waiter)
          }
        else
          # Somebody has closed its hooks; it ends next.
          state
        end

      %{} ->
        state

      nil ->
        if map_size(state.files) < state.tenants.max_open, do: open(state, name), else: make_room(state)
    end
  end

  defp alive?(state, name), do: match?({:ok, _hooks}, Hooks.fetch(OpenFile.hooks_name(state.tenants.name, state.kind, name)))

  defp open(state, name) do
    {:ok, pid} = DynamicSupervisor.start_child(Knocker.Tenants.supervisor(state.tenants), {OpenFile, {self(), state.tenants, state.kind, name}})
    file = %{pid: pid, monitor: Process.monitor(pid), state: :opening, used_by: 0, used: state.uses}
    put_in(state.files[name], file)
  end

  # One place for each who waits for one.
  defp make_room(state) do
    closing = Enum.count(state.files, fn {_name, file} -> file.state == :closing end)
    wanted = state.waiting |> Enum.map(&elem(&1, 2)) |> Enum.uniq() |> Enum.count(&(not is_map_key(state.files, &1)))
    unused = for {name, %{state: :open, used_by: 0, used: used}} <- state.files, not wanted?(state, name), do: {used, name}

    if closing < wanted and unused != [] do
      {_used, name} = Enum.min(unused)
      OpenFile.close(state.files[name].pid)
      put_in(state.files[name].state, :closing)
    else
      state
    end
  end

  defp wanted?(state, name), do: Enum.any?(state.waiting, &match?({_user, _from, ^name}, &1))
end
