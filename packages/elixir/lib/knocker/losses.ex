defmodule Knocker.Losses do
  @moduledoc false
  # Tells an operator of requests that were not taken: refused, too large, or beyond what is kept of refused ones.

  alias Knocker.{Hooks, Tracing}

  require Logger

  # Anybody can send such requests; a line a minute, endpoint and reason says as much.
  @pause_ms 60_000

  @doc "Logs what became of a request; a refusal as a warning, with how many there were since the last line of its kind."
  @spec tell(Hooks.t(), String.t(), Knocker.Receipt.t() | %{outcome: atom, reason: atom, detail: String.t()}, Tracing.t() | nil, non_neg_integer()) ::
          :ok
  def tell(_hooks, endpoint, %{outcome: outcome} = receipt, tracing, _size) when outcome in [:accepted, :duplicate, :handshake] do
    Logger.debug(fn ->
      {"endpoint #{endpoint}: delivery #{receipt.delivery_id}: #{outcome}",
       record: "receipt_stored",
       endpoint: endpoint,
       outcome: outcome,
       delivery_id: receipt.delivery_id,
       event_id: receipt.event_id,
       duration_ms: Tracing.duration_ms(tracing),
       trace_id: Tracing.trace_id(tracing)}
    end)
  end

  def tell(hooks, endpoint, receipt, tracing, size) do
    kind = {:loss, endpoint, receipt.outcome, receipt.reason}
    now = System.monotonic_time(:millisecond)

    case Hooks.known(hooks, kind) do
      {next, untold} when now < next ->
        Hooks.note(hooks, kind, {next, untold + 1})

      found ->
        untold = if found, do: elem(found, 1), else: 0
        Hooks.note(hooks, kind, {now + @pause_ms, 0})
        limit = limit(hooks, endpoint)

        facts = [
          record: "receipt_refused",
          endpoint: endpoint,
          outcome: receipt.outcome,
          reason: receipt.reason || receipt.outcome,
          detail: receipt.detail,
          delivery_id: Map.get(receipt, :delivery_id),
          untold: untold,
          trace_id: tracing && Tracing.trace_id(tracing)
        ]

        sizes = if receipt.outcome == :too_large, do: [size: size, max_body_bytes: limit], else: []
        Logger.warning(line(endpoint, receipt, size, limit, untold), facts ++ sizes)
    end
  end

  defp limit(hooks, endpoint) do
    case Knocker.Endpoint.limit(hooks, endpoint) do
      {:ok, limit} -> limit
      {:error, _gone} -> 0
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
