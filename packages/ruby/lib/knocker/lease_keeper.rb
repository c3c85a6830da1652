# frozen_string_literal: true

require "set"

module Knocker
  # The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end. Thread-safe.
  #
  # Its connections commit as receipts do: a commit that is not synced lies in front of synced ones, and they are lost with its pages.
  class LeaseKeeper
    # How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes. Never
    # more than share a commit, whose end claims again.
    AHEAD_S = 0.05
    # A claim takes so many times what the last one has found: a worker that has just begun knows little of how long its handlers take.
    GROWTH = 2
    # An extension that was on its way when a job was given up.
    MARGIN_S = 1.0
    private_constant :AHEAD_S, :GROWTH, :MARGIN_S

    # @return [Integer, nil] milliseconds until the next job, as of the last {#take} that found none; nil where nothing waits
    attr_reader :due_ms
    # @return [OwnCommits] those of the worker
    attr_reader :commits

    # @param tell_lost [#call] called with the event and each attempt of a worker that died or let go of it, once its claim has recorded it
    def initialize(database, worker, lease_s, endpoints, tell_lost)
      @database = database
      @worker = -worker
      @lease_s = lease_s
      @endpoints = endpoints
      @tell_lost = tell_lost
      # One connection to claim and one to extend, so that neither waits while the other waits for the write lock.
      @claiming = WorkerConnection.new(database, worker)
      # Who works for a moment extends nothing.
      @extending = WorkerConnection.new(database, worker, later: true)
      @commits = OwnCommits.new
      @generation = database.generation
      @lock = Mutex.new
      @ready = []
      # The attempt of each job: the commit of its verdict may claim the next one, which is due at once.
      @held = {}
      @settled = Set.new
      @lost = Set.new
      @given_up = {}
      @untold = []
      @renewed_at_ms = database.current_ms
      @last_claimed = 0
    end

    # The next job, or nil where none is due. `idle` others wait too; the block is called where there is work for them.
    # @return [Job, nil]
    def take(idle)
      forget if @generation != @database.generation
      job = following || @claiming.use do |connection|
        following || begin
          claim(connection, 1 + idle)
          following
        end
      end
      yield if idle.positive? && @ready.any?
      tell_lost
      job
    end

    # As {#take}, of what is claimed already.
    # @return [Job, nil]
    def next_ready(idle)
      job = following
      yield if idle.positive? && @ready.any?
      job
    end

    # @return [Boolean] whether no job is claimed, or run
    def nothing_held? = @held.empty?

    # @return [Boolean] whether there is more that is claimed already
    def ready? = @ready.any?

    # Claims what comes next in a transaction of that connection, which the block commits: that saves a commit of its own. Nothing is claimed where
    # jobs are ready, or where somebody else is claiming.
    #
    # @param leases [Leases] over the connection
    def claim_with(connection, leases, &)
      names = handled_endpoints
      return yield if @ready.any? || names.empty? || @database.checkpoints.trouble? || !@claiming.try_lock

      begin
        claim_and_commit(connection, leases, names, &)
      ensure
        @claiming.unlock
      end
    end

    # Tells of the attempts that claims have found lost. Whoever is told may take his time, and use the file.
    def tell_lost
      return if @untold.empty?

      lost = @lock.synchronize { @untold.slice!(0..) }
      told = @claiming.use { |connection| lost.map { |attempt| [LostAttempts.event(connection, attempt), attempt] } }
      told.each { |event, attempt| @tell_lost.call(event, attempt) if event }
    rescue DatabaseError
      @lock.synchronize { @untold.unshift(*lost) }
    end

    # Around the commit of verdicts: nobody extends the leases of those jobs from then on, unless it fails. They are not handed out again either, until
    # they are {#finished}.
    def settling(job_ids)
      @lock.synchronize { @settled.merge(job_ids) }
      yield
    rescue Exception # rubocop:disable Lint/RescueException -- whatever it is, they have no verdict
      @lock.synchronize { @settled.subtract(job_ids) }
      raise
    end

    # The handlers are through with the job, after that many seconds. Where its result could not be `written`, it is not taken again before its lease
    # has run out and counts as an attempt.
    def finished(job, took_s, written: true)
      @lock.synchronize do
        [@held, @settled, @lost].each { |ids| ids.delete(job.id) } if @held[job.id] == job.event.attempt
        @given_up[job.id] = [job.event.attempt, Clock.monotonic + @lease_s + MARGIN_S] unless written
        @usual_s = [0.0005, @usual_s.nil? ? took_s : (0.8 * @usual_s) + (0.2 * took_s)].max
      end
    end

    # Extends every lease held, in one transaction.
    def extend
      return if @held.empty?

      @extending.use do |connection|
        @commits.during { connection.transaction { renew(connection) } }
        @extending.committed(1)
      end
    end

    # Extends every lease held over a connection that has the write lock, but those of jobs with a verdict.
    #
    # One that has run out is extended too, as long as nobody has taken the job, and nobody can before the commit. So a handler that keeps the lock for
    # longer than its lease loses none of the threads beside it theirs. What another worker or an operator has taken stays lost: its result will be
    # refused.
    def renew(connection)
      held = @lock.synchronize do
        @renewed_at_ms = @database.current_ms
        (@held.keys - @settled.to_a).sort
      end
      lost = held.reject do |job_id|
        connection.call("knocker_extend", job_id, @worker, @lease_s, @database.now)
      rescue SQLite3::Exception => e
        raise unless DriverErrors.translate(e).is_a?(LeaseLostError)
      end
      note_lost(lost)
    end

    # Gives back what was not started. Nothing may be running any more.
    # @return [Integer] how many
    def release
      @claiming.use do
        @lock.synchronize do
          [@ready, @held, @settled].each(&:clear)
        end
        @claiming.leases.release
      end
    end

    # Closes the connections.
    def close
      @claiming.close
      @extending.close
    end

    private

    def following = @lock.synchronize { @ready.shift }

    # The jobs were of a file that is gone, and so are their leases.
    def forget
      @lock.synchronize do
        @generation = @database.generation
        [@ready, @held, @settled, @lost, @given_up].each(&:clear)
      end
    end

    def handled_endpoints = @endpoints.values.reject { |endpoint| endpoint.handlers.empty? }.map(&:name)

    # Claims what is due.
    def claim(connection, needed)
      names = handled_endpoints
      # A look takes no lock; a claim would wait for whoever writes, for nothing.
      @due_ms = names.empty? ? nil : @claiming.leases.next_due_ms(endpoints: names)
      return unless @due_ms&.zero?

      @database.checkpoints.require_sound(connection)
      claimed, lost = @commits.during { connection.transaction { claim_due(connection, @claiming.leases, names, needed) } }
      @lock.synchronize { @untold.concat(lost) }
      make_ready(claimed_jobs(@claiming.leases)) if claimed.positive?
      @claiming.committed(claimed + lost.size) if claimed.positive? || lost.any?
    end

    def claim_and_commit(connection, leases, names)
      return yield unless leases.next_due_ms(endpoints: names)&.zero?

      claimed, lost = claim_due(connection, leases, names, 1)
      jobs = claimed.positive? ? claimed_jobs(leases) : []
      yield
      # Not before: a handler that ends its process is to have begun an attempt that counts.
      make_ready(jobs)
      @lock.synchronize { @untold.concat(lost) }
    end

    # In one transaction, so that what another worker's claim records is not told here as well.
    def claim_due(connection, leases, names, needed)
      if @held.any? && @database.current_ms - @renewed_at_ms > @lease_s * 1000
        # Nothing of this process ran for that long, on a machine that slept, say: these are no jobs of a dead worker.
        renew(connection)
      end
      last = LostAttempts.last(connection)
      claimed = @last_claimed = leases.claim(wanted(needed), @lease_s, endpoints: names)
      [claimed, LostAttempts.since(connection, last)]
    end

    # How many to claim where so many are needed at once.
    def wanted(needed)
      return needed if @usual_s.nil?

      ahead = (AHEAD_S / @usual_s * needed).to_i
      [needed, [needed + ahead, GROWTH * @last_claimed, SharedCommit::MOST_EVENTS].min].max
    end

    # Those whose very attempt is not held. What is held is looked at before they are read: whoever commits a verdict beside it may be through with
    # that before they are handed out.
    def claimed_jobs(leases)
      held = @lock.synchronize { @held.dup }
      leases.jobs.reject { |job| held[job.id] == job.event.attempt }
    end

    # Hands them out.
    def make_ready(jobs)
      @lock.synchronize do
        jobs.reject! { |job| given_up?(job) }
        @ready.concat(jobs)
        jobs.each do |job|
          @held[job.id] = job.event.attempt
          [@settled, @lost].each { |ids| ids.delete(job.id) }
        end
      end
    end

    # Whether this is the very attempt whose result could not be written, and not the one after its lease has run out.
    def given_up?(job)
      attempt, till = @given_up[job.id]
      return true if attempt == job.event.attempt && Clock.monotonic < till

      @given_up.delete(job.id)
      false
    end

    def note_lost(job_ids)
      # One that was finished meanwhile is not lost.
      news = @lock.synchronize { job_ids.select { |id| @held.include?(id) && !@settled.include?(id) && @lost.add?(id) } }
      news.each do |id|
        Log.write(@database.logger, :warn, "lease_lost", "the lease of job #{id} is lost: another worker or an operator has taken it",
                  worker: @worker, job_id: id)
      end
    end
  end
end
