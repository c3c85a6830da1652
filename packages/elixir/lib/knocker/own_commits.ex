defmodule Knocker.OwnCommits do
  @moduledoc false
  # The commits of one worker, on whichever connection: what is not of them is of others.

  @begun 1
  @ended 2

  @opaque t :: :atomics.atomics_ref()

  @spec new() :: t()
  def new, do: :atomics.new(2, signed: false)

  @doc "Commits by that function, and gives what it gives."
  @spec during(t(), (() -> result)) :: result when result: term()
  def during(commits, commit) do
    :atomics.add(commits, @begun, 1)

    try do
      commit.()
    after
      :atomics.add(commits, @ended, 1)
    end
  end

  @spec begun(t()) :: non_neg_integer()
  def begun(commits), do: :atomics.get(commits, @begun)

  @spec ended(t()) :: non_neg_integer()
  def ended(commits), do: :atomics.get(commits, @ended)
end
