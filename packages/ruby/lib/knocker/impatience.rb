# frozen_string_literal: true

module Knocker
  # A clock beside a shared transaction, in a thread that sleeps while nothing is shared: a handler that has become slow, and has not used `tx`, does
  # not hold up the others' commit.
  # @api private
  class Impatience
    PAUSE_S = 1.0
    private_constant :PAUSE_S

    # @param shared [SharedCommit]
    # @param logger [Logger, nil]
    def initialize(shared, logger)
      @shared = shared
      @logger = logger
    end

    # Looks after the transaction from here on.
    def start
      @thread ||= Thread.new do
        Thread.current.name = "knocker-impatience"
        nil while look_after
      end
    end

    # Ends the thread.
    def stop
      @shared.dismiss
      @thread&.join
    end

    private

    def look_after
      @shared.commit_overdue
    rescue StandardError => e
      # The handler's own thread meets it too, and records it.
      text = Decision.text(e)
      Log.write(@logger, :error, "worker_failed", "an early commit went wrong: #{Refusals.line(text)}",
                code: e.is_a?(Error) ? e.code : nil, error: text)
      sleep(PAUSE_S)
      true
    end
  end
end
