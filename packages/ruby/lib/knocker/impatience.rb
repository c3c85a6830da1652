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
      # Not the one of the transaction: who runs the handlers takes that several times an event, and each time would wake a thread that waits for it.
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @dozes = @dismissed = false
      shared.impatience = self
    end

    # Looks after the transaction from here on.
    def start
      @thread ||= Thread.new do
        Thread.current.name = "knocker-impatience"
        nil while look_after
      end
    end

    # Something waits for the commit.
    def wake
      @lock.synchronize { @changed.signal } if @dozes
    end

    # Ends the thread.
    def stop
      @lock.synchronize do
        @dismissed = true
        @changed.signal
      end
      @thread&.join
    end

    private

    # @return [Boolean] whether to call it again
    def look_after
      left_ms = @shared.left_ms
      return doze if left_ms.nil?

      @shared.commit_overdue unless left_ms.positive?
      pause(left_ms.positive? ? left_ms : SharedCommit::MOST_MS)
    rescue StandardError => e
      # The handler's own thread meets it too, and records it.
      text = Decision.text(e)
      Log.write(@logger, :error, "worker_failed", "an early commit went wrong: #{Refusals.line(text)}",
                code: e.is_a?(Error) ? e.code : nil, error: text)
      sleep(PAUSE_S)
      true
    end

    def doze
      @lock.synchronize do
        @dozes = true
        # Something may have begun to wait meanwhile.
        @changed.wait(@lock) if @shared.left_ms.nil? && !@dismissed
        !@dismissed
      ensure
        @dozes = false
      end
    end

    def pause(for_ms)
      @lock.synchronize do
        @changed.wait(@lock, for_ms / 1000) unless @dismissed
        !@dismissed
      end
    end
  end
end
