defmodule Knocker.Losses do
  @moduledoc false
  # Tells an operator of requests that were not taken: refused, too large, or beyond what is kept of refused ones.

  alias Knocker.Hooks

  require Logger

  # Anybody can send such requests; a line a minute, endpoint and reason says as much.
  @pause_ms 60_000

  @doc "Logs what the receipt says of a refusal, if it does, with how many there were since the last line of its kind."
  @spec tell(Hooks.t(), String.t(), Knocker.Receipt.t() | %{outcome: atom, reason: atom, detail: String.t()}, non_neg_integer(), non_neg_integer()) ::
          :ok
  def tell(_hooks, _endpoint, %{outcome: outcome}, _size, _limit) when outcome in [:accepted, :duplicate, :handshake], do: :ok

  def tell(hooks, endpoint, receipt, size, limit) do
    kind = {:loss, endpoint, receipt.outcome, receipt.reason}
    now = System.monotonic_time(:millisecond)

    case Hooks.known(hooks, kind) do
      {next, untold} when now < next ->
        Hooks.note(hooks, kind, {next, untold + 1})

      found ->
        untold = if found, do: elem(found, 1), else: 0
        Hooks.note(hooks, kind, {now + @pause_ms, 0})
        Logger.warning(line(endpoint, receipt, size, limit, untold), knocker_endpoint: endpoint, knocker_outcome: receipt.outcome)
    end
  end

  # A provider that never retries does not send the event again.
  defp line(endpoint, %{outcome: :too_large}, size, limit, untold),
    do: "a request for #{endpoint} was not taken: #{size} bytes, and max_body_bytes is #{limit}#{more(untold)}"

  defp line(endpoint, receipt, _size, _limit, untold) do
    why = [receipt.reason, receipt.detail] |> Enum.reject(&is_nil/1) |> Enum.join(", ")
    "a request for #{endpoint} was not taken: #{receipt.outcome}#{if why != "", do: ": " <> why}#{more(untold)}"
  end

  defp more(0), do: ""
  defp more(untold), do: " (and #{untold} since the last such line)"
end
