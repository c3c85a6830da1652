# frozen_string_literal: true

module Knocker
  # The attempts of one connection: one after the other, alone or in one commit where they may be. Nothing is told of those before their commit.
  # @api private
  class SharedAttempts
    # An attempt, what became of it, and how long its handlers took.
    Ended = Struct.new(:job, :status, :took_ms)

    # What a span says of handlers whose writes were lost with the shared transaction: they run again, alone.
    REPEATED = :repeated
    # Nobody could write it now.
    HOPELESS = [BusyError, FileReplacedError, ClosedError].freeze
    # Of events that no handler wants.
    NOTHING = Pace.new(0.0, 0)
    private_constant :REPEATED, :HOPELESS, :NOTHING

    # @param runner [AttemptRunner]
    # @param transaction [HandlerTransaction]
    # @param shared [SharedCommit]
    # @param share [Boolean] whether several attempts may have one commit
    def initialize(runner, transaction, shared, database, share:)
      @runner = runner
      @transaction = transaction
      @shared = shared
      @impatience = Impatience.new(shared, database.logger)
      @database = database
      @paces = database.paces
      @share = share
      @settled = []
      @ended = []
    end

    # @return [Boolean] whether attempts wait for the commit
    def uncommitted? = !@shared.empty?

    # @return [Array<Job>] those of attempts that have not ended for good
    def jobs = [@running, @finishing, *@settled.map(&:job), *@shared.jobs].compact

    # @return [Integer] how many attempts wait for the commit
    def size = @shared.size

    # @return [Float] for how long the write lock has been held by what was committed since the last call
    def take_held_ms = @shared.take_held_ms + @transaction.take_held_ms

    # @return [Integer] how many commits were made on this connection
    def commits = @transaction.commits

    # @return [Integer] another one where another connection has committed something
    def version = @transaction.connection.value("PRAGMA data_version")

    # @return [Boolean] whether handlers have left something on this connection
    def needs_another_connection? = @runner.needs_another_connection?

    # @return [Array<Ended>] the attempts that have ended for good since the last call
    def take_ended = @ended.slice!(0..)

    # Handles the job, or begins to: it may end with a later commit.
    #
    # @param more [Boolean] whether further jobs are at hand
    def run(job, more:)
      @running = job
      @more = more
      handlers = @runner.handlers_of(job.event)
      pace = handlers.empty? ? NOTHING : @paces.of(job.event)
      shares = shares?(job, handlers, pace)
      commit unless shares && @shared.room_for?(pace)
      return alone(job) unless shares && (more || uncommitted?)

      # Two are to share: from here on one may keep the other waiting.
      @impatience.start if uncommitted?
      handlers.empty? ? unwanted(job) : together(job, handlers)
    end

    # Commits what waits for it. Attempts whose writes are lost with the transaction run again, alone.
    #
    # @param claim [Boolean] whether the next jobs are claimed by the same commit
    def commit(claim: false)
      return if @shared.empty? && !@shared.holds_lock? && @settled.empty?

      @settled.concat(@shared.commit(claim: claim && !@transaction.altered?))
      while (member = @settled.shift)
        @finishing = member.job
        finish(member)
        @finishing = nil
      end
    end

    # Where a handler has ended its thread, or a signal the process: what others have done stays.
    def abandon
      @shared.abandon
      commit
    rescue StandardError => e
      text = Decision.text(e)
      Log.write(@database.logger, :error, "worker_failed", "attempts are given up: #{Refusals.line(text)}",
                code: e.is_a?(Error) ? e.code : nil, error: text)
    end

    # Gives up what is not committed.
    def close
      @impatience.stop
      @shared.close
    end

    private

    # What was tried before is alone, so that whatever went wrong in company does not go wrong twice.
    def shares?(job, handlers, pace)
      @share && !pace.nil? && !pace.apart? && pace.expected_ms <= SharedCommit::MOST_MS && (handlers.empty? || job.event.attempt == 1)
    end

    def ended(job, status, took_ms)
      @ended << Ended.new(job, status, took_ms)
      @running = nil if job.equal?(@running)
    end

    def alone(job)
      status = @runner.run(job)
      ended(job, status, @runner.took_ms)
    end

    def together(job, handlers)
      report = held_report(job.event)
      attempt = @shared.start
      # Only a handler of this very attempt could begin it.
      locked = @shared.holds_lock?
      started_ms = @paces.now_ms
      raised = report.span.current { @runner.run_handlers(job.event, handlers, attempt) }
      report.stop
      took_ms = @paces.now_ms - started_ms
      ended_at = @database.current_ms
      @shared.disarm
      # A connection of the handler's own has met the lock of the others' transaction, and not one of its own.
      return again(job, report, attempt, took_ms) if locked && !attempt.begun? && AttemptRunner.says_busy?(raised)

      run = Run.new(took_ms, attempt.begun_after_ms, raised: !raised.nil?, apart: needs_another_connection?)
      @paces.note(job.event, run)
      report.failed(raised) unless raised.nil? || raised.is_a?(Ignore)
      return recorded_alone(job, raised, report, attempt, took_ms) if attempt.ended?

      member = member(job, report, raised, attempt, took_ms: took_ms, ended_at: ended_at)
      add(member, attempt) { |error| recorded_alone(job, raised || error, report, attempt, took_ms) }
    end

    def held_report(event) = @runner.begin_report(event).tap(&:hold)

    def again(job, report, attempt, took_ms)
      report.span.ended(REPEATED, nil)
      @shared.drop(attempt)
      @paces.note(job.event, Run.new(took_ms, nil, raised: true, apart: true))
      commit
      alone(job)
    end

    def member(job, report, raised, attempt, **times)
      verdict = lambda do |leases|
        next @runner.write(leases, job, raised, report.duration_ms) if raised

        leases.handled(job.id, report.duration_ms)
        :handled
      end
      told = ->(status) { @transaction.follow(attempt.after_commit) if status == :handled }
      Member.new(job, report, writes: attempt.begun? && raised.nil?, verdict: verdict, told: told, **times)
    end

    def unwanted(job)
      report = held_report(job.event)
      report.stop
      problem = NoHandlerError.new("no handler for #{job.event.type.inspect}")
      verdict = ->(leases) { leases.failed(job.id, problem.sentence, 0, no_handler: true).status }
      told = ->(status) { report.failed(problem) unless %i[ignored lease_lost].include?(status) }
      member = Member.new(job, report, writes: false, verdict: verdict, told: told, took_ms: 0.0, ended_at: @database.current_ms)
      add(member, nil) do
        commit
        verdict_alone(member)
      end
    end

    # The block is called where the verdict cannot be written with the others': on a full disk, say, or a connection that was made read-only.
    def add(member, attempt)
      begin
        @shared.add(member, attempt)
      rescue StandardError => e
        member.report.failed(e)
        return yield(e)
      end
      @running = nil
      # Where no more jobs are at hand the next ones are claimed by the commit, which is the worker's to call for.
      commit if needs_another_connection? || (@more && @shared.full?)
    end

    # Commits the others, and records the attempt in a transaction of its own.
    def recorded_alone(job, raised, report, attempt, took_ms)
      @shared.drop(attempt)
      commit
      report.tell
      ended(job, @runner.concluded(job, report) { @runner.recorded(job, raised, report) }, took_ms)
    end

    # What became of an attempt that was to be committed.
    def finish(member)
      job = member.job
      if member.committed? then ended(job, told(member), member.took_ms)
      elsif HOPELESS.any? { |kind| member.problem.is_a?(kind) } then ended(job, unwritten(member), member.took_ms)
      elsif member.writes?
        member.report.span.ended(REPEATED, nil)
        alone(job)
      else verdict_alone(member)
      end
    end

    def verdict_alone(member)
      member.report.tell
      status = @runner.concluded(member.job, member.report) { @runner.commit { |leases| member.verdict.call(leases) } }
      member.told.call(status)
      ended(member.job, status, member.took_ms)
    end

    def told(member)
      report = member.report
      report.tell
      report.failed(member.problem, "lease lost, rolled back", outcome: "lease_lost") if member.status == :lease_lost && member.problem
      member.told.call(member.status)
      @runner.ended(member.job, report, member.status)
      member.status
    end

    def unwritten(member)
      member.report.tell
      member.report.failed(member.problem, "result not written, the lease runs out", outcome: "unwritten")
      member.report.ended(:unwritten)
      :unwritten
    end
  end
end
