defmodule Knocker.Tenants.Turn do
  @moduledoc false
  # The time in which one file is worked on by a worker of its own: until nothing is due in it, or until others have waited long enough. A process, which
  # says to its scheduler what came of it.

  alias Knocker.{Database, Endpoint, Hooks, Worker}
  alias Knocker.Tenants.{Look, Pool}

  # How long a worker without work is kept where nobody waits for its place.
  @idle_ms 1_000
  # How often it is asked.
  @look_ms 50
  @short_look_ms 5

  @doc "Begins a turn; `{:turned, pid, {:ok, handled, due_ms} | {:error, error}}` comes at its end."
  @spec start_link(Knocker.Tenants.t(), map(), keyword()) :: pid()
  def start_link(tenants, tenant, options) do
    scheduler = self()

    spawn_link(fn ->
      Process.flag(:trap_exit, true)
      send(scheduler, {:turned, self(), run(scheduler, tenants, tenant, options)})
    end)
  end

  @doc "Somebody waits for the place: a worker without work ends at once."
  @spec want(pid()) :: term()
  def want(turn), do: send(turn, :wanted)

  @doc "What runs is to end, and the rest to be given back."
  @spec finish(pid()) :: term()
  def finish(turn), do: send(turn, :over)

  @doc "As `finish/1`, where the worker's supervisor waits for it: handlers that take too long are killed."
  @spec stop(pid()) :: term()
  def stop(turn), do: send(turn, :stop)

  defp run(scheduler, tenants, tenant, options) do
    result =
      Pool.use_file(tenants, :working, tenant.name, fn name ->
        with {:ok, hooks} <- Hooks.fetch(name) do
          handled = Endpoint.handled(hooks)
          if handled != [], do: work(scheduler, [hooks: name] ++ options)

          with {:ok, due} <- Database.run(hooks, &Look.due_on(&1, hooks.options, handled, tenant.tour)), do: {:ok, handled, due}
        end
      end)

    with {:ok, outcome} <- result, do: outcome
  end

  defp work(scheduler, options) do
    {:ok, worker} = Worker.start_turn(options)

    case wait(scheduler, worker, false, nil) do
      :over -> Worker.end_turn(worker)
      :stop -> GenServer.stop(worker, :shutdown, :infinity)
      :ended -> :ok
    end
  catch
    # It was closed with its hooks.
    :exit, _reason -> :ok
  end

  defp wait(scheduler, worker, wanted, idle_since) do
    receive do
      :wanted -> wait(scheduler, worker, true, idle_since)
      :over -> :over
      :stop -> :stop
      {:EXIT, ^worker, _reason} -> :ended
      {:EXIT, ^scheduler, _reason} -> :stop
    after
      if(wanted, do: @short_look_ms, else: @look_ms) ->
        idle_since = if Worker.idle?(worker), do: idle_since || now_ms()
        if idle_since && (wanted or now_ms() - idle_since >= @idle_ms), do: :over, else: wait(scheduler, worker, wanted, idle_since)
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
