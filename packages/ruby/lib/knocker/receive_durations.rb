# frozen_string_literal: true

require "json"

module Knocker
  # How long the receipts of this process took, by endpoint, from the call to the commit. Thread-safe.
  # @api private
  class ReceiveDurations
    # @return [Integer] microseconds of a clock that only goes on
    def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :microsecond)

    def initialize
      @lock = Mutex.new
      start
    end

    # Counts one that began at that moment of {now}.
    def add(endpoint, began)
      took = ReceiveDurations.now - began
      at = Contract::RECEIVE_BOUNDS_US.bsearch_index { |bound| took <= bound } || Contract::RECEIVE_BOUNDS_US.size
      @lock.synchronize do
        # A child counts its own.
        start unless @pid == Process.pid
        taken = @taken[endpoint] ||= { within: [0] * (Contract::RECEIVE_BOUNDS_US.size + 1), sum_us: 0 }
        taken[:within][at] += 1
        taken[:sum_us] += took
      end
    end

    # @return [String] as the library takes it
    def to_json(*) = @lock.synchronize { JSON.generate(@pid == Process.pid ? @taken : {}) }

    private

    def start
      @pid = Process.pid
      @taken = {}
    end
  end
end
