defmodule Knocker.Testing.Clock do
  @moduledoc """
  A clock that moves only when told; `function/1` is for the `clock:` of hooks.

      iex> clock = Knocker.Testing.Clock.new()
      iex> Knocker.Testing.Clock.advance(clock, 1.5)
      iex> Knocker.Testing.Clock.now(clock)
      ~U[2026-01-01 00:00:01.500Z]
  """

  # 2026-01-01 00:00:00 UTC.
  @start 1_767_225_600_000

  @enforce_keys [:cell]
  defstruct [:cell]

  @opaque t :: %__MODULE__{cell: :atomics.atomics_ref()}

  @doc "A clock at the beginning of 2026."
  @spec new() :: t()
  def new do
    clock = %__MODULE__{cell: :atomics.new(1, signed: true)}
    set(clock, @start)
    clock
  end

  @doc "What the clock shows."
  @spec now(t()) :: DateTime.t()
  def now(clock), do: clock.cell |> :atomics.get(1) |> DateTime.from_unix!(:millisecond)

  @doc "Moves it to a time, or to Unix milliseconds."
  @spec set(t(), DateTime.t() | integer()) :: :ok
  def set(clock, %DateTime{} = to), do: set(clock, DateTime.to_unix(to, :millisecond))
  def set(clock, to) when is_integer(to), do: :atomics.put(clock.cell, 1, to)

  @doc "Moves it forward by seconds."
  @spec advance(t(), number()) :: :ok
  def advance(clock, seconds), do: :atomics.add(clock.cell, 1, round(seconds * 1_000))

  @doc "The clock as hooks take it."
  @spec function(t()) :: (() -> integer())
  def function(%__MODULE__{cell: cell}), do: fn -> :atomics.get(cell, 1) end
end
