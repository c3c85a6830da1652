# frozen_string_literal: true

module Knocker
  # What one attempt may do with the connection: the transaction is begun when a handler first uses `tx`.
  #
  # A handler that calls an API for ten seconds and then writes holds the write lock only for the write, so receipts never wait for it.
  class AttemptTransaction
    OVER = "tx is of one attempt, and that attempt is over: do not keep it, or its statements, beyond the handler"
    ENDED = "the transaction ended before the handlers: leave COMMIT and ROLLBACK to the worker, and pass on errors of a full or failing disk"
    # How many statements that handlers leave are remembered before those that they have closed are forgotten.
    MOST_KEPT = 100
    CURRENT = :knocker_attempt
    private_constant :MOST_KEPT, :CURRENT

    # @return [String] of the file
    attr_reader :path
    # @return [Float, nil] when the handlers got the write lock, on the stopwatch
    attr_reader :begun_at_ms
    # @return [Boolean] whether a handler has set a pragma
    attr_reader :sets_pragma
    # @return [Boolean] whether a handler may have attached a file, or made a table of the connection's own
    attr_reader :may_attach
    # @return [Connection] past the guards of `tx`
    attr_reader :connection
    # @return [Array<#call>] what is to be called when the handlers' writes are committed
    attr_reader :after_commit

    # @return [AttemptTransaction, nil] the one whose handlers run in this thread
    def self.current = Thread.current[CURRENT]

    # Raises {UsageError} inside a handler that holds the lock of that file: the call would wait for it in vain.
    def self.refuse_waiting(path, call)
      attempt = current
      return unless attempt&.path == path

      attempt.let_go
      return unless attempt.holds_lock?(path)

      raise UsageError, "#{call}: this handler has held the write lock since its first use of tx, and the call would wait for it in vain. " \
                        "Call it before the first use of tx, or write through tx"
    end

    # @param connection [Connection] runs statements past the guards of `tx`
    # @param path [String] of the file
    # @param stopwatch [Paces]
    def initialize(connection, path, stopwatch)
      @connection = connection
      @path = path
      @stopwatch = stopwatch
      @thread = Thread.current
      @pid = Process.pid
      @statements = []
      @after_commit = []
      @depth = 0
      @begun = @ended = @over = @sets_pragma = @may_attach = false
    end

    # Runs handlers in the block.
    def run
      @started_at_ms = @stopwatch.now_ms
      before = Thread.current[CURRENT]
      Thread.current[CURRENT] = self
      yield
    ensure
      Thread.current[CURRENT] = before
    end

    # To be called before each use of the connection: begins the transaction, or refuses one that is over.
    def use(sql)
      raise ClosedError, OVER if @over
      raise ForkedError, "tx is of the process that runs the handler, and this one was forked from it" unless Process.pid == @pid
      raise UsageError, "tx is of the thread that runs the handler: let that one write" unless Thread.current == @thread

      text = HandlerSql.of(sql)
      text.refuse_end
      refuse_ended

      begin_now unless @begun
      @sets_pragma ||= text.sets_pragma
      @may_attach ||= text.may_attach
    end

    # Raises where the transaction was lost.
    def refuse_ended
      raise UsageError, ENDED if ended?
    end

    # To be called before the handler waits for the write lock elsewhere: what is not its own is not to hold it.
    def let_go; end

    # Remembers a statement that a handler may leave in the middle.
    def keep(statement)
      @statements.reject!(&:closed?) if @statements.size >= MOST_KEPT
      @statements << statement
      statement
    end

    # What is done in the block is taken back where it raises.
    def savepoint(database)
      @depth += 1
      name = "knocker_handler_#{@depth}"
      database.execute("SAVEPOINT #{name}")
      result = yield
      database.execute("RELEASE #{name}")
      result
    rescue Exception # rubocop:disable Lint/RescueException -- whatever it is, the block did not end
      # Where the whole transaction is over, there is nothing left to take back, and the block's own error says more.
      ["ROLLBACK TO #{name}", "RELEASE #{name}"].each { |sql| @connection.exec(sql) } unless @over || ended?
      raise
    ensure
      @depth -= 1
    end

    # @return [Boolean] whether the handlers have begun something
    def begun? = @begun

    # @return [Float, nil] how long after their start they began something
    def begun_after_ms = @begun ? @begun_at_ms - @started_at_ms : nil

    # @return [Boolean] whether what they began was committed or rolled back behind the worker's back
    def ended? = @ended ||= @begun && !@connection.transaction?

    # @return [Boolean] whether the handlers have the write lock of that file
    def holds_lock?(path) = @path == path && @begun && !@over && @connection.transaction?

    # Nothing of this attempt uses the connection from here on. What is left in the middle would keep it at its snapshot.
    def end
      @over = true
      @statements.each { |statement| statement.close unless statement.closed? }
      @statements.clear
    end

    private

    def begin_now
      @connection.exec("BEGIN IMMEDIATE")
      @begun = true
      @begun_at_ms = @stopwatch.now_ms
    end
  end

  # The worker's side of `tx`: one attempt after the other.
  class HandlerTransaction
    # How long a result waits for the write lock. Longer than a receive does: a result that is not written makes the handler run again.
    RESULT_PATIENCE_S = 60.0
    private_constant :RESULT_PATIENCE_S

    # @return [Connection] runs statements past the guards of `tx`
    attr_reader :connection

    # @return [Integer] how many commits were made on it
    attr_reader :commits

    # @param connection [Connection] over a {HandlerDatabase}
    # @param own [OwnCommits] the worker's
    def initialize(connection, database, own)
      @connection = connection
      @database = database
      @own = own
      @commits = 0
      @altered = false
      @committed_held_ms = 0.0
      @attempt = nil
      # What opening it has set is how it is to be.
      tx.knocker_altered = false
    end

    # @return [HandlerDatabase] what handlers get
    def tx = @connection.db

    # @return [Boolean] whether the attempts so far have left something on the connection, so that the next one is to have another
    def altered? = @altered

    # Arms `tx` for the handlers of an attempt: the next use begins a transaction.
    # @return [AttemptTransaction]
    def start = arm(AttemptTransaction.new(@connection, @database.path, @database.paces))

    # Makes `tx` the one of that attempt.
    # @return [AttemptTransaction]
    def arm(attempt) = @attempt = tx.knocker_attempt = attempt

    # The handlers of the attempt have ended, whatever becomes of their transaction.
    def disarm
      end_attempt
    ensure
      leave
    end

    # @return [Float] for how long the handlers of this attempt have had the write lock
    def held_ms
      return 0.0 unless @attempt&.begun? && @connection.transaction?

      @database.paces.now_ms - @attempt.begun_at_ms
    end

    # @return [Float] for how long commits have held the write lock since the last call
    def take_held_ms = @committed_held_ms.tap { @committed_held_ms = 0.0 }

    # Commits what is there.
    def commit
      @commits += 1
      @own.during { @connection.exec("COMMIT") }
    end

    # Writes the result in the handlers' transaction, or in a new one where they began none, and commits.
    # @return [Object] what the block returns
    def finish
      end_attempt
      begin_patiently unless @connection.transaction?
      held_since_ms = @attempt&.begun_at_ms || @database.paces.now_ms
      result = yield
      commit
      @committed_held_ms += @database.paces.now_ms - held_since_ms
      callbacks = @attempt&.after_commit || []
      leave
      follow(callbacks)
      result
    rescue Exception # rubocop:disable Lint/RescueException -- nothing of it may stay
      roll_back
      raise
    end

    # Takes back what the handlers wrote. SQLite has done so itself after a full or failing disk.
    def roll_back
      end_attempt
      @connection.roll_back
    ensure
      leave
    end

    # Begins a transaction for a result.
    def begin_patiently
      @connection.patience_s = [RESULT_PATIENCE_S, @database.busy_timeout_s].max
      @connection.exec("BEGIN IMMEDIATE")
    ensure
      @connection.patience_s = @database.busy_timeout_s
    end

    # Does what handlers have left for after the commit: the event is handled, whatever becomes of that.
    def follow(callbacks) = callbacks.each { |callback| call(callback) }

    private

    def call(callback)
      callback.call
    rescue StandardError => e
      text = Decision.text(e)
      Log.write(@database.logger, :error, "hook_failed", "the event is handled, and what was to follow failed: #{Refusals.line(text)}",
                hook: "after_commit", error: text)
    end

    def end_attempt
      return if @attempt.nil?

      @attempt.end
      # How rows are made is put back at once, and so is what may stop statements: the result, or a rollback, would meet it. Everything else needs
      # another connection.
      tx.results_as_hash = nil
      tx.unhinder if tx.knocker_altered
    end

    def leave
      attempt = @attempt
      @attempt = nil
      return if attempt.nil?

      @altered ||= attempt.sets_pragma || tx.knocker_altered || (attempt.may_attach && attached_something?)
    end

    # A file, or a table of its own.
    def attached_something?
      @connection.rows("PRAGMA database_list").size != 1
    rescue SQLite3::Exception
      true
    end
  end
end
