defmodule Knocker.Runners do
  @moduledoc false
  # The processes of a worker that run attempts: which of them works, which waits for the next job with attempts that are not committed yet, and whose the
  # jobs are.

  alias Knocker.Job

  @typedoc "By process: what it does, and the jobs that it has."
  @type t :: %{pid() => {:runs | :holds | :full | :idle, [Job.t()]}}

  @spec new() :: t()
  def new, do: %{}

  @doc "How many are busy."
  @spec busy(t()) :: non_neg_integer()
  def busy(runners), do: Enum.count(runners, fn {_pid, {state, _jobs}} -> state != :idle end)

  @doc "How many attempts have begun and are not told of."
  @spec attempts(t()) :: non_neg_integer()
  def attempts(runners), do: Enum.reduce(runners, 0, fn {_pid, {_state, jobs}}, sum -> sum + length(jobs) end)

  @doc "One that waits in that way, if there is one."
  @spec waiting(t(), :idle | :holds | :full) :: pid() | nil
  def waiting(runners, how), do: find(runners, how)

  @doc "The latest job of each that works; nil of one that has told of all of its attempts, and leaves the write lock to others before it is idle."
  @spec running(t()) :: [Job.t() | nil]
  def running(runners), do: for({_pid, {:runs, jobs}} <- runners, do: List.first(jobs))

  @doc "One that waits with attempts that are not committed."
  @spec holding(t()) :: pid() | nil
  def holding(runners), do: find(runners, :full) || find(runners, :holds)

  defp find(runners, wanted), do: Enum.find_value(runners, fn {pid, {state, _jobs}} -> if state == wanted, do: pid end)

  @doc "It has this job now."
  @spec gave(t(), pid(), Job.t()) :: t()
  def gave(runners, pid, job), do: Map.update(runners, pid, {:runs, [job]}, fn {_state, jobs} -> {:runs, [job | jobs]} end)

  @doc "It works."
  @spec works(t(), pid()) :: t()
  def works(runners, pid), do: Map.update!(runners, pid, fn {_state, jobs} -> {:runs, jobs} end)

  @doc "It waits: `:idle`, or with attempts that are not committed, where it `:holds` them for more, or is `:full`."
  @spec waits(t(), pid(), :idle | :holds | :full) :: t()
  def waits(runners, pid, how), do: Map.update!(runners, pid, fn {_state, jobs} -> {how, jobs} end)

  @doc "It has this job no more."
  @spec done(t(), pid(), Job.t()) :: t()
  def done(runners, pid, job), do: Map.update!(runners, pid, fn {state, jobs} -> {state, Enum.reject(jobs, &(&1.id == job.id))} end)

  @doc "Those that run handlers, or commit."
  @spec working(t()) :: [pid()]
  def working(runners), do: for({pid, {state, _jobs}} <- runners, state != :idle, do: pid)
end
