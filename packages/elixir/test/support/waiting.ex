defmodule Knocker.Waiting do
  @moduledoc false

  @doc "Waits until a condition holds; the test's own time limit ends it."
  def until(condition) do
    unless condition.() do
      receive do
      after
        1 -> until(condition)
      end
    end

    :ok
  end
end
