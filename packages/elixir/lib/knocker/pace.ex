defmodule Knocker.Pace do
  @moduledoc false
  # What is to be expected of the next run of a type: what tells a worker which events may share a commit.

  # A quick run after a slow one counts for so much.
  @forgetting 0.2
  # How soon a handler begins its transaction that has little to do elsewhere before.
  @soon_ms 2.0
  # One that has used tx in one of so many runs does so sometimes.
  @sometimes 8

  # `unused` is how many runs have returned since one used tx and had done little before. What is `apart` needs a transaction of its own.
  defstruct expected_ms: 0.0, unused: @sometimes, apart: false

  @type t :: %__MODULE__{expected_ms: float(), unused: non_neg_integer(), apart: boolean()}

  @typedoc "One run of an event's handlers; `begun_after_ms` is when they first used tx, nil where they did not."
  @type run :: %{took_ms: number(), begun_after_ms: number() | nil, returned: boolean(), apart: boolean()}

  @doc "That of an event which no handler wants."
  @spec of_nothing() :: t()
  def of_nothing, do: %__MODULE__{unused: 0}

  @doc "Whether the handlers write through tx, and soon: of others nobody knows what they do elsewhere."
  @spec uses_tx?(t()) :: boolean()
  def uses_tx?(pace), do: pace.unused < @sometimes

  @doc "Whether the handlers wrote through tx, and soon, when they last ran."
  @spec writes_soon?(t()) :: boolean()
  def writes_soon?(pace), do: pace.unused == 0 and not pace.apart

  @doc "With one more run: slowness is noticed at once, and forgotten slowly."
  @spec after_run(t(), run()) :: t()
  def after_run(pace, run) do
    usual_ms = (1 - @forgetting) * pace.expected_ms + @forgetting * run.took_ms
    %__MODULE__{expected_ms: max(run.took_ms / 1, usual_ms), unused: unused(pace, run), apart: run.apart}
  end

  # How late one that raised would have used it, nobody knows.
  defp unused(pace, %{begun_after_ms: nil, returned: false}), do: pace.unused
  defp unused(pace, %{begun_after_ms: nil}), do: pace.unused + 1
  defp unused(_pace, %{begun_after_ms: begun_after_ms}), do: if(begun_after_ms < @soon_ms, do: 0, else: @sometimes)
end
