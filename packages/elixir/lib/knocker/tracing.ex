defmodule Knocker.Tracing do
  @moduledoc false
  # Spans of receipts and attempts, through the API of OpenTelemetry where an application has set it up. Knocker needs none.

  alias Knocker.{Contract, Decision, Event, Receipt, Traceparent}

  defstruct [:span, :context, :trace_id, :headers, added: [], began: 0]

  @typedoc "A span, if there is one; what is to be stored of it; the trace for the log."
  @type t :: %__MODULE__{}

  @w3c :otel_propagator_trace_context

  @doc "Begins the receipt of one request: its span is a child of the one that is active here, or else of the sender's."
  @spec receiving(String.t(), [{String.t(), String.t()}] | map()) :: t()
  def receiving(endpoint, headers) do
    began = System.monotonic_time()

    if set_up?() do
      sent = headers |> Traceparent.named() |> Traceparent.sent()
      here = :otel_ctx.get_current()
      parent = if valid?(:otel_tracer.current_span_ctx(here)), do: here, else: goes_on(here, sent)
      # To receive a webhook is to send a message into the queue.
      tracing = %{start(parent, :producer, endpoint, "receive", "send", %{}) | began: began, headers: headers}
      own = List.keyfind(inject(tracing), "traceparent", 0)
      # Where nothing collects spans, it is the sender's again.
      if own == nil or (sent != nil and elem(own, 1) =~ sent.span_id), do: tracing, else: %{tracing | added: added(tracing)}
    else
      %__MODULE__{headers: headers, began: began}
    end
  end

  @doc "Does the work of a receipt; spans that begin meanwhile in this process are children of its own, which ends with it."
  @spec during(t(), (() -> {:ok, Receipt.t()} | {:error, Exception.t()})) :: {:ok, Receipt.t()} | {:error, Exception.t()}
  def during(tracing, work) do
    result = within(tracing, work)

    case result do
      {:ok, receipt} -> finish(tracing, facts(receipt), nil)
      {:error, error} -> finish(tracing, %{}, type_of(error))
    end

    result
  catch
    kind, reason ->
      finish(tracing, %{}, if(is_exception(reason), do: type_of(reason), else: to_string(kind)))
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  @doc "Begins an attempt: its span is a child of the receive's, so that the trace goes on in the handlers, whenever they run."
  @spec processing(Event.t()) :: t()
  def processing(event) do
    if set_up?() do
      about = %{"messaging.message.id": to_string(event.id), "knocker.delivery_id": event.delivery.id, "knocker.attempt": event.attempt}
      about = if event.type, do: Map.put(about, :"knocker.event_type", event.type), else: about
      start(goes_on(:otel_ctx.get_current(), Traceparent.of(event.delivery.headers)), :consumer, event.endpoint, "process", "process", about)
    else
      %__MODULE__{}
    end
  end

  @doc "Does the work in this process with the span as the active one."
  @spec within(t(), (() -> result)) :: result when result: term()
  def within(%{span: nil}, work), do: work.()

  def within(%{context: context}, work) do
    token = :otel_ctx.attach(context)

    try do
      work.()
    after
      :otel_ctx.detach(token)
    end
  end

  @doc "Ends an attempt with what became of it. The text of an error is in the log alone: it may quote anything."
  @spec processed(t() | nil, atom(), String.t() | nil) :: :ok
  def processed(nil, _outcome, _type), do: :ok
  def processed(tracing, outcome, error_type), do: finish(tracing, %{"knocker.outcome": to_string(outcome)}, error_type)

  @doc "The id of the trace, for the log."
  @spec trace_id(t() | Event.t()) :: String.t() | nil
  def trace_id(%Event{} = event), do: id_of(Traceparent.of(event.delivery.headers))
  def trace_id(%__MODULE__{trace_id: nil, headers: headers}), do: headers |> Traceparent.named() |> Traceparent.of() |> id_of()
  def trace_id(%__MODULE__{trace_id: id}), do: id

  @doc "How long it has taken so far."
  @spec duration_ms(t()) :: non_neg_integer()
  def duration_ms(tracing), do: System.convert_time_unit(System.monotonic_time() - tracing.began, :native, :millisecond)

  @doc "What is told of what handlers decided: one of Knocker's codes, `retry`, `dead`, or the name of an exception."
  @spec type_of(Exception.t() | Decision.t() | nil) :: String.t() | nil
  def type_of({:retry, _seconds, _text, _error}), do: "retry"
  def type_of({:dead, _text, _error}), do: "dead"
  def type_of({:failed, _text, error}), do: type_of(error)
  def type_of(%{code: code}) when is_binary(code), do: code
  def type_of(%struct{}), do: inspect(struct)
  def type_of(_handled_or_ignored), do: nil

  # The application of the SDK has loaded this module when it starts, and sets a tracer up. One that is asked for before would do nothing for ever.
  defp set_up?, do: function_exported?(:opentelemetry, :get_tracer, 0) and elem(:opentelemetry.get_tracer(), 0) != :otel_tracer_noop

  defp valid?(span), do: span != :undefined and :otel_span.is_valid(span)

  defp goes_on(context, nil), do: context

  defp goes_on(context, kept) do
    carrier = [{"traceparent", kept.traceparent} | if(kept.tracestate, do: [{"tracestate", kept.tracestate}], else: [])]
    :otel_propagator_text_map.extract_to(context, @w3c, carrier)
  end

  # Named by the semantic conventions for messaging.
  defp start(parent, kind, endpoint, operation, type, more) do
    attributes =
      Map.merge(more, %{
        "messaging.system": "knocker",
        "messaging.operation.name": operation,
        "messaging.operation.type": type,
        "messaging.destination.name": endpoint
      })

    tracer = :opentelemetry.get_tracer(:knocker, Contract.version(), :undefined)
    span = :otel_tracer.start_span(parent, tracer, "#{operation} #{endpoint}", %{kind: kind, attributes: attributes})
    id = if valid?(span), do: :otel_span.hex_trace_id(span)
    %__MODULE__{span: span, context: :otel_tracer.set_current_span(parent, span), trace_id: id}
  end

  defp inject(%{context: context}), do: :otel_propagator_text_map.inject_from(context, @w3c, [])

  defp added(tracing) do
    carrier = Map.new(inject(tracing), fn {name, value} -> {name, IO.iodata_to_binary(value)} end)
    Traceparent.headers(carrier["traceparent"], carrier["tracestate"])
  end

  defp facts(receipt) do
    [
      "knocker.outcome": to_string(receipt.outcome),
      "knocker.delivery_id": receipt.delivery_id,
      "knocker.reason": receipt.reason && to_string(receipt.reason),
      "messaging.batch.message_count": if(match?([_, _ | _], receipt.events), do: length(receipt.events)),
      "messaging.message.id": if(match?([_one], receipt.events), do: to_string(receipt.event_id))
    ]
    |> Enum.reject(fn {_name, value} -> is_nil(value) end)
    |> Map.new()
  end

  defp finish(%{span: nil}, _attributes, _error_type), do: :ok

  defp finish(%{span: span}, attributes, error_type) do
    :otel_span.set_attributes(span, attributes)

    if error_type do
      :otel_span.set_attribute(span, :"error.type", error_type)
      :otel_span.set_status(span, :error)
    end

    :otel_span.end_span(span)
    :ok
  end

  defp id_of(nil), do: nil
  defp id_of(context), do: context.trace_id
end
