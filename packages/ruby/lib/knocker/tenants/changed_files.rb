# frozen_string_literal: true

require "json"

module Knocker
  class Tenants
    # Which files of a pattern were written to or have appeared since the last look, through a connection in memory that is kept for this alone.
    # @api private
    class ChangedFiles
      def initialize(pattern, extension)
        @pattern = pattern.to_s
        @extension = extension
        @lock = Mutex.new
      end

      # @return [Array<String>] their absolute paths; the first time, of all that there are
      def take
        @lock.synchronize do
          @connection ||= Opening.open(":memory:", synchronous: :off, busy_timeout_s: 0, extension: @extension, create: true)
          found = DriverErrors.translated { @connection.call("knocker_changed_files", @pattern) }
          found == "[]" ? [] : JSON.parse(found)
        end
      end

      # Forgets what was seen; the next look sees all again.
      def close
        @lock.synchronize do
          @connection&.close
          @connection = nil
        end
      end
    end
  end
end
