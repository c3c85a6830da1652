# frozen_string_literal: true

module Knocker
  # How threads that go on and on are brought to rest for a moment, and wait there. Counts who works; once a rest is wanted nobody begins to, and
  # those who do are to end soon. Thread-safe.
  class Rest
    def initialize
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @working = 0
      @wanted = false
    end

    # @return [Boolean] whether those who work are to end
    def wanted? = @wanted

    # Waits until no rest is wanted; what is done in the block is work.
    def work
      @lock.synchronize do
        @changed.wait(@lock) while @wanted
        @working += 1
      end
      begin
        yield
      ensure
        @lock.synchronize do
          @working -= 1
          @changed.broadcast
        end
      end
    end

    # Asks for a rest, until {#end}.
    def want = @wanted = true

    # Waits that long for everybody to rest.
    #
    # @return [Boolean] whether they do
    def begun?(patience_s)
      give_up_at = Clock.monotonic + patience_s
      @lock.synchronize do
        while @working.positive?
          left = give_up_at - Clock.monotonic
          break unless left.positive?

          @changed.wait(@lock, left.infinite? ? nil : left)
        end
        @working.zero?
      end
    end

    # Lets work begin again.
    def end
      @lock.synchronize do
        @wanted = false
        @changed.broadcast
      end
    end
  end
end
