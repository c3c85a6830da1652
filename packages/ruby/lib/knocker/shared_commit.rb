# frozen_string_literal: true

require "monitor"

module Knocker
  # One transaction for the attempts of several events on one connection: each in a savepoint, with its verdict, and one commit for all.
  #
  # What one handler raises takes back its own writes alone. Nobody sees an event's writes or its verdict before the commit, and nothing is told of it.
  # Where the whole transaction is lost, by a failing commit or by a handler that ends it, none of them counts as run.
  #
  # The transaction is begun by the first handler that uses `tx`. Attempts that ended before that wait with their verdicts; they hold no lock. One
  # thread runs the handlers; another one may commit early, see {Impatience}.
  # @api private
  class SharedCommit
    # So many events share a commit at most.
    MOST_EVENTS = 64
    # For so long the transaction stays open, and no handler is begun in it that lately took longer than what is left of that.
    MOST_MS = 20.0
    ATTEMPT = "SELECT result FROM knocker_attempts WHERE event_id = ? AND attempt = ? ORDER BY id DESC LIMIT 1"
    TAKE = "SAVEPOINT #{HandlerSql::SAVEPOINT}".freeze
    TAKE_BACK = "ROLLBACK TO #{HandlerSql::SAVEPOINT}".freeze
    RELEASE = "RELEASE #{HandlerSql::SAVEPOINT}".freeze
    private_constant :ATTEMPT, :TAKE, :TAKE_BACK, :RELEASE

    # @param transaction [HandlerTransaction]
    # @param leases [Leases] over the results
    # @param results [Results] over the same connection
    # @param keeper [LeaseKeeper]
    # @param renew_after_ms [Numeric] after so long with the write lock the worker's leases are extended: meanwhile nobody else could
    def initialize(transaction, leases, results, database, keeper, renew_after_ms:)
      @transaction = transaction
      @connection = transaction.connection
      @leases = leases
      @results = results
      @database = database
      @keeper = keeper
      @renew_after_ms = renew_after_ms
      @lock = Monitor.new
      @members = []
      @held_ms = 0.0
      @to_be_noted = 0
      @open = false
    end

    # @return [Impatience] who is to know when something begins to wait for the commit
    attr_writer :impatience

    # @return [Boolean] whether no attempt waits for the commit, or to be told of it
    def empty? = @members.empty?

    # @return [Integer] how many do
    def size = @members.size

    # @return [Array<Job>] their jobs
    def jobs = @members.map(&:job)

    # @return [Boolean] whether the transaction is open
    def holds_lock? = @open

    # @return [Float] for how long commits have held the write lock since the last call
    def take_held_ms = @lock.synchronize { @held_ms.tap { @held_ms = 0.0 } }

    # Whether a handler of that pace may be begun in it: nobody is to wait for the lock because of one that is slow, or that does something else first.
    def room_for?(pace)
      return true if empty?
      return false if @members.size >= MOST_EVENTS || (@open && !pace.uses_tx?)

      age_ms + pace.expected_ms <= MOST_MS
    end

    # @return [Boolean] whether it is to be committed, whatever comes next
    def full? = @members.size >= MOST_EVENTS || age_ms >= MOST_MS

    # Nobody else uses the connection meanwhile, and no interrupt comes in between.
    def exclusively
      # rubocop:disable Style/ExplicitBlockArgument -- a block that is passed on from a block is made an object each time
      @lock.synchronize { @connection.uninterrupted { yield } }
      # rubocop:enable Style/ExplicitBlockArgument
    end

    # Arms `tx` for the handlers of one more attempt.
    # @return [MemberTransaction]
    def start
      exclusively { @current = @transaction.arm(MemberTransaction.new(@connection, @database.path, @database.paces, self)) }
    end

    # Nothing of that attempt uses the connection from here on.
    def disarm = exclusively { @transaction.disarm }

    # At the first use of `tx`, inside {#exclusively}: begins the transaction if need be, and a savepoint in it.
    def enter
      unless @open
        begin_now
        begin
          write_waiting
        rescue StandardError => e
          # It is not this handler's error.
          roll_back
          undo(e)
          begin_now
        end
      end
      @connection.exec(TAKE)
    end

    # The handlers of the attempt that was started have ended. Raises what keeps its verdict from being written: then {#drop} it.
    #
    # @param attempt [MemberTransaction, nil] nil where there were no handlers
    def add(member, attempt)
      exclusively do
        if attempt&.begun? then write_in_savepoint(member)
        elsif @open then write(member)
        end
        @current = nil
        @members << member
        note_since
      end
    end

    # The attempt is none of this transaction: what it wrote is taken back.
    def drop(attempt)
      exclusively do
        @current = nil
        take_back if attempt&.begun?
      end
    end

    # As {#drop}, for the one that runs where its thread comes to its end.
    def abandon
      return if @current.nil?

      disarm
      drop(@current)
    end

    # Commits, and returns every attempt since the last call: committed, or undone.
    #
    # @param claim [Boolean] whether the next jobs are claimed by the same commit
    # @return [Array<Member>]
    def commit(claim: false)
      exclusively do
        settle(claim: claim)
        note_commits
        @since_ms = nil
        @members.slice!(0..)
      end
    end

    # Commits what is there while a handler runs that has not used `tx`. They are told of when it has ended.
    def commit_early
      exclusively { settle unless @current&.begun? }
    end

    # Without the lock, for another thread.
    # @return [Float, nil] for how long what waits for the commit may go on waiting; nil where nothing waits
    def left_ms
      since_ms = @since_ms
      since_ms && (MOST_MS - (@database.paces.now_ms - since_ms))
    end

    # For another thread: as {#commit_early} where something has waited for too long. Looked at without the lock first: who waits for it is woken each
    # time that the thread of the handlers has used it.
    def commit_overdue
      exclusively { settle if overdue? && (@open || begin_at_once) } if overdue?
    end

    # Gives everything up that is not committed.
    def close = exclusively { roll_back }

    private

    def age_ms = @since_ms.nil? ? 0.0 : @database.paces.now_ms - @since_ms

    # Whether something has waited for too long, beside a handler that has not used `tx`.
    def overdue?
      left_ms = self.left_ms
      current = @current
      !left_ms.nil? && !left_ms.positive? && !current.nil? && !current.begun?
    end

    # Something waits for a commit, from here on.
    def note_since
      @since_ms ||= @database.paces.now_ms
      @impatience.wake
    end

    def begin_now
      @connection.exec("BEGIN IMMEDIATE")
      opened
    end

    # Where the lock is free. Beside a handler that runs nobody waits for it inside SQLite: whoever used the connection would wait as well, with the
    # interpreter's lock.
    def begin_at_once
      return false if @members.none?(&:pending?)

      @connection.patience_s = 0
      begin_now
      true
    rescue SQLite3::Exception
      false
    ensure
      @connection.patience_s = @database.busy_timeout_s
    end

    def opened
      @open = true
      @begun_at_ms = @database.paces.now_ms
      note_since
    end

    # With writes the verdict is written inside the savepoint: a lease that is lost takes back this event's alone.
    def write_in_savepoint(member)
      take_back unless member.writes?
      write(member) if @open
      return unless member.writes?

      member.status == :lease_lost ? take_back : @connection.exec(RELEASE)
    end

    # Takes back what was written since the savepoint, or everything where that is not possible.
    def take_back
      return find_out unless @connection.transaction?

      begin
        @connection.exec(TAKE_BACK)
        @connection.exec(RELEASE)
      rescue SQLite3::Exception => e
        text = Decision.text(e)
        Log.write(@database.logger, :warn, "commit_undone",
                  "a handler has ended its savepoint, and the events that shared its transaction run again: #{Refusals.line(text)}", error: text)
        roll_back
        find_out
      end
    end

    def write(member)
      member.status = @results.at(member.ended_at) { DriverErrors.translated { member.verdict.call(@leases) } }
      member.state = :written
    rescue LeaseLostError => e
      member.status = :lease_lost
      member.problem = e
      member.state = :written
    rescue Error => e
      @database.doubt(e)
      raise
    end

    def write_waiting = @members.each { |member| write(member) if member.waiting? }

    def settle(claim: false)
      find_out if @open && !@connection.transaction?
      pending = @members.select(&:pending?)
      return if pending.empty? && !@open

      begin
        DriverErrors.translated { finish(pending, claim) }
      rescue StandardError => e
        roll_back
        @database.doubt(e) if e.is_a?(Error)
        undo(e)
      end
    end

    def finish(pending, claim)
      unless @open
        @transaction.begin_patiently
        opened
      end
      write_waiting
      @keeper.settling(pending.map { |member| member.job.id }) do
        @keeper.renew(@connection) if @database.paces.now_ms - @begun_at_ms > @renew_after_ms
        @results.require_current
        claim ? @keeper.claim_with(@connection, @leases) { commit_now(pending) } : commit_now(pending)
      end
    end

    def commit_now(pending)
      @transaction.commit
      @open = false
      @held_ms += @database.paces.now_ms - @begun_at_ms
      pending.each { |member| member.state = :committed }
      @to_be_noted += pending.size
    end

    # Not beside a handler: a checkpoint may wait for readers.
    def note_commits
      return if @to_be_noted.zero?

      committed = @to_be_noted
      @to_be_noted = 0
      @database.checkpoints.committed(@connection, committed)
    end

    def roll_back
      @open = false
      @connection.roll_back
    end

    def undo(problem)
      @members.each do |member|
        next unless member.pending?

        member.state = :undone
        member.problem = problem
      end
    end

    # A handler has ended the transaction, or SQLite has, as on a full disk: the file says whether it was committed.
    def find_out
      @open = false
      @members.each { |member| member.state = in_file?(member) ? :committed : :undone if member.written? }
    end

    # Where nobody can tell it runs again, and its verdict is refused if it has one already.
    def in_file?(member)
      return true if member.status == :lease_lost

      job = member.job
      leased = @connection.value("SELECT 1 FROM knocker_jobs WHERE job_id = ? AND worker = ?", [job.id, job.worker])
      leased.nil? && @connection.value(ATTEMPT, [job.event.id, job.event.attempt]) == member.status.to_s
    rescue SQLite3::Exception
      false
    end
  end
end
