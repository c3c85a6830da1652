# frozen_string_literal: true

module Knocker
  # A connection that a worker keeps for the queue: opened again where it has failed, or where the file has become another one. Thread-safe.
  class WorkerConnection
    # @return [Leases] the queue seen through it, for those inside {#use}
    attr_reader :leases

    # @param later [Boolean] whether it is opened at its first use only
    def initialize(database, worker, later: false)
      @database = database
      @lock = Mutex.new
      @connection = later ? nil : database.connect
      @generation = database.generation
      @leases = Leases.new(worker, self)
    end

    # The connection, for one thread at a time.
    def use
      @lock.synchronize do
        @database.refuse_replaced
        shut if @generation != @database.generation
        DriverErrors.translated { yield opened }
      rescue Error => e
        @database.doubt(e)
        # One that came up read-only, say, stays so.
        shut unless e.is_a?(BusyError) || e.is_a?(ClosedError)
        raise
      end
    end

    # Keeps others from using it, until {#unlock}.
    # @return [Boolean] false where somebody uses it now
    def try_lock = @lock.try_lock

    # Ends {#try_lock}.
    def unlock = @lock.unlock

    # Runs an SQL function with the clock added. For those inside {#use}.
    def call(function, *arguments) = opened.call(function, *arguments, @database.now)

    # For those inside {#use}.
    def rows(sql, parameters) = opened.rows(sql, parameters)

    # Notes what was committed, outside of a transaction. For those inside {#use}.
    def committed(calls) = @database.checkpoints.committed(opened, calls)

    # Closes it.
    def close = @lock.synchronize { shut }

    private

    def opened
      @connection ||= begin
        @generation = @database.generation
        @database.connect
      end
    end

    def shut
      connection = @connection
      @connection = nil
      @database.give_back(connection) if connection
    end
  end
end
