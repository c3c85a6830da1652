defmodule Knocker.Watch do
  @moduledoc false
  # Notices commits of other connections, of this virtual machine and of other processes, at little cost while nothing happens. PRAGMA data_version says
  # whether another connection has committed. Asking it all the time costs: a timer of a few milliseconds alone is several percent of a core to a virtual
  # machine, whose schedulers spin before they sleep. So, where the driver can, the kernel tells when the write-ahead log is written, and only then it is
  # asked in short steps until the commit is there. Elsewhere it is asked often for as long as something has happened lately, and seldom when not.

  alias Knocker.{Connection, Database, FileIdentity}

  # While a commit is on its way: written, but not synced and visible yet.
  @step_ms 1
  @steps_for_ms 50
  # A look in between even where the kernel tells; file systems of virtual machines may not.
  @look_ms 250
  # Where the kernel does not tell.
  @often_ms 4
  @often_for_ms 2_000
  @seldom_ms 25
  # Whether the file is still the one at its path.
  @file_ms 250

  @doc "A process that sends `:knocker_changed` to its worker, and exits where the database fails."
  @spec start_link(Knocker.Hooks.t()) :: pid()
  def start_link(hooks) do
    worker = self()
    spawn_link(fn -> watch(hooks, worker) end)
  end

  @doc "Whether news are wanted."
  def want(watch, wanted), do: send(watch, {:wanted, wanted})

  defp watch(hooks, worker) do
    case Database.open(hooks) do
      {:ok, connection, generation} ->
        # What was committed between the last claim and the first look is no change to this watch.
        send(worker, :knocker_changed)
        now = now_ms()

        loop(%{
          hooks: hooks,
          worker: worker,
          connection: connection,
          generation: generation,
          version: version(connection),
          kernel: kernel(hooks),
          wanted: true,
          # Until when it looks in short steps, and often.
          steps_until: now,
          often_until: now + @often_for_ms,
          file_at: now
        })

      {:error, error} ->
        exit({:shutdown, error})
    end
  end

  defp kernel(%{options: %{driver: driver, path: path}}) do
    with true <- function_exported?(driver, :watch, 1),
         {:ok, watch} <- driver.watch(FileIdentity.log_of(path)) do
      watch
    else
      _none -> nil
    end
  end

  defp loop(state) do
    receive do
      {:wanted, wanted} -> loop(%{state | wanted: wanted})
      :written -> loop(look(%{state | steps_until: now_ms() + @steps_for_ms}))
    after
      pause(state) -> state |> look_at_file() |> look() |> loop()
    end
  end

  defp pause(%{wanted: false}), do: @file_ms

  defp pause(state) do
    now = now_ms()

    cond do
      now < state.steps_until -> @step_ms
      state.kernel -> @look_ms
      now < state.often_until -> @often_ms
      true -> @seldom_ms
    end
  end

  defp look_at_file(state) do
    now = now_ms()

    if now >= state.file_at do
      with {:error, error} <- Database.refuse_former(state.hooks, state.generation), do: exit({:shutdown, error})
      %{state | file_at: now + @file_ms}
    else
      state
    end
  end

  defp look(%{wanted: false} = state), do: state

  defp look(state) do
    # Before the look, so that what is written behind it is told.
    if state.kernel, do: state.hooks.options.driver.arm(state.kernel)

    case version(state.connection) do
      version when version == state.version ->
        state

      version ->
        send(state.worker, :knocker_changed)
        now = now_ms()
        %{state | version: version, steps_until: now, often_until: now + @often_for_ms}
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
