# frozen_string_literal: true

require "monitor"

module Knocker
  class Tenants
    # Who opens a file waits for the others of this process that have it open: where it was replaced, they alone know the log that the former one has
    # left behind, which SQLite would replay into the next one. Thread-safe.
    # @api private
    class FileOrder
      # Two tenants may share one, and wait for each other for a moment.
      LOCKS = 64
      private_constant :LOCKS

      def initialize
        @pools = []
        begin_process
      end

      # What is each process's own.
      def begin_process
        @locks = Array.new(LOCKS) { Monitor.new }
      end

      # From here on its files are those of this process, too.
      def add(pool) = @pools |= [pool]

      # It has no file open any more.
      def remove(pool) = @pools -= [pool]

      # Runs the block while nobody else opens the tenant's file.
      def alone(name, &) = @locks[name.hash % LOCKS].synchronize(&)

      # As {#alone}, once those who have it open have seen which file it is now.
      # @raise [FileReplacedError] where the next one cannot be opened yet
      def opening(name)
        alone(name) do
          @pools.each { |pool| pool.hooks_of(name)&.database&.then { |database| database.connection { nil } unless database.closed? } }
          yield
        end
      end
    end
  end
end
