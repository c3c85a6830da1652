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

    # Logs that the receipt is a refusal, if it is one, with how many there were since the last line.
    def tell(endpoint, receipt, request, max_body_bytes)
      return unless REFUSED.include?(receipt.outcome)

      # What is not kept any more is another trouble than why it was refused.
      reason = receipt.outcome == :limited ? :limited : receipt.reason || receipt.outcome
      untold = due(endpoint, reason)
      return if untold.nil?

      text = receipt.detail.to_s
      # A provider that never retries does not send the event again.
      text = "#{size_of(request)} bytes or more, max_body_bytes is #{max_body_bytes}" if receipt.outcome == :too_large
      warn(endpoint, reason, text, untold)
    end

    # Logs that a body ended before its end. Not every server lets it be seen that something in front has read the rest.
    def tell_short(endpoint, received, announced)
      untold = due(endpoint, :short_body)
      return if untold.nil?

      text = "the body ended after #{received} of #{announced} bytes: the sender has gone, or something in front of Knocker read some of it"
      warn(endpoint, :short_body, text, untold)
    end

    # What senders say: a line break in it must not make a line of its own.
    # @return [String]
    def self.line(text) = !text.valid_encoding? || text.match?(/[[:cntrl:]]/) ? text.inspect : text

    private

    def warn(endpoint, reason, text, untold)
      more = untold.positive? ? " (#{untold} more since the last warning)" : ""
      @logger&.warn("endpoint #{endpoint}: request refused: #{reason}: #{Refusals.line(text)}#{more}")
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
