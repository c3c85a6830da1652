# frozen_string_literal: true

module Knocker
  # Spans through the API of OpenTelemetry, where the app has loaded it. Knocker needs none and loads none.
  # @api private
  module Tracing
    module_function

    # @return [OpenTelemetry::Trace::Tracer, nil]
    def tracer
      return nil unless defined?(::OpenTelemetry::Trace) && ::OpenTelemetry.respond_to?(:tracer_provider)

      provider = ::OpenTelemetry.tracer_provider
      # Making one costs more than a span does, and a test sets another provider up.
      known = @tracer
      @tracer = known = [provider, provider.tracer("knocker", VERSION)] if known.nil? || !known.first.equal?(provider)
      known.last
    end

    # Named by the semantic conventions for messaging: to receive a webhook is to send a message into the queue.
    def attributes(endpoint, operation, type)
      {
        "messaging.system" => "knocker", "messaging.operation.name" => operation, "messaging.operation.type" => type,
        "messaging.destination.name" => endpoint
      }
    end

    # @return [OpenTelemetry::Context] with the span of another process as the active one
    def context_of(kept)
      context = ::OpenTelemetry::Trace::SpanContext.new(
        trace_id: [kept.trace_id].pack("H*"), span_id: [kept.span_id].pack("H*"), remote: true,
        trace_flags: ::OpenTelemetry::Trace::TraceFlags.from_byte(kept.flags),
        tracestate: ::OpenTelemetry::Trace::Tracestate.from_string(kept.tracestate.to_s)
      )
      ::OpenTelemetry::Trace.context_with_span(::OpenTelemetry::Trace.non_recording_span(context))
    end

    # The text of an error is in the log alone: it may quote anything.
    def fail(span, error)
      span.set_attribute("error.type", type_of(error))
      span.status = ::OpenTelemetry::Trace::Status.error
    end

    # What is told of an error: one of Knocker's codes, what a handler has decided, or the name of a class.
    def type_of(error)
      case error
      when Error then error.code
      when Retry then "retry"
      when Dead then "dead"
      else error.class.name || "an exception"
      end
    end

    # @return [String, nil] the id of the span's trace, or else of what the headers say
    def trace_id(span, headers)
      own = span&.context
      own&.valid? ? own.hex_trace_id : TraceContext.of(headers)&.trace_id
    end
  end

  # The receipt of one request: its span is a child of the one that is active, or else of the sender's.
  # @api private
  class Receiving
    # @return [Array<Array(String, String)>] headers to be stored beside those of the request, so that the handler goes on with this span
    attr_reader :added

    def initialize(endpoint, headers)
      @headers = headers
      @started = Clock.monotonic
      @added = []
      tracer = Tracing.tracer
      return if tracer.nil?

      sent = TraceContext.sent(Headers.new(headers))
      active = ::OpenTelemetry::Trace.current_span.context.valid?
      parent = active || sent.nil? ? nil : Tracing.context_of(sent)
      attributes = Tracing.attributes(endpoint, "receive", "send")
      @span = tracer.start_span("receive #{endpoint}", with_parent: parent, kind: :producer, attributes: attributes)
      own = @span.context
      # Where nothing collects spans, it is the sender's again.
      @added = as_headers(own) if own.valid? && own.hex_span_id != sent&.span_id
    end

    # Spans of the app that begin meanwhile are children of this one, which ends with the block.
    def current(&)
      return yield if @span.nil?

      begin
        ::OpenTelemetry::Trace.with_span(@span, &)
      rescue Exception => e # rubocop:disable Lint/RescueException -- it is passed on
        Tracing.fail(@span, e)
        raise
      ensure
        @span.finish
      end
    end

    # Says what became of the request.
    def stored(receipt)
      return if @span.nil?

      @span.set_attribute("knocker.outcome", receipt.outcome.to_s)
      @span.set_attribute("knocker.delivery_id", receipt.delivery_id) if receipt.delivery_id
      @span.set_attribute("knocker.reason", receipt.reason.to_s) if receipt.reason
      if receipt.events.size > 1 then @span.set_attribute("messaging.batch.message_count", receipt.events.size)
      elsif receipt.event_id then @span.set_attribute("messaging.message.id", receipt.event_id.to_s)
      end
    end

    # @return [Integer] how long it has taken so far
    def duration_ms = ((Clock.monotonic - @started) * 1000).round

    # @return [String, nil]
    def trace_id = Tracing.trace_id(@span, Headers.new(@headers))

    private

    def as_headers(own)
      traceparent = [TraceContext::RECEIVE_TRACEPARENT, "00-#{own.hex_trace_id}-#{own.hex_span_id}-#{own.trace_flags.sampled? ? "01" : "00"}"]
      own.tracestate.empty? ? [traceparent] : [traceparent, [TraceContext::RECEIVE_TRACESTATE, own.tracestate.to_s]]
    end
  end

  # An attempt: its span is a child of the receive's, so that the trace goes on in the handlers, whenever they run.
  # @api private
  class Processing
    def initialize(event)
      @event = event
    end

    # Begins the span.
    def start
      tracer = Tracing.tracer
      return if tracer.nil?

      attributes = Tracing.attributes(@event.endpoint, "process", "process").merge(
        "messaging.message.id" => @event.id.to_s, "knocker.delivery_id" => @event.delivery.id, "knocker.attempt" => @event.attempt
      )
      attributes["knocker.event_type"] = @event.type if @event.type
      kept = TraceContext.of(@event.headers)
      @span = tracer.start_span("process #{@event.endpoint}", with_parent: kept && Tracing.context_of(kept), kind: :consumer, attributes: attributes)
    end

    # Spans that the handlers begin are children of this one.
    def current(&) = @span.nil? ? yield : ::OpenTelemetry::Trace.with_span(@span, &)

    # Ends the span with what became of the attempt.
    def ended(outcome, error)
      span = @span
      @span = nil
      return if span.nil?

      span.set_attribute("knocker.outcome", outcome.to_s)
      Tracing.fail(span, error) if error
      span.finish
    end

    # @return [String, nil]
    def trace_id = Tracing.trace_id(@span, @event.headers)
  end
end
