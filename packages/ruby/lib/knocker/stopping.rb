# frozen_string_literal: true

module Knocker
  # Whether a worker is to end, for whoever waits for it: also a trap of a signal may say so, where no lock can be had.
  # @api private
  class Stopping
    def initialize
      @lock = Mutex.new
      @changed = ConditionVariable.new
      @set = false
      @signals = Thread::Queue.new
    end

    def set? = @set

    def set
      @lock.synchronize do
        @set = true
        @changed.broadcast
      end
      @signals.push(true)
    end

    def signal = @signals.push(true)

    # Returns when it was set, or signalled.
    def wait = @signals.pop

    # @return [Boolean] true as soon as it is set, false after the timeout
    def wait_for(timeout_s)
      @lock.synchronize do
        @changed.wait(@lock, timeout_s) unless @set
        @set
      end
    end
  end
end
