# frozen_string_literal: true

module Knocker
  # Telling an operator of requests that were refused. Anybody can send such, so there is a line a minute for each endpoint and reason.
  class Refusals
    # How long nothing more is said of an endpoint and reason.
    PAUSE_MS = 60_000
    REFUSED = %i[invalid too_large disabled limited].freeze
    private_constant :PAUSE_MS, :REFUSED

    # @param logger [Logger, nil]
    # @param now_ms [#call] the clock
    def initialize(logger, now_ms)
      @logger = logger
      @now_ms = now_ms
      @lock = Mutex.new
      @told_at = {}
      @untold = Hash.new(0)
    end

    # Logs what became of a request; a refusal as a warning, with how many there were since the last one.
    def tell(endpoint, receipt, span, request, max_body_bytes)
      return tell_stored(endpoint, receipt, span) unless REFUSED.include?(receipt.outcome)

      # What is not kept any more is another trouble than why it was refused.
      reason = receipt.outcome == :limited ? :limited : receipt.reason || receipt.outcome
      untold = due(endpoint, reason)
      return if untold.nil?

      text = receipt.detail.to_s
      facts = { outcome: receipt.outcome.to_s, detail: receipt.detail, delivery_id: receipt.delivery_id, trace_id: span.trace_id }
      if receipt.outcome == :too_large
        # A provider that never retries does not send the event again.
        facts.merge!(size: size_of(request), max_body_bytes: max_body_bytes)
        text = "#{facts[:size]} bytes or more, max_body_bytes is #{max_body_bytes}"
      end
      warn(endpoint, reason, text, untold, **facts)
    end

    # Logs that a body ended before its end. Not every server lets it be seen that something in front has read the rest.
    def tell_short(endpoint, received, announced)
      untold = due(endpoint, :short_body)
      return if untold.nil?

      text = "the body ended after #{received} of #{announced} bytes: the sender has gone, or something in front of Knocker read some of it"
      warn(endpoint, :short_body, text, untold, detail: text)
    end

    # What senders say: a line break in it must not make a line of its own.
    # @return [String]
    def self.line(text) = !text.valid_encoding? || text.match?(/[[:cntrl:]]/) ? text.inspect : text

    private

    def warn(endpoint, reason, text, untold, **facts)
      more = untold.positive? ? " (#{untold} more since the last warning)" : ""
      Log.write(@logger, :warn, "receipt_refused", "endpoint #{endpoint}: request refused: #{reason}: #{Refusals.line(text)}#{more}",
                endpoint: endpoint, reason: reason.to_s, untold: untold, **facts)
    end

    def tell_stored(endpoint, receipt, span)
      return unless Log.debug?(@logger)

      Log.write(@logger, :debug, "receipt_stored", "endpoint #{endpoint}: delivery #{receipt.delivery_id}: #{receipt.outcome}",
                endpoint: endpoint, outcome: receipt.outcome.to_s, delivery_id: receipt.delivery_id, event_id: receipt.event_id,
                duration_ms: span.duration_ms, trace_id: span.trace_id)
    end

    # How many were not told since the last line, or nil where it is too early for another.
    def due(endpoint, reason)
      now = @now_ms.call
      key = [endpoint, reason]
      @lock.synchronize do
        told_at = @told_at[key]
        # A clock that was put back must not silence it for longer.
        if told_at && (now - told_at).between?(0, PAUSE_MS - 1)
          @untold[key] += 1
          next nil
        end
        @told_at[key] = now
        @untold.delete(key) || 0
      end
    end

    # What the sender announced, or else what was read before reading stopped.
    def size_of(request)
      return 0 if request.nil?

      [request.body.bytesize, request.header("content-length").to_i].max
    end
  end
end
