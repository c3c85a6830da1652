# frozen_string_literal: true

module Knocker
  class Tenants
    # What others tell a thread, which waits for it for a while. Thread-safe.
    # @api private
    class Mailbox
      def initialize
        @lock = Mutex.new
        @told = ConditionVariable.new
        @messages = []
      end

      def tell(message)
        @lock.synchronize do
          @messages << message
          @told.signal
        end
      end

      # @return [Array] what was told, in order; empty after the timeout
      def take(timeout_s)
        @lock.synchronize do
          @told.wait(@lock, timeout_s) if @messages.empty? && timeout_s.positive?
          @messages.slice!(0..)
        end
      end
    end
  end
end
