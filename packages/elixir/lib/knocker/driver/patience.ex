defmodule Knocker.Driver.Patience do
  @moduledoc false
  # SQLite waits for a lock within its call, on one of the ten schedulers that Erlang has for such calls: ten connections that wait would keep the one that
  # holds the lock from giving it back. So SQLite is told not to wait, and a process does. Its pauses are shorter than
  # SQLite's, of which the longest are a hundred milliseconds: those who take turns at the lock would leave it idle.

  alias Knocker.Driver

  @pauses_ms [1, 1, 1, 2, 2, 3, 5]
  @longest_pause_ms 10
  @busy 5
  # Of a transaction that has read what another has changed since: waiting does not help.
  @busy_snapshot 517

  @doc "Makes the attempt until no other connection is in its way, or the time is over. Within a transaction there is one, since SQLite would not wait either."
  @spec wait(non_neg_integer(), (() -> result), (() -> boolean())) :: result when result: {:error, Driver.failure()} | tuple()
  def wait(milliseconds, attempt, in_transaction?) do
    with {:error, failure} = failed <- attempt.() do
      if busy?(failure) and milliseconds > 0 and not in_transaction?.(),
        do: again(attempt, failed, now_ms() + milliseconds, @pauses_ms),
        else: failed
    end
  end

  defp again(attempt, failed, deadline, pauses) do
    {pause, pauses} = List.pop_at(pauses, 0, @longest_pause_ms)

    case min(pause, deadline - now_ms()) do
      none when none <= 0 ->
        failed

      pause ->
        Process.sleep(pause)

        with {:error, failure} = failed <- attempt.() do
          if busy?(failure), do: again(attempt, failed, deadline, pauses), else: failed
        end
    end
  end

  defp busy?(%{code: @busy_snapshot}), do: false
  # A function of Knocker's says it by its text.
  defp busy?(%{code: code, message: message}), do: Bitwise.band(code, 0xFF) == @busy or String.starts_with?(message, "knocker: busy: ")

  defp now_ms, do: System.monotonic_time(:millisecond)
end
