# frozen_string_literal: true

module Knocker
  # What {Leases} write through: a handler's connection. A result on a file that is gone would be nowhere.
  # @api private
  class Results
    # @param connection [Connection]
    def initialize(connection, database)
      @connection = connection
      @database = database
      @generation = database.generation
      @fixed_ms = nil
    end

    # Runs an SQL function with the clock added.
    def call(function, *arguments)
      require_current unless @fixed_ms
      @connection.call(function, *arguments, @fixed_ms || @database.now)
    end

    # @return [Array<Array>]
    def rows(sql, parameters) = @connection.rows(sql, parameters)

    # What is written in the block is of that time. Whoever commits it looks whether the file is still there: {#require_current}.
    def at(ms)
      @fixed_ms = ms
      yield
    ensure
      @fixed_ms = nil
    end

    # Raises {FileReplacedError} where the connection is of a file that is gone.
    def require_current = @database.refuse_former(@generation)
  end
end
