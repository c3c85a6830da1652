defmodule Knocker.GivingWay do
  @moduledoc false
  # When a process that runs attempts leaves the write lock to others.
  #
  # Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often, and sleeps in
  # between. Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.

  # Where nobody else is known to write: a tenth of the time that it was held, so that the first one comes through.
  @share 0.1
  @least_held_ms 20
  @longest_ms 5
  # Where others write: for as long as there is between two looks of the first eighth of a second, and several times in that.
  @held_ms 60
  @turn_ms 25
  # Others are known for so long after they have written.
  @known_ms 10_000

  # `held_ms` is for how long the lock was held since that time, `seen` what the last look has found.
  defstruct [:since, :seen, :others_until, held_ms: 0]

  @type t :: %__MODULE__{}

  @typedoc """
  What a look finds: the connection, a number that is another one when another connection has committed something, how many commits of the worker have begun on
  others than this, and whether none of the worker was on its way.
  """
  @type seen :: {term(), integer(), integer(), boolean()}

  @doc "A commit has held the lock for so long."
  @spec held(t(), number(), number()) :: t()
  def held(way, held_ms, now), do: %{way | held_ms: way.held_ms + held_ms, since: way.since || now - held_ms}

  @doc "Whether it was held for long enough that others may need it: `look/3` and `pause/2` are to follow."
  @spec due?(t(), number()) :: boolean()
  def due?(way, now), do: way.held_ms >= if(others?(way, now), do: @held_ms, else: @least_held_ms)

  @doc "Notes whether others have written since the last time. Where the worker has, too, on another connection, nobody can tell."
  @spec look(t(), seen(), number()) :: t()
  def look(%{seen: {connection, before, own, true}} = way, {connection, number, own, _quiet} = seen, now) when number != before,
    do: %{way | seen: seen, others_until: now + @known_ms}

  def look(way, seen, _now), do: %{way | seen: seen}

  @doc "How long the lock is to be left to others now: where none are known, less what it was free since the last time."
  @spec pause(t(), number()) :: {non_neg_integer(), t()}
  def pause(way, now) do
    cond do
      not due?(way, now) -> {0, way}
      others?(way, now) -> {@turn_ms, begin_again(way)}
      true -> {round(min(@longest_ms, way.held_ms * @share) - free_ms(way, now)) |> max(0), begin_again(way)}
    end
  end

  # A clock that was set back tells nothing of that.
  defp free_ms(way, now), do: max(0, now - way.since - way.held_ms)

  defp begin_again(way), do: %{way | held_ms: 0, since: nil}

  defp others?(%{others_until: nil}, _now), do: false
  defp others?(way, now), do: now < way.others_until
end
