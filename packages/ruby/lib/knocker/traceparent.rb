# frozen_string_literal: true

module Knocker
  # The trace that a request belongs to, by W3C Trace Context: https://www.w3.org/TR/trace-context/.
  # @api private
  class TraceContext
    # The headers that a receive adds to those that are stored, where it has a span of its own. No header of the sender is touched.
    RECEIVE_TRACEPARENT = "knocker-traceparent"
    RECEIVE_TRACESTATE = "knocker-tracestate"
    # A later version may say more after a dash.
    FORM = /\A([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\z/mn
    private_constant :FORM

    # @return [String] valid, and of version 00
    attr_reader :traceparent
    # @return [String, nil]
    attr_reader :tracestate
    # @return [String] 32 hexadecimal digits
    attr_reader :trace_id
    # @return [String] 16 hexadecimal digits
    attr_reader :span_id
    # @return [Integer]
    attr_reader :flags

    # The span of the receive, or else what the sender said.
    # @param headers [Headers]
    # @return [TraceContext, nil] nil where neither is valid
    def self.of(headers)
      # A sender may have used that name: the package's own comes last.
      read(headers.get_all(RECEIVE_TRACEPARENT).last(1), headers.get_all(RECEIVE_TRACESTATE).last(1)) || sent(headers)
    end

    # What the sender said.
    # @return [TraceContext, nil]
    def self.sent(headers) = read(headers.get_all("traceparent"), headers.get_all("tracestate"))

    def self.read(traceparents, tracestates)
      form = FORM.match(trimmed(traceparents.first)) if traceparents.one?
      return nil if form.nil?

      version, trace_id, span_id, flags, more = form.captures.map { |part| part&.encode("UTF-8", "BINARY", invalid: :replace, undef: :replace) }
      return nil if version == "ff" || (version == "00" && more) || [trace_id, span_id].any? { |id| id.delete("0").empty? }

      # Of a version that is not known here, the first flag alone means something.
      flags = "0#{flags.hex & 1}" unless version == "00"
      states = tracestates.map { |value| trimmed(value).force_encoding(value.encoding) }.reject(&:empty?)
      new(trace_id, span_id, flags, states.empty? ? nil : states.join(","))
    end
    private_class_method :read

    # Bytes, which a sender may send any of.
    def self.trimmed(value) = value.b.sub(/\A[ \t]+/n, "").sub(/[ \t]+\z/n, "")
    private_class_method :trimmed

    def initialize(trace_id, span_id, flags, tracestate)
      @traceparent = "00-#{trace_id}-#{span_id}-#{flags}".freeze
      @tracestate = tracestate
      @trace_id = trace_id
      @span_id = span_id
      @flags = flags.hex
    end
  end
end
