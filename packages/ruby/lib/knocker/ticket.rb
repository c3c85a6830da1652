# frozen_string_literal: true

module Knocker
  # One call on its way to the writer, and its answer.
  class Ticket
    # @return [String] an SQL function
    attr_reader :function
    # @return [Array] its arguments
    attr_reader :arguments
    # @return [Integer] the bytes of its arguments
    attr_reader :size
    # @return [Float] when it came
    attr_reader :queued_at
    # @return [Thread::Queue, nil] where its caller waits, unless it leads at once
    attr_accessor :news
    # @return [Boolean] whether its caller was asked to lead a group
    attr_accessor :leads
    # @return [Boolean] whether its caller was answered
    attr_accessor :answered
    # @return [Object] what the function returned
    attr_accessor :result
    # @return [Exception, nil] what became of it instead
    attr_accessor :error

    # @param alone [Boolean] whether the function has a transaction of its own, which nothing else is to share
    def initialize(function, arguments, alone: false)
      @function = function
      @alone = alone
      @arguments = arguments
      @size = arguments.sum { |argument| argument.is_a?(String) ? argument.bytesize : 0 }
      @queued_at = Clock.monotonic
    end

    def alone? = @alone

    # Undoes an answer.
    def reset
      @result = @error = nil
    end
  end
end
