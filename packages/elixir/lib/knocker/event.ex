defmodule Knocker.Event do
  @moduledoc """
  What a handler gets: one occurrence, with the delivery that it is handled from.

  * `:key`: the identity of the occurrence, the same however often it is delivered and unique for the endpoint; nil where it has none. What to give to
    others is `idempotency_key/1`.
  * `:body`: the raw body, or the event's own item of a batch
  * `:attempt`: counts from 1
  * `:delivery`: the HTTP request that brought the body; headers that carry credentials are redacted
  """

  alias Knocker.{EventDelivery, Traceparent}

  @enforce_keys [:id, :endpoint, :type, :key, :body, :attempt, :max_attempts, :received_at, :delivery]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          id: pos_integer(),
          endpoint: String.t(),
          type: String.t() | nil,
          key: String.t() | nil,
          body: binary(),
          attempt: pos_integer(),
          max_attempts: pos_integer(),
          received_at: DateTime.t(),
          delivery: EventDelivery.t()
        }

  @doc """
  The body, decoded as JSON.

      iex> Knocker.Event.json!(%{body: ~s({"id": "evt_1", "paid": true})})
      %{"id" => "evt_1", "paid" => true}
  """
  @spec json!(t() | %{body: binary()}) :: term()
  def json!(%{body: body}), do: Knocker.JSON.decode!(body)

  @doc """
  What to give to others as an idempotency key: `:endpoint` and `:key`, the same at each attempt and each replay, and after a restore. An event without a key
  has its number, its time and a hash of its body. `knocker publish` gives the same as a message's id.

      iex> Knocker.Event.idempotency_key(%{endpoint: "stripe", key: "evt 1"})
      "stripe/evt=201"
  """
  @spec idempotency_key(t() | %{endpoint: String.t(), key: String.t()}) :: String.t()
  def idempotency_key(%{key: nil} = event) do
    digest = :sha256 |> :crypto.hash(event.body) |> binary_part(0, 16) |> Base.encode16(case: :lower)
    "#{escaped(event.endpoint)}+#{event.id}.#{DateTime.to_unix(event.received_at, :millisecond)}.#{digest}"
  end

  def idempotency_key(%{endpoint: endpoint, key: key}), do: "#{escaped(endpoint)}/#{escaped(key)}"

  # Other bytes are = and two digits, so that no two keys become one, and so that a header or a URL can hold it.
  defp escaped(text), do: for(<<byte <- text>>, into: "", do: escaped_byte(byte))

  defp escaped_byte(byte) when byte in ?a..?z or byte in ?A..?Z or byte in ?0..?9 or byte in [?_, ?., ?-], do: <<byte>>
  defp escaped_byte(byte), do: "=" <> Base.encode16(<<byte>>)

  @doc """
  The trace to go on with, as W3C Trace Context writes it: the span of the receive where OpenTelemetry was set up there, or else what the sender said. Nil
  where there is none, or a malformed one.
  """
  @spec traceparent(t()) :: String.t() | nil
  def traceparent(event), do: with(%{traceparent: traceparent} <- Traceparent.of(event.delivery.headers), do: traceparent)

  @doc "What belongs to `traceparent/1`."
  @spec tracestate(t()) :: String.t() | nil
  def tracestate(event), do: with(%{tracestate: tracestate} <- Traceparent.of(event.delivery.headers), do: tracestate)

  defimpl Inspect do
    # What customers wrote belongs in no log.
    def inspect(event, _options),
      do: "#Knocker.Event<#{event.id} #{event.endpoint} #{Kernel.inspect(event.type)}, attempt #{event.attempt} of #{event.max_attempts}>"
  end
end
