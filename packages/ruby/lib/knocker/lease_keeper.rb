# frozen_string_literal: true

require "set"

module Knocker
  # The jobs that one worker holds: claimed a few at a time, handed to its threads, kept leased, and given back at the end. Thread-safe.
  #
  # Its connections commit as receipts do: a commit that is not synced lies in front of synced ones, and they are lost with its pages.
  class LeaseKeeper
    # How much work is claimed ahead: enough to share a commit among quick handlers, too little to keep jobs from other processes.
    AHEAD_S = 0.05
    MOST_AHEAD = 32
    # An extension that was on its way when a job was given up.
    MARGIN_S = 1.0
    private_constant :AHEAD_S, :MOST_AHEAD, :MARGIN_S

    # @return [Integer, nil] milliseconds until the next job, as of the last {#take} that found none; nil where nothing waits
    attr_reader :due_ms

    # @param tell_lost [#call] called with the event and each attempt of a worker that died or let go of it, once its claim has recorded it
    def initialize(database, worker, lease_s, endpoints, tell_lost)
      @database = database
      @worker = worker
      @lease_s = lease_s
      @endpoints = endpoints
      @tell_lost = tell_lost
      # One connection to claim and one to extend, so that neither waits while the other waits for the write lock.
      @claiming = WorkerConnection.new(database, worker)
      @extending = WorkerConnection.new(database, worker)
      @generation = database.generation
      @lock = Mutex.new
      @ready = []
      @held = Set.new
      @lost = Set.new
      @given_up = {}
      @renewed_at_ms = database.current_ms
      @usual_s = 1.0
    end

    # The next job, or nil where none is due. `idle` others wait too; the block is called where there is work for them.
    # @return [Job, nil]
    def take(idle)
      forget if @generation != @database.generation
      lost = []
      job = following || @claiming.use do |connection|
        following || begin
          lost = claim(connection, 1 + idle)
          following
        end
      end
      yield if idle.positive? && @ready.any?
      # Whoever is told may take his time, and use the file.
      lost.each { |event, attempt| @tell_lost.call(event, attempt) }
      job
    end

    # The handlers are through with the job, after that many seconds. Where its result could not be `written`, it is not taken again before its lease
    # has run out and counts as an attempt.
    def finished(job, took_s, written: true)
      @lock.synchronize do
        @held.delete(job.id)
        @lost.delete(job.id)
        @given_up[job.id] = [job.event.attempt, Clock.monotonic + @lease_s + MARGIN_S] unless written
        @usual_s = [0.0005, (0.8 * @usual_s) + (0.2 * took_s)].max
      end
    end

    # Extends every lease held, in one transaction.
    def extend
      return if @held.empty?

      @extending.use do |connection|
        connection.transaction { renew(connection) }
        @extending.committed(1)
      end
    end

    # Extends every lease held over a connection that has the write lock.
    #
    # One that has run out is extended too, as long as nobody has taken the job, and nobody can before the commit. So a handler that keeps the lock for
    # longer than its lease loses none of the threads beside it theirs. What another worker or an operator has taken stays lost: its result will be
    # refused.
    def renew(connection)
      held = @lock.synchronize do
        @renewed_at_ms = @database.current_ms
        @held.sort
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
          @ready.clear
          @held.clear
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
        [@ready, @held, @lost, @given_up].each(&:clear)
      end
    end

    # Claims what is due, and returns the attempts that turned out to be lost, with their events.
    def claim(connection, wanted)
      names = @endpoints.values.reject { |endpoint| endpoint.handlers.empty? }.map(&:name)
      # A look takes no lock; a claim would wait for whoever writes, for nothing.
      @due_ms = names.empty? ? nil : @claiming.leases.next_due_ms(endpoints: names)
      return [] unless @due_ms&.zero?

      @database.checkpoints.require_sound(connection)
      claimed, lost = connection.transaction { claim_due(connection, wanted, names) }
      make_ready if claimed.positive?
      @claiming.committed(claimed + lost.size) if claimed.positive? || lost.any?
      lost.map { |attempt| [LostAttempts.event(connection, attempt), attempt] }.select(&:first)
    end

    # In one transaction, so that what another worker's claim records is not told here as well.
    def claim_due(connection, wanted, names)
      if @held.any? && @database.current_ms - @renewed_at_ms > @lease_s * 1000
        # Nothing of this process ran for that long, on a machine that slept, say: these are no jobs of a dead worker.
        renew(connection)
      end
      last = LostAttempts.last(connection)
      ahead = [MOST_AHEAD, (AHEAD_S / @usual_s * wanted).to_i].min
      claimed = @claiming.leases.claim(wanted + ahead, @lease_s, endpoints: names)
      [claimed, LostAttempts.since(connection, last)]
    end

    def make_ready
      jobs = @claiming.leases.jobs(without: @lock.synchronize { @held.to_a })
      @lock.synchronize do
        jobs.reject! { |job| given_up?(job) }
        @ready.concat(jobs)
        @held.merge(jobs.map(&:id))
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
      news = @lock.synchronize { job_ids.select { |id| @held.include?(id) && @lost.add?(id) } }
      news.each do |id|
        Log.write(@database.logger, :warn, "lease_lost", "the lease of job #{id} is lost: another worker or an operator has taken it",
                  worker: @worker, job_id: id)
      end
    end
  end
end
