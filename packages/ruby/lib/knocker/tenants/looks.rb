# frozen_string_literal: true

require "json"

module Knocker
  class Tenants
    # Looking whether something is due in a file, which costs one connection and no write. One may be kept for the next look. Thread-safe.
    # @api private
    class Looks
      # Where nothing has been prepared, or by an older version: opening the hooks does it.
      UNPREPARED = [NotBootstrappedError, SchemaIncompleteError].freeze
      # A connection, and which file it is of.
      Kept = Struct.new(:connection, :identity)
      private_constant :UNPREPARED, :Kept

      # @param most_kept [Integer] how many connections may stay open between looks
      # @param settings [Hash] those of {Opening.open}
      # @param now [#call] the injected clock's time, or nil
      def initialize(most_kept, settings, now)
        @most_kept = most_kept
        @settings = settings
        @now = now
        begin_process
      end

      # What is each process's own.
      def begin_process
        @lock = Mutex.new
        @gate = UseGate.new
        @kept = {}
      end

      # Looks at a file.
      #
      # @param endpoints [Array<String>, nil] those that there are handlers for; nil where that is not known
      # @param retain [Boolean] whether a retention pass that is due is run, too
      # @param keep [Boolean] whether the file stays open, where there is room, until {#forget}
      # @return [Integer, nil] milliseconds until something can be handled; nil where nothing waits
      # @raise [UnknownTenantError] where there is no file
      def due_ms(path, endpoints, retain: false, keep: false)
        @gate.use do
          seen = opened(path)
          begin
            Looks.due_ms(seen.connection, endpoints, @now.call, retain: retain)
          ensure
            put_aside(path, seen, keep)
          end
        end
      rescue *UNPREPARED
        0
      end

      # Closes what was kept of the file.
      def forget(path) = @lock.synchronize { @kept.delete(path) }&.connection&.close

      # Closes what is kept once nobody looks, and keeps others from looking; for a fork, and at the end.
      def rest(patience_s)
        @gate.close(patience_s)
        @lock.synchronize { @kept.each_value { |seen| seen.connection.close } && @kept.clear }
      end

      # Ends a rest.
      def go_on = @gate.open

      # @return [Integer, nil] as {#due_ms}, over a connection
      def self.due_ms(connection, endpoints, now, retain: false)
        DriverErrors.translated do
          retain(connection, now) if retain
          return nil if endpoints&.empty?

          connection.call("knocker_next_due", JSON.generate({ endpoints: endpoints }.compact), now)
        end
      end

      # Somebody writes for long: the next tour comes by again.
      def self.retain(connection, now)
        connection.call("knocker_retain", now)
      rescue SQLite3::BusyException
        nil
      end
      private_class_method :retain

      private

      def opened(path)
        identity = OpenFile.identity(path) if Pattern.file?(path)
        raise UnknownTenantError, "there is no file #{path}" if identity.nil?

        seen = @lock.synchronize { @kept.delete(path) }
        return seen if seen && seen.identity == identity

        seen&.connection&.close
        Kept.new(Opening.open(path, **@settings, create: false), identity)
      rescue Error => e
        raise e if Pattern.file?(path)

        raise UnknownTenantError, "there is no file #{path}"
      end

      def put_aside(path, seen, keep)
        kept = @lock.synchronize { @kept[path] = seen if keep && @kept.size < @most_kept && !@kept.key?(path) }
        seen.connection.close unless kept
      end
    end
  end
end
