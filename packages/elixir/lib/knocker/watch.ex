defmodule Knocker.Watch do
  @moduledoc false
  # Notices commits of other connections, of this virtual machine and of other processes, within a millisecond or two, at little cost while nothing happens:
  # PRAGMA data_version says whether another connection has committed. It looks while its worker waits for work, and else only whether the file is still
  # the one at its path.

  alias Knocker.{Connection, Database}

  # Longer, so that what runs beside it gets the core: right after a change there is work to do.
  @look_ms 2
  @patience_ms 250

  @doc "A process that sends `:knocker_changed` to its worker, and exits where the database fails."
  @spec start_link(Knocker.Hooks.t()) :: pid()
  def start_link(hooks) do
    worker = self()
    spawn_link(fn -> watch(hooks, worker) end)
  end

  @doc "Whether news are wanted."
  def look(watch, wanted), do: send(watch, {:wanted, wanted})

  defp watch(hooks, worker) do
    case Database.open(hooks) do
      {:ok, connection, generation} ->
        # What was committed between the last claim and the first look is no change to this watch.
        send(worker, :knocker_changed)
        version = version(connection)
        loop(%{hooks: hooks, worker: worker, connection: connection, generation: generation, version: version, wanted: true, file_at: now_ms()})

      {:error, error} ->
        exit({:shutdown, error})
    end
  end

  defp loop(state) do
    receive do
      {:wanted, wanted} -> loop(%{state | wanted: wanted})
    after
      if(state.wanted, do: @look_ms, else: @patience_ms) -> state |> look_at_file() |> look_at_version() |> loop()
    end
  end

  defp look_at_file(state) do
    if now_ms() >= state.file_at do
      with {:error, error} <- Database.refuse_former(state.hooks, state.generation), do: exit({:shutdown, error})
      %{state | file_at: now_ms() + @patience_ms}
    else
      state
    end
  end

  defp look_at_version(%{wanted: false} = state), do: state

  defp look_at_version(state) do
    case version(state.connection) do
      version when version == state.version ->
        state

      version ->
        send(state.worker, :knocker_changed)
        %{state | version: version}
    end
  end

  defp version(connection) do
    case Connection.value(connection, "PRAGMA data_version") do
      {:ok, version} -> version
      {:error, error} -> exit({:shutdown, error})
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
