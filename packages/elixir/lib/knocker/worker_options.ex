defmodule Knocker.WorkerOptions do
  @moduledoc false
  # The options of Knocker.Worker, which is where they are documented.

  alias Knocker.Errors

  @most_concurrency 1_000
  @longest_lease_s 24 * 3600
  # What a timer of Erlang's takes.
  @longest_ms 0xFFFF_FFFF
  @defaults [concurrency: 1, lease_s: 60, poll_ms: 1_000, shutdown_ms: 30_000, share_commits: true]

  @doc "All of them, with their defaults."
  @spec read(term()) :: {:ok, map()} | {:error, Exception.t()}
  def read(options) do
    if Keyword.keyword?(options), do: @defaults |> Keyword.merge(options) |> check(), else: usage("the options of Knocker.Worker are a keyword list")
  end

  defp check(read) do
    cond do
      not Keyword.has_key?(read, :hooks) -> usage("Knocker.Worker needs hooks:, the name of its hooks")
      unknown = Enum.find(Keyword.keys(read), &(&1 not in [:hooks, :id | Keyword.keys(@defaults)])) -> usage("there is no option #{inspect(unknown)}")
      read[:concurrency] not in 1..@most_concurrency -> usage("concurrency: is 1 to #{@most_concurrency}")
      read[:lease_s] not in 1..@longest_lease_s -> usage("lease_s: is a number of whole seconds up to a day")
      not positive?(read[:poll_ms]) -> usage("poll_ms: is a number of milliseconds")
      not positive?(read[:shutdown_ms]) -> usage("shutdown_ms: is a number of milliseconds")
      not is_boolean(read[:share_commits]) -> usage("share_commits: is true or false, not #{inspect(read[:share_commits], limit: 5)}")
      true -> {:ok, Map.new(read)}
    end
  end

  @doc "Whether it is a number that a timer takes."
  @spec positive?(term()) :: boolean()
  def positive?(value), do: is_integer(value) and value in 1..@longest_ms

  defp usage(message), do: {:error, Errors.new("usage", message)}
end
