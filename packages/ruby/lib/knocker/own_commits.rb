# frozen_string_literal: true

module Knocker
  # The commits of one worker, on whichever connection: what is not of them is of others. Thread-safe.
  # @api private
  class OwnCommits
    # @return [Integer] how many have begun so far
    attr_reader :begun
    # @return [Integer] how many have ended so far
    attr_reader :ended

    def initialize
      @lock = Mutex.new
      @begun = @ended = 0
    end

    # The block commits.
    # @return [Object] what it returns
    def during
      counted = false
      @lock.synchronize do
        @begun += 1
        counted = true
      end
      yield
    ensure
      @lock.synchronize { @ended += 1 } if counted
    end
  end
end
