defmodule Knocker.Tenants.Schedule do
  @moduledoc false
  # What is known of each file, and what is to be done next: look whether something is due in it, or work on it for a turn. Times are milliseconds of a clock
  # that is never set.

  # Each file is looked at so often whatever else happens: retention runs, and nothing depends on what the kernel tells alone.
  @tour_ms 600_000
  # They are not all looked at in the same moment.
  @spread 0.2
  # A file that fails is tried again after this, and after twice as long each time.
  @pause_ms 1_000
  @longest_pause_ms 60_000
  # A change may be told of before its commit can be seen: where the look after it has found nothing, the file is looked at again after so long, one time
  # after the other.
  @later_ms [50, 100, 500]

  @typedoc """
  By name: the state (idle, to_look, looking, to_turn or turning), whether it has changed meanwhile, the endpoints that have handlers (nil where that is not
  known yet), and when what is to be done. A tour's look runs retention, too.
  """
  @type tenant :: %{name: String.t(), path: String.t()}

  # `urgent`, `slow` and `turns` are names in order; `next_at` is when `tick/2` has something to do.
  defstruct tenants: %{}, urgent: :queue.new(), slow: :queue.new(), turns: :queue.new(), next_at: :infinity

  @type t :: %__MODULE__{}

  @doc "How many wait for a turn."
  @spec waiting(t()) :: non_neg_integer()
  def waiting(schedule), do: :queue.len(schedule.turns)

  @doc "The file was written to, or is new."
  @spec change(t(), String.t(), String.t(), integer()) :: t()
  def change(schedule, name, path, now) do
    case schedule.tenants[name] do
      nil ->
        tenant = %{name: name, path: path, state: :to_look, changed: false, urgent: false, handled: nil, failures: 0, tour: true}
        tenant = Map.merge(tenant, %{fresh: false, later: [], look_at: nil, due_at: nil, tour_at: next_tour(now)})
        %{put(schedule, tenant) | slow: :queue.in(name, schedule.slow)}

      # What fails is tried again in its own time, and what waits is looked at anyway.
      %{failures: failures, state: state} when failures > 0 or state in [:to_look, :to_turn] ->
        schedule

      %{state: :idle} = tenant ->
        to_look(schedule, tenant)

      tenant ->
        put(schedule, %{tenant | changed: true})
    end
  end

  @doc "Lets go on what had to wait for its time."
  @spec tick(t(), integer()) :: t()
  def tick(%{next_at: next_at} = schedule, now) when now < next_at, do: schedule

  def tick(schedule, now) do
    Enum.reduce(schedule.tenants, %{schedule | next_at: :infinity}, fn
      {_name, %{state: :idle} = tenant}, schedule -> begin_due(schedule, tenant, now)
      _busy, schedule -> schedule
    end)
  end

  defp begin_due(schedule, tenant, now) do
    cond do
      tenant.look_at && now >= tenant.look_at -> look_later(schedule, tenant)
      tenant.failures > 0 -> note_time(schedule, tenant)
      tenant.due_at && now >= tenant.due_at -> to_turn(schedule, tenant)
      now >= tenant.tour_at -> %{put(schedule, %{tenant | tour: true, state: :to_look}) | slow: :queue.in(tenant.name, schedule.slow)}
      true -> note_time(schedule, tenant)
    end
  end

  @doc "The next one to be looked at: after a change, or on a tour."
  @spec next_look(t(), :urgent | :slow) :: {tenant() | nil, t()}
  def next_look(schedule, list), do: next(schedule, list, :looking)

  @doc "The one that has waited longest for a turn."
  @spec next_turn(t()) :: {tenant() | nil, t()}
  def next_turn(schedule), do: next(schedule, :turns, :turning)

  defp next(schedule, list, state) do
    case :queue.out(Map.fetch!(schedule, list)) do
      {{:value, name}, rest} ->
        tenant = %{schedule.tenants[name] | state: state}
        {tenant, schedule |> put(tenant) |> Map.put(list, rest)}

      {:empty, _queue} ->
        {nil, schedule}
    end
  end

  @doc "It was looked at; `due_ms` is nil where nothing waits."
  @spec looked(t(), String.t(), non_neg_integer() | nil, integer()) :: t()
  def looked(schedule, name, due_ms, now) do
    tenant = schedule.tenants[name]
    tenant = if tenant.tour, do: %{tenant | tour: false, tour_at: next_tour(now)}, else: tenant
    if due_ms == 0, do: to_turn(schedule, tenant), else: wait(schedule, tenant, due_ms, now)
  end

  @doc "It has had a turn. `handled` are the endpoints that have handlers."
  @spec turned(t(), String.t(), [String.t()], non_neg_integer() | nil, integer()) :: t()
  def turned(schedule, name, handled, due_ms, now),
    do: schedule |> put(%{schedule.tenants[name] | handled: handled, failures: 0}) |> looked(name, due_ms, now)

  @doc "Looking or working failed; gives the milliseconds until it is tried again."
  @spec failed(t(), String.t(), integer()) :: {pos_integer(), t()}
  def failed(schedule, name, now) do
    tenant = schedule.tenants[name]
    pause = min(@pause_ms * Integer.pow(2, min(tenant.failures, 10)), @longest_pause_ms)
    tenant = %{tenant | failures: tenant.failures + 1, state: :idle, changed: false, later: [], due_at: nil, look_at: now + pause}
    {pause, schedule |> put(tenant) |> note_time(tenant)}
  end

  @doc "Its file is gone."
  @spec forget(t(), String.t()) :: t()
  def forget(schedule, name), do: %{schedule | tenants: Map.delete(schedule.tenants, name)}

  defp to_look(schedule, tenant), do: look_later(schedule, %{tenant | fresh: true, later: @later_ms})

  defp look_later(schedule, tenant) do
    tenant = %{tenant | state: :to_look, urgent: true, changed: false, look_at: nil}
    %{put(schedule, tenant) | urgent: :queue.in(tenant.name, schedule.urgent)}
  end

  defp to_turn(schedule, tenant) do
    tenant = %{tenant | state: :to_turn, changed: false, fresh: false, later: [], look_at: nil, due_at: nil}
    %{put(schedule, tenant) | turns: :queue.in(tenant.name, schedule.turns)}
  end

  # Nothing is due in it now.
  defp wait(schedule, tenant, due_ms, now) do
    tenant = %{tenant | state: :idle, failures: 0, due_at: due_ms && now + due_ms}
    if tenant.changed, do: to_look(schedule, tenant), else: schedule |> rest(later(tenant, now))
  end

  defp later(%{later: [pause | rest]} = tenant, now), do: %{tenant | fresh: false, later: rest, look_at: now + pause}
  defp later(tenant, _now), do: %{tenant | fresh: false}

  defp rest(schedule, tenant), do: schedule |> put(tenant) |> note_time(tenant)

  defp next_tour(now), do: now + round(@tour_ms * (1 - @spread * :rand.uniform()))

  defp put(schedule, tenant), do: %{schedule | tenants: Map.put(schedule.tenants, tenant.name, tenant)}

  # Of numbers and atoms, atoms are the greater ones.
  defp note_time(schedule, tenant) do
    next_at = [tenant.look_at, tenant.due_at, tenant.tour_at] |> Enum.reject(&is_nil/1) |> Enum.min()
    %{schedule | next_at: min(schedule.next_at, next_at)}
  end
end
