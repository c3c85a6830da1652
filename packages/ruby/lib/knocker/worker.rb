# frozen_string_literal: true

require "securerandom"
require "socket"

module Knocker
  # Claims due jobs, runs their handlers in threads, and never sleeps through a new one; made by {Hooks#worker}. Use it once: {#run}, or {#start} and
  # {#stop}, or {#drain}.
  class Worker
    # After an error of the database itself.
    PAUSE_S = 1.0
    # How often the watching thread looks whether it is still wanted.
    WATCH_S = 0.25
    # Retention passes have intervals of their own; this is how often one may turn out to be due.
    RETAIN_S = 60.0
    # A claim that found nothing although something was due: another worker was faster.
    BEATEN_S = 0.005
    # Each has a thread and a connection.
    MOST_THREADS = 1000
    LONGEST_LEASE_S = 86_400
    # How often a lease is extended in its length.
    EXTENSIONS = 3
    SIGNALS = %w[TERM INT].freeze
    private_constant :PAUSE_S, :WATCH_S, :RETAIN_S, :BEATEN_S, :MOST_THREADS, :LONGEST_LEASE_S, :EXTENSIONS, :SIGNALS

    class << self
      # Raises {UsageError} where a setting is none.
      #
      # @api private
      def check(concurrency: 1, poll: 1.0, lease_s: 60, share_commits: true)
        whole("concurrency", concurrency, MOST_THREADS)
        whole("lease_s", lease_s, LONGEST_LEASE_S)
        raise UsageError, "poll must be a number above 0, not #{poll.inspect}" unless poll.is_a?(Numeric) && poll.positive?
        raise UsageError, "share_commits must be true or false, not #{share_commits.inspect}" unless [true, false].include?(share_commits)
      end

      # @return [String] a name that no other worker has
      # @api private
      def name_of_process = "#{Socket.gethostname.dup.force_encoding(Encoding::UTF_8)}:#{Process.pid}:#{SecureRandom.hex(4)}"

      private

      def whole(name, value, most)
        return if value.is_a?(Integer) && value.between?(1, most)

        raise UsageError, "#{name} must be a whole number from 1 to #{most}, not #{value.inspect}"
      end
    end

    # @return [String] the name of its leases
    attr_reader :name

    # @param level [Symbol] at which its start and end are logged
    # @api private
    def initialize(database, endpoints, hooks:, concurrency: 1, poll: 1.0, lease_s: 60, share_commits: true, level: :info)
      Worker.check(concurrency: concurrency, poll: poll, lease_s: lease_s, share_commits: share_commits)
      @name = Worker.name_of_process
      @database = database
      @endpoints = endpoints
      @hooks = hooks
      @concurrency = concurrency
      @poll_s = poll
      @lease_s = lease_s
      @share_commits = share_commits
      @level = level
      prepare
    end

    # @return [Boolean] whether it was started and not stopped
    def running? = !@keeper.nil? && !@stopping.set? && @pid == Process.pid

    # @return [Boolean] whether its threads wait for something to do
    # @api private
    def idle?
      keeper = @keeper
      !keeper.nil? && keeper.nothing_held? && @database.changed.waiting >= @concurrency
    end

    # Starts the threads and returns.
    # @return [self]
    def start
      check_startable
      launch
      self
    end

    # Lets the running handlers finish, gives back the other jobs, and returns when the threads have ended. Called by a handler, it only asks for that
    # and returns at once.
    def stop
      # A fork has left the threads and the connections to the parent.
      return if @pid != Process.pid

      @stopping.set
      @database.changed.notify(watchers: true)
      return if inside? || @draining == Thread.current

      @ending.synchronize { wind_up }
    end

    # For a fork: lets the running handlers finish and closes every connection. To be followed by {#go_on}.
    #
    # @api private
    # @return [Boolean] whether that was done in time
    def rest(patience_s)
      keeper = @keeper
      return true if keeper.nil? || @pid != Process.pid

      @rest.want
      @database.changed.notify(watchers: true)
      # A handler that forks would wait for itself.
      return false if inside? || !@rest.begun?(patience_s)

      keeper.close
      true
    end

    # Ends a rest.
    #
    # @api private
    def go_on = @rest.end

    # Starts the threads in the process that this one has become, after a rest.
    #
    # @api private
    def begin_again
      return if @stopping.set?

      prepare
      launch
    end

    # Works until SIGTERM or SIGINT, or until {#stop} is called in another thread. To be called in the main thread, which gets the signals.
    def run
      check_startable
      # Before the first handler runs, so that a signal never finds one without them.
      before = SIGNALS.to_h { |signal| [signal, trap(signal) { @stopping.signal }] }
      launch
      @stopping.wait
    ensure
      stop
      before&.each { |signal, handler| trap(signal, handler || "DEFAULT") }
    end

    # Handles all that is due now in this thread.
    # @return [Array<Array(Event, Symbol)>] each attempt's event and what became of it
    # @raise [UsageError] where something is due even after `limit` attempts
    def drain(limit: 10_000)
      @database.refuse_closed
      @draining = Thread.current
      done = []
      keeper = LeaseKeeper.new(@database, @name, @lease_s, @endpoints, method(:tell_lost))
      begin
        nil while drain_on_one_connection(keeper, limit, done)
      ensure
        release(keeper)
        keeper.close
      end
      done
    end

    private

    # Whether this is one of the worker's own threads.
    def inside? = Thread.current.thread_variable_get(:knocker_worker).equal?(self)

    def goes_on? = !@stopping.set? && !@rest.wanted?

    def check_startable
      @database.refuse_closed
      raise UsageError, "a worker runs once; make another one" if @keeper || @stopping.set?
      return unless @endpoints.each_value.all? { |endpoint| endpoint.handlers.empty? }

      raise UsageError, "there are no handlers: require the file that registers them before the worker starts"
    end

    # What is each process's own.
    def prepare
      @pid = Process.pid
      @stopping = Stopping.new
      @rest = Rest.new
      @giving_way = GivingWay.new(@database.paces, wait: ->(seconds) { @stopping.wait_for(seconds) })
      @ending = Mutex.new
      @keeper = nil
      @runners = []
      @helpers = []
    end

    def launch
      @keeper = keeper = LeaseKeeper.new(@database, @name, @lease_s, @endpoints, method(:tell_lost))
      @database.workers.add(self)
      # Before anything that a worker does is told of.
      log(@level, "worker_started", "worker #{@name} started, concurrency #{@concurrency}", concurrency: @concurrency)
      @concurrency.times { |n| start_thread(@runners, "handler-#{n}") { @rest.work { handle(keeper) } } }
      start_thread(@helpers, "watch") { @rest.work { watch } }
      start_thread(@helpers, "leases") { keep(keeper) }
    end

    def wind_up
      join_all(@runners)
      keeper = @keeper
      @keeper = nil
      return if keeper.nil?

      begin
        released = release(keeper)
        log(@level, "worker_stopped", "worker #{@name} stopped, #{released} jobs given back", released: released)
      ensure
        join_all(@helpers)
        keeper.close
        @database.workers.delete(self)
      end
    end

    def release(keeper)
      keeper.release
    rescue Error => e
      # Nothing is lost: they run out, and another worker takes them.
      log(:warn, "leases_kept", "leases not given back, they run out: #{e.message}", code: e.code, error: e.message)
      0
    end

    # @return [Boolean] whether there may be more to do, on another connection
    def drain_on_one_connection(keeper, limit, done)
      spent = false
      with_attempts(keeper) do |attempts|
        # A handler that closes the hooks ends the drain after it.
        until spent || @stopping.set?
          job = attempts.uncommitted? ? keeper.next_ready(0) { nil } : keeper.take(0) { nil }
          return false if job.nil? && !attempts.uncommitted?

          over = job && done.size + attempts.size >= limit
          ended = attempted(keeper, attempts, over ? nil : job)
          done.concat(ended.map { |one| [one.job.event, one.status] })
          raise UsageError, "more is due after #{limit} attempts: do handlers keep making work for themselves?" if over

          spent = spent?(attempts, ended)
        end
        # Attempts that came after what went wrong may wait for their commit.
        done.concat(attempted(keeper, attempts, nil).map { |one| [one.job.event, one.status] })
      end
      spent
    end

    # Runs the job, or commits what was run before it where there is none.
    # @return [Array<SharedAttempts::Ended>] what has ended by that
    def attempted(keeper, attempts, job)
      through = false
      job ? attempts.run(job, more: keeper.ready?) : attempts.commit
      attempts.commit(claim: goes_on?) unless keeper.ready?
      through = true
      finished(keeper, attempts).tap { keeper.tell_lost }
    ensure
      give_up(keeper, attempts) unless through
    end

    def finished(keeper, attempts)
      attempts.take_ended.each { |one| keeper.finished(one.job, one.took_ms / 1000, written: one.status != :unwritten) }
    end

    # After what has gone past everything.
    def give_up(keeper, attempts)
      attempts.abandon
      finished(keeper, attempts)
      attempts.jobs.each { |lost| keeper.finished(lost, 0.0, written: false) }
    end

    # @return [Boolean] whether there is to be another connection: this one may be what is broken
    def spent?(attempts, ended) = attempts.needs_another_connection? || ended.any? { |one| one.status == :unwritten }

    # Starts a thread of the list. One that is killed, as by a handler, has another one in its place.
    def start_thread(list, name, &part)
      list << Thread.new do
        Thread.current.name = "knocker-#{name}"
        Thread.current.thread_variable_set(:knocker_worker, self)
        ended = false
        guard(&part)
        ended = true
      ensure
        start_thread(list, name, &part) unless ended || @stopping.set?
      end
    end

    # Waits for all of the list, also for those that come meanwhile.
    def join_all(list)
      while (alive = list.find(&:alive?))
        alive.join
      end
    end

    # Runs a thread's part again after whatever ended it, until the worker stops.
    def guard
      until @stopping.set?
        begin
          yield
        rescue ClosedError
          # A handler has closed the hooks, and its worker with them.
          return
        rescue FileReplacedError
          # It is logged once, where it was noticed; the next round is on the file that is there then.
          @stopping.wait_for(BEATEN_S)
        rescue Exception => e # rubocop:disable Lint/RescueException -- whatever it is, who is waited for must go on
          tell_trouble(DriverErrors.translate(e) || e)
          @stopping.wait_for(PAUSE_S)
        end
      end
    end

    def tell_trouble(error)
      # A handler, here or elsewhere, that writes for long.
      if error.is_a?(BusyError)
        return log(:warn, "database_busy", "the database is busy, trying again: #{error.message}", code: error.code, error: error.message)
      end

      # Of the file or its disk: where this code was says nothing.
      place = error.is_a?(Error) ? "" : " at #{error.backtrace&.first}"
      text = Decision.text(error)
      log(:error, "worker_failed", "worker thread failed, starting it again: #{Refusals.line(text)}#{place}",
          code: error.is_a?(Error) ? error.code : nil, error: text)
    end

    def log(level, record, text, **facts) = Log.write(@database.logger, level, record, text, worker: @name, **facts)

    # A connection for handlers, and what runs them on it.
    def with_attempts(keeper)
      connection = @database.connect(database_class: HandlerDatabase)
      results = Results.new(connection, @database)
      transaction = HandlerTransaction.new(connection, @database, keeper.commits)
      leases = Leases.new(@name, results)
      renew_after_ms = @lease_s * 1000 / EXTENSIONS
      runner = AttemptRunner.new(transaction, leases, @endpoints, @database, @hooks, renew: -> { keeper.renew(connection) },
                                                                                     renew_after_ms: renew_after_ms)
      shared = SharedCommit.new(transaction, leases, results, @database, keeper, renew_after_ms: renew_after_ms)
      yield(attempts = SharedAttempts.new(runner, transaction, shared, @database, share: @share_commits))
    ensure
      attempts&.close
      transaction&.roll_back
      @database.give_back(connection) if connection
    end

    def tell_lost(event, lost)
      report = AttemptReport.new(event, @hooks, @database.logger)
      report.failed(LeaseLostError.new(lost.error), "its worker died or let go of it")
      report.dead(lost.error) if lost.dead
    end

    def handle(keeper)
      generation = @database.generation
      with_attempts(keeper) do |attempts|
        others = OthersWatch.new(keeper.commits, version: attempts.method(:version), here: attempts.method(:commits))
        while goes_on?
          @database.refuse_former(generation) unless attempts.uncommitted?
          # The connection may be what is broken; the next round has another one. Attempts that came after that may wait for their commit.
          break unless work_once(keeper, attempts, others)
        end
        attempted(keeper, attempts, nil)
      end
    end

    # @return [Boolean] whether the connection is still good
    def work_once(keeper, attempts, others)
      changed = @database.changed
      # Looked at before the database is: a receipt that comes in between is not slept through.
      seen = changed.changes
      # And the end or a rest after that, which is a change as well: what came before would be slept through.
      return true unless goes_on?

      job = next_job(keeper, attempts, others)
      if job.nil? && !attempts.uncommitted?
        due_s = keeper.due_ms.nil? ? @poll_s : [keeper.due_ms / 1000.0, BEATEN_S].max
        changed.wait(seen, [@poll_s, due_s].min)
        return true
      end
      ended = attempted(keeper, attempts, job)
      return false if spent?(attempts, ended)

      # With others' writes open it would be nobody's turn.
      @giving_way.after(attempts.take_held_ms, others) unless attempts.uncommitted?
      true
    end

    def next_job(keeper, attempts, others)
      changed = @database.changed
      return keeper.next_ready(changed.waiting) { changed.notify } if attempts.uncommitted?

      take = -> { keeper.take(changed.waiting) { changed.notify } }
      # Where a job is claimed already, nothing is committed by taking it.
      keeper.ready? ? take.call : @giving_way.beside(others, &take)
    end

    def watch
      changed = @database.changed
      generation = @database.generation
      connection = @database.connect
      watch = FileWatch.new(connection, @database.log_path)
      ends = -> { !goes_on? }
      # What was committed between the last claim and the first look is no change to this watch.
      changed.notify
      while goes_on?
        @database.refuse_former(generation)
        # A worker whose threads are all busy has no use for news.
        changed.notify if changed.wait_for_waiting(WATCH_S, &ends) && watch.wait(WATCH_S, &ends)
      end
    ensure
      watch&.close
      @database.give_back(connection) if connection
    end

    # Extends the leases several times in their length, and runs retention passes.
    def keep(keeper)
      next_pass = Clock.monotonic + RETAIN_S
      pause_s = @lease_s.fdiv(EXTENSIONS)
      until @stopping.wait_for(pause_s)
        pause_s = @rest.work { extend(keeper) }
        next if Clock.monotonic < next_pass

        keeper.commits.during { @database.call("knocker_retain") }
        next_pass = Clock.monotonic + RETAIN_S
      end
    end

    def extend(keeper)
      keeper.extend
      @lease_s.fdiv(EXTENSIONS)
    rescue BusyError => e
      log(:warn, "leases_not_extended", "leases not extended, trying again: #{e.message}", code: e.code, error: e.message)
      [@lease_s.fdiv(EXTENSIONS), PAUSE_S].min
    end
  end
end
