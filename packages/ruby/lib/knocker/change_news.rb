# frozen_string_literal: true

module Knocker
  # Telling workers of this process that the database has changed: a counter that waits. Nobody who looked before a change sleeps through it.
  class ChangeNews
    # @return [Integer] how many changes there were; look at it before you look at the database
    attr_reader :changes
    # @return [Integer] how many threads wait
    attr_reader :waiting

    def initialize
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @changes = 0
      @waiting = 0
    end

    # Says that something changed. Who waits for somebody to wait sleeps on, but with `watchers`: that is for an end.
    def notify(watchers: false)
      @lock.synchronize do
        @changes += 1
        @changed.broadcast if watchers || @waiting.positive?
      end
    end

    # Returns when there were more changes than `seen`, or after the timeout.
    def wait(seen, timeout_s)
      give_up_at = Clock.monotonic + timeout_s
      @lock.synchronize do
        @waiting += 1
        # Whoever waits for somebody to wait (the watcher of the file) is told as well.
        @changed.broadcast
        begin
          while @changes == seen
            left = give_up_at - Clock.monotonic
            break unless left.positive?

            @changed.wait(@lock, left)
          end
        ensure
          @waiting -= 1
        end
      end
    end

    # Returns true as soon as some thread waits for a change, false after the timeout, or at once where the block says that it is to end.
    def wait_for_waiting(timeout_s)
      @lock.synchronize do
        @changed.wait(@lock, timeout_s) if @waiting.zero? && !yield
        @waiting.positive?
      end
    end
  end
end
