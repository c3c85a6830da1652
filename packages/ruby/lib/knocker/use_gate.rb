# frozen_string_literal: true

module Knocker
  # Whoever uses a connection is inside; a fork waits until nobody is, and keeps others out meanwhile.
  class UseGate
    def initialize
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @inside = 0
      @closed = false
    end

    # Runs the block inside. Not to be nested.
    def use
      @lock.synchronize do
        @changed.wait(@lock) while @closed
        @inside += 1
      end
      begin
        yield
      ensure
        @lock.synchronize do
          @inside -= 1
          @changed.broadcast if @closed
        end
      end
    end

    # Keeps others out, and waits until nobody is inside.
    #
    # @return [Boolean] whether that was in time
    def close(patience_s)
      give_up_at = Clock.monotonic + patience_s
      @lock.synchronize do
        @closed = true
        while @inside.positive?
          left = give_up_at - Clock.monotonic
          break unless left.positive?

          @changed.wait(@lock, left)
        end
        @inside.zero?
      end
    end

    # Lets others in again.
    def open
      @lock.synchronize do
        @closed = false
        @changed.broadcast
      end
    end
  end
end
