defmodule Knocker.Paces do
  @moduledoc false
  # How quick the handlers of each type have lately been in this virtual machine, for all workers of the hooks.

  alias Knocker.{Event, Hooks, Options, Pace}

  # What is known of so many types; of others it is learned again.
  @most_types 1_000
  # So many are forgotten at once, those first that have not run for longest: a look at all of them costs.
  @forgotten_at_once 100

  @doc "A table of nothing yet."
  @spec new() :: :ets.table()
  def new, do: :ets.new(__MODULE__, [:public, read_concurrency: true])

  @doc "A time to measure from, in milliseconds: that of the injected clock where there is one."
  @spec now_ms(Hooks.t()) :: number()
  def now_ms(%{options: %{clock: nil}}), do: System.monotonic_time(:microsecond) / 1_000
  def now_ms(%{options: options}), do: Options.now(options)

  @doc "That of the event's type, nil where none has run yet."
  @spec of(Hooks.t(), Event.t()) :: Pace.t() | nil
  def of(hooks, event) do
    case :ets.lookup(hooks.paces, key(event)) do
      [{_key, pace, _ran}] -> pace
      [] -> nil
    end
  rescue
    # These hooks are closed.
    ArgumentError -> nil
  end

  @doc "One more of the event's type has run."
  @spec note(Hooks.t(), Event.t(), Pace.run()) :: :ok
  def note(hooks, event, run) do
    pace = of(hooks, event) || %Pace{}
    :ets.insert(hooks.paces, {key(event), Pace.after_run(pace, run), System.unique_integer([:monotonic])})
    if :ets.info(hooks.paces, :size) > @most_types, do: forget_some(hooks.paces)
    :ok
  rescue
    ArgumentError -> :ok
  end

  defp key(event), do: {event.endpoint, event.type}

  defp forget_some(table) do
    oldest = table |> :ets.select([{{:"$1", :_, :"$2"}, [], [{{:"$2", :"$1"}}]}]) |> Enum.sort() |> Enum.take(@forgotten_at_once)
    for {_ran, key} <- oldest, do: :ets.delete(table, key)
  end
end
