# frozen_string_literal: true

module Knocker
  # A connection of this package's own, for one thread at a time: statements prepared once, and waiting for locks without the interpreter's.
  #
  # Errors are the driver's; see {DriverErrors}.
  class Connection
    # An interrupt in the middle of a statement would leave SQLite's own mutex locked.
    UNINTERRUPTED = { Object => :never }.freeze
    # How many statements stay prepared.
    MOST_STATEMENTS = 64

    # @return [SQLite3::Database]
    attr_reader :db

    # @param db [SQLite3::Database] nobody else's
    # @param patience_s [Numeric] how long a statement waits for a lock
    def initialize(db, patience_s)
      @db = db
      @statements = {}
      @uninterrupted = false
      self.patience_s = patience_s
      @give_up_at = 0.0
      # The interpreter's lock is held while SQLite works, so SQLite's own waiting would stop every thread. This one sleeps in Ruby.
      db.busy_handler { |count| wait_for_lock(count) }
    end

    # How long a statement waits for a lock, from here on.
    attr_writer :patience_s

    # @return [Object] the result of one SQL function
    def call(function, *arguments)
      value(CALLS[function][arguments.size], arguments)
    end

    # @return [Object] the first column of the first row
    def value(sql, parameters = [])
      run(sql, parameters) { |statement| statement.step&.first }
    end

    # @return [Array<Array>] every row
    def rows(sql, parameters = [])
      run(sql, parameters) do |statement|
        found = []
        while (row = statement.step)
          found << row.to_a
        end
        found
      end
    end

    # Runs a statement without a result.
    def exec(sql)
      run(sql, [], &:step)
      nil
    end

    # No interrupt comes in the block: each statement sees to that, and for several ones it is cheaper to do so once.
    def uninterrupted
      return yield if @uninterrupted

      Thread.handle_interrupt(UNINTERRUPTED) do
        @uninterrupted = true
        yield
      ensure
        @uninterrupted = false
      end
    end

    # @return [Boolean] whether a transaction is open
    def transaction? = @db.transaction_active?

    # Rolls back. One that fails leaves what SQLite has rolled back itself; the error that counts is the first one.
    def roll_back
      exec("ROLLBACK") if transaction?
    rescue SQLite3::Exception
      nil
    end

    # What is done in the block is one commit.
    def transaction
      exec("BEGIN IMMEDIATE")
      result = yield
      exec("COMMIT")
      result
    rescue Exception # rubocop:disable Lint/RescueException -- whatever it is, nothing of it may stay
      roll_back
      raise
    end

    # Closes it.
    def close
      return if @db.closed?

      # SQLite keeps a connection with statements open.
      @statements.each_value(&:close)
      @statements.clear
      # A handler's connection is not closed by its handlers.
      SQLite3::Database.instance_method(:close).bind_call(@db)
    end

    private

    # The text of a call, by the function and how many arguments it has.
    CALLS = Hash.new do |known, function|
      known[function] = Hash.new { |texts, count| texts[count] = -"SELECT #{function}(#{(["?"] * count).join(", ")})" }
    end
    private_constant :CALLS

    def run(sql, parameters)
      uninterrupted do
        statement = prepared(sql)
        begin
          statement.bind(parameters)
          yield statement
        ensure
          statement.leave
        end
      end
    end

    def prepared(sql)
      @statements[sql] || begin
        @statements.shift.last.close if @statements.size >= MOST_STATEMENTS
        @statements[sql] = KeptStatement.new(@db, sql)
      end
    end

    def wait_for_lock(count)
      now = Clock.monotonic
      @give_up_at = now + @patience_s if count.zero?
      return false if now >= @give_up_at

      sleep([count < 20 ? 0.0005 : 0.002, @give_up_at - now].min)
      true
    end
  end
end
