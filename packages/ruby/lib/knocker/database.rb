# frozen_string_literal: true

require "set"

module Knocker
  # One SQLite file in one process: a writer with group commit, a judge beside it, and connections for everything else. Thread-safe. Connections
  # are opened when they are first needed, in the process that needs them.
  class Database
    # What is said of hooks that were closed.
    CLOSED = "these hooks are closed"
    # How many idle connections are kept.
    KEPT = 4
    # On top of the time that a call may wait for the write lock.
    FORK_MARGIN_S = 1.0
    # Functions that take no write lock.
    READING = %w[knocker_stats knocker_metrics knocker_next_due].freeze
    private_constant :KEPT, :FORK_MARGIN_S, :READING

    # @return [String] the absolute path
    attr_reader :path
    # @return [Numeric] how long a statement waits for a lock
    attr_reader :busy_timeout_s
    # @return [#call, nil] the injected clock
    attr_reader :clock
    # @return [ChangeNews]
    attr_reader :changed
    # @return [Checkpoints]
    attr_reader :checkpoints
    # @return [UseGate] whoever uses a connection is inside
    attr_reader :gate
    # @return [Integer] counts the files that the path has led to: a connection is of one of them
    attr_reader :generation
    # @return [Writer]
    attr_reader :writer
    # @return [Judge]
    attr_reader :judge
    # @return [Logger, nil]
    attr_reader :logger
    # @return [#call, nil] what handlers run in: called with the event, tx and a block
    attr_accessor :around_handlers
    # @return [ReceiveDurations] how long the receipts of this process took
    attr_reader :receive_durations
    # @return [Paces] how quick the handlers of this process are
    attr_reader :paces
    # @return [Set<Worker>] those that run, which come to rest for a fork
    attr_reader :workers
    # @return [Array<#call>] what is to be called when another file has been opened
    attr_reader :declare_again

    # Raises {UsageError} where a setting is none.
    def self.check(synchronous:, busy_timeout_s:, clock:)
      unless %w[full normal].include?(synchronous.to_s)
        raise UsageError, "synchronous must be :full or :normal, not #{synchronous.inspect}"
      end
      unless busy_timeout_s.is_a?(Numeric) && busy_timeout_s >= 0
        raise UsageError, "busy_timeout_s must be a number of seconds, not #{busy_timeout_s.inspect}"
      end

      raise UsageError, "the clock is a function that returns Unix milliseconds, not #{clock.class}" unless clock.nil? || clock.respond_to?(:call)
    end

    # @param create [Boolean] whether a file is made where there is none
    def initialize(path, synchronous: :full, busy_timeout_s: 5.0, extension: nil, clock: nil, logger: nil,
                   replicated: nil, replicated_timeout_s: 5.0, create: true)
      Database.check(synchronous: synchronous, busy_timeout_s: busy_timeout_s, clock: clock)
      @path = Opening.path(path)
      @replica = -> { Replica.of(@path, replicated, replicated_timeout_s) unless replicated.nil? }
      @replica.call
      @synchronous = synchronous
      @busy_timeout_s = busy_timeout_s
      @extension = extension
      @clock = clock
      @logger = logger
      @create = create
      @declare_again = []
      @receive_durations = ReceiveDurations.new
      @file = OpenFile.new(@path)
      @generation = 0
      @closed = false
      @kept = []
      start
      Forks.prepare(self)
      connection { nil }
    rescue StandardError => e
      Forks.forget(self)
      raise DriverErrors.translate(e) || e
    end

    # Another file, opened as this one, but for the replica: nobody makes one of it.
    # @return [Database]
    def like(path, clock: @clock)
      settings = { synchronous: @synchronous, busy_timeout_s: @busy_timeout_s, extension: @extension, logger: @logger }
      Database.new(path, clock: clock, **settings).tap { |other| other.around_handlers = around_handlers }
    end

    # @return [Integer, nil] the injected clock's time; nil for the system's
    def now = @clock&.call

    # @return [Integer] the time in Unix milliseconds, by the injected clock where there is one
    def current_ms = @clock ? @clock.call : Clock.now_ms

    # A new connection with this file's settings; the caller closes it by {#give_back}. Until then the process cannot fork and go on in the child.
    # @return [Connection]
    def connect(database_class: SQLite3::Database)
      @gate.use do
        refuse_closed
        connection = open(database_class: database_class)
        @lock.synchronize { @given << connection }
        connection
      end
    end

    # Closes what {#connect} gave.
    def give_back(connection)
      @lock.synchronize { @given.delete(connection) }
      connection.close
    end

    # As {#connect}, for those inside the gate, who close it where a fork asks for it.
    # @return [Connection]
    def open(database_class: SQLite3::Database)
      open_file unless @file.known?
      open_connection(database_class)
    end

    # Runs the block with a connection, which is kept for the next one. Not to be nested. An interrupt comes after it: between two lines here it
    # would leave a connection open that nobody has.
    def connection(&)
      Thread.handle_interrupt(Connection::UNINTERRUPTED) { use_connection(&) }
    end

    # Runs one SQL function in a transaction of its own, with the clock as its last argument.
    def call(function, *arguments)
      AttemptTransaction.refuse_waiting(@path, function) unless READING.include?(function)
      call_once(function, arguments)
    rescue ReadOnlyError
      # Perhaps only the connection is: it came up so, and the file has been put right since. The others may be like it.
      close_idle
      call_once(function, arguments)
    end

    # @return [Array<Array>] every row of a query
    def rows(sql, parameters = [])
      DriverErrors.translated { connection { |connection| connection.rows(sql, parameters) } }
    end

    # To be called with the error of a failed write.
    def doubt(error)
      # A new descriptor does not report the old error again.
      close_idle if @checkpoints.doubt(error)
    end

    # Raises {FileReplacedError} where the path leads to another file, or to none: what is written to the open one would be lost. The next use
    # opens what is there then.
    def refuse_replaced
      return if @file.same?

      what = @file.there? ? "replaced by another file" : "removed"
      idle = @lock.synchronize do
        next if @file.same?

        @file.forget
        @generation += 1
        @idle.slice!(0..)
      end
      return if idle.nil?

      idle.each(&:close)
      problem = FileReplacedError.new("#{@path} was #{what} while it was open")
      Log.write(@logger, :error, "file_replaced", problem.message, code: problem.code, error: problem.message)
      @changed.notify
      raise problem
    end

    # As {#refuse_replaced}, also for connections of a file that somebody else has found replaced.
    def refuse_former(generation)
      refuse_replaced
      raise FileReplacedError, "#{@path} was removed or replaced while it was open" if generation != @generation
    end

    # Raises {ClosedError} after {#close}, and {ForkedError} in a child that cannot use what it inherited.
    def refuse_closed
      raise ForkedError, @forked if @forked
      raise ClosedError, CLOSED if @closed
      return if @pid == Process.pid

      raise ForkedError, "this process came out of one that had #{@path} open, by another way than Process.fork outside of a trap"
    end

    # @return [Boolean] whether {#close} was called
    def closed? = @closed

    # @return [String] the write-ahead log that SQLite keeps beside the file
    def log_path = @file.log_path

    # Undoes {#close}.
    def open_again
      return unless @closed

      @closed = false
      @writer = Writer.new(self, @replica.call)
      Forks.prepare(self)
      connection { nil }
    end

    # Commits what is queued and closes the connections. Using it afterwards raises {ClosedError}.
    def close
      return if @closed

      @closed = true
      Forks.forget(self)
      return if @pid != Process.pid || @forked

      @writer.close
      @judge.disconnect
      close_idle
    end

    # In the parent: brings the workers to rest and closes what is open, once nobody uses it. Connections that were given away cannot be: then
    # nobody is kept waiting either.
    #
    # @param moves [Boolean] whether the child is what the parent was: then handlers are waited for as long as they take, since nobody else goes on
    def before_fork(moves)
      give_up_at = Clock.monotonic + @busy_timeout_s + FORK_MARGIN_S
      # First, because handlers may need everything else to come to their end.
      late = @workers.to_a.reject { |worker| worker.rest([0, give_up_at - Clock.monotonic].max) }
      late.each { |worker| wait_for(worker) } if moves
      given = @lock.synchronize { @given.any? }
      @rested = @gate.close(given || @closed ? 0 : @busy_timeout_s + FORK_MARGIN_S) && !given
      return unless @rested

      close_idle
      @writer.disconnect
      @judge.disconnect
    end

    # Goes on.
    def after_fork_in_parent
      @gate.open
      @workers.to_a.each(&:go_on)
    end

    # Begins again without the parent's threads, and refuses where a connection is the parent's: it is kept alive and not closed, because closing
    # the child's copy would touch files that the parent works on.
    #
    # @param moves [Boolean] whether the child is what the parent was, and its workers go on in it
    def after_fork_in_child(moves)
      workers = @workers
      unless @rested
        @kept << [@given, @idle, @writer, @judge]
        what = @given.any? ? "a handler" : "a call that did not end in time"
        @forked ||= "#{what} was using #{@path} when this process was forked"
      end
      start
      workers.each(&:begin_again) if moves && @rested
    end

    private

    def wait_for(worker)
      Log.write(@logger, :warn, "daemon_waits",
                "Process.daemon waits for a handler of worker #{worker.name} to end: the daemon could not use #{@path} otherwise",
                worker: worker.name)
      worker.rest(Float::INFINITY)
    end

    # What is each process's own.
    def start
      @pid = Process.pid
      @lock = Mutex.new
      @opening = Monitor.new
      @is_opening = false
      @idle = []
      @given = []
      @gate = UseGate.new
      @workers = Set.new
      @paces = Paces.new(@clock)
      @changed = ChangeNews.new
      @checkpoints = Checkpoints.new(@busy_timeout_s, @logger)
      @judge = Judge.new(self)
      @writer = Writer.new(self, @replica.call)
    end

    def use_connection
      @gate.use do
        refuse_replaced
        generation, connection = idle_connection
        keep = true
        begin
          yield connection
        rescue StandardError => e
          # One that came up read-only stays so, whatever becomes of the file.
          keep = false if DriverErrors.translate(e).is_a?(ReadOnlyError)
          raise
        ensure
          put_aside(connection, generation, keep)
        end
      end
    end

    def call_once(function, arguments)
      connection do |connection|
        begin
          result = DriverErrors.translated { connection.call(function, *arguments, now) }
        rescue Error => e
          doubt(e)
          raise
        end
        @checkpoints.committed(connection, 1)
        result
      end
    end

    def idle_connection
      generation = found = nil
      @lock.synchronize do
        refuse_closed
        generation = @generation
        found = @idle.pop
      end
      unless found || @file.known?
        open_file
        generation = @generation
        found = @lock.synchronize { @idle.pop }
      end
      [generation, found || open]
    end

    def put_aside(connection, generation, keep)
      kept = @lock.synchronize do
        # One that an error left inside a transaction is nobody else's.
        next false if !keep || @closed || generation != @generation || @idle.size >= KEPT || connection.transaction?

        @idle << connection
      end
      connection.close unless kept
    end

    def close_idle
      @lock.synchronize { @idle.slice!(0..) }.each(&:close)
    end

    def open_connection(database_class)
      generation = @generation
      # A file is made only where there has been none: one that is gone may be on its way back.
      first = @create && generation.zero? && !@file.known?
      connection = Opening.open(@path, synchronous: @synchronous, busy_timeout_s: @busy_timeout_s, extension: @extension, create: first,
                                       database_class: database_class)
      @file.note_log if @file.known?
      connection
    rescue Error
      refuse_former(generation)
      if !first && !@file.there? && (@create || generation.positive?)
        raise FileReplacedError, "#{@path} was removed or replaced while it was open, and there is none now"
      end

      raise
    end

    # Opens the file that is at the path, prepares it, and says so to whoever has declared something in the one before.
    def open_file
      @opening.synchronize do
        return if @file.known? || @is_opening

        @is_opening = true
        begin
          prepare_file
        rescue StandardError
          close_idle
          raise
        ensure
          @is_opening = false
        end
      end
    end

    def prepare_file
      why_not = @file.why_not_yet
      raise FileReplacedError, "#{@path} was removed or replaced while it was open, and #{why_not}" if why_not

      aside = @file.set_leftovers_aside
      Log.write(@logger, :warn, "log_kept", "the log of the replaced file is kept as #{aside}", path: aside.to_s) if aside
      there = @file.identity
      connection = open_connection(SQLite3::Database)
      opened = @file.identity
      raise FileReplacedError, "#{@path} changed while it was opened" if opened.nil? || (there && there != opened)

      DriverErrors.translated { connection.call("knocker_bootstrap", now) }
      # Others wait until everything is declared, so that no request finds its endpoint missing.
      @declare_again.each { |declare| declare.call(connection) }
      @file.note(opened)
      @lock.synchronize { @idle << connection }
      Log.write(@logger, :warn, "file_opened", "#{@path} is another file now, and open", path: @path.to_s) if @generation.positive?
    rescue StandardError
      connection&.close
      raise
    end
  end
end
