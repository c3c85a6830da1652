# frozen_string_literal: true

module Knocker
  # The system's clocks.
  module Clock
    module_function

    # @return [Integer] the time in Unix milliseconds
    def now_ms = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond)

    # @return [Float] seconds of a clock that is never set
    def monotonic = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
