# frozen_string_literal: true

module Knocker
  # Judges requests, which is what a stranger can make costly: before the transaction and beside the writer. It needs a read of the endpoint's
  # settings and no lock. One connection is enough, because SQLite works under the interpreter's lock. Thread-safe.
  class Judge
    # @param database [Database]
    def initialize(database)
      @database = database
      @lock = Mutex.new
      @connection = nil
      @generation = 0
    end

    # @return [Object] the result of an SQL function that only reads
    def call(function, *arguments)
      # An interrupt comes after it: in the middle it would leave the gate or a connection that was just opened.
      Thread.handle_interrupt(Connection::UNINTERRUPTED) do
        @database.gate.use do
          @database.refuse_closed
          @lock.synchronize { connected.call(function, *arguments) }
        end
      end
    rescue SQLite3::Exception => e
      known = DriverErrors.translate(e)
      @lock.synchronize { close } if known.is_a?(IoError) || known.is_a?(CorruptError)
      raise known
    end

    # Closes the connection, which is opened again when it is needed.
    def disconnect = @lock.synchronize { close }

    private

    def connected
      close if @generation != @database.generation
      return @connection if @connection

      @connection = @database.open
      @generation = @database.generation
      @connection
    end

    def close
      connection = @connection
      @connection = nil
      connection&.close
    end
  end
end
