defmodule Bench.Goals do
  @moduledoc false
  # What is asked for: so many times by hand; or, where that is more than the library itself does here, a part of what it does alone.

  @doc "What to say of a row, `{:missed, words}` or `{:told, words}`; nil where it has no goal, or it was met as it stands."
  def verdict(_what, nil, _floor, _least, _figures), do: nil

  def verdict(what, times, floor, least, {ours, hand, ratio}) do
    cond do
      times * hand > floor ->
        words =
          "#{what}: #{times} times by hand are #{round(times * hand)} a second, more than the #{round(floor)} that the library does alone here, " <>
            "with no package around it; Knocker does #{Float.round(ours / floor, 2)} of these, goal #{least}"

        {if(ours / floor < least, do: :missed, else: :told), words}

      ratio < times ->
        {:missed, "#{what}: #{Float.round(ratio, 2)} times by hand, goal #{times}"}

      true ->
        nil
    end
  end
end
