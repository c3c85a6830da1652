# frozen_string_literal: true

module Knocker
  # Runs attempts on one connection, one after the other: the handlers of an event, and the result of it.
  #
  # Each attempt ends in one result, in the transaction of the handlers' own writes. A result waits long for the write lock; where it fails even so,
  # the lease runs out and counts as an attempt.
  class AttemptRunner
    # How deep libraries wrap a driver's error.
    DEEPEST_CAUSE = 5
    private_constant :DEEPEST_CAUSE

    # @param transaction [HandlerTransaction]
    # @param leases [Leases] over the same connection
    # @param hooks [FailureHooks]
    # @param renew [#call] extends the worker's leases inside the transaction, where it has kept the write lock for more than `renew_after_ms`:
    #   meanwhile nobody else could
    def initialize(transaction, leases, endpoints, database, hooks, renew:, renew_after_ms:)
      @transaction = transaction
      @leases = leases
      @endpoints = endpoints
      @database = database
      @hooks = hooks
      @renew = renew
      @renew_after_ms = renew_after_ms
    end

    # @return [Float] how long the handlers of the last attempt took
    attr_reader :took_ms

    # @return [Boolean] whether handlers have left something on this connection
    def needs_another_connection? = @transaction.altered?

    # Handles the job.
    # @return [Symbol] what became of it: handled, failed, dead, ignored, lease_lost or, where no result could be written, unwritten
    def run(job)
      report = begin_report(job.event)
      @took_ms = 0.0
      concluded(job, report) { attempt(job, report) }
    end

    # @return [AttemptReport] the account of an attempt that begins
    def begin_report(event)
      report = AttemptReport.new(event, @hooks, @database.logger)
      report.span.start
      report
    end

    # Does the attempt, or what is left of it, which the block does, and tells what became of it.
    # @return [Symbol]
    def concluded(job, report, &)
      status = attempted(report, &)
      ended(job, report, status)
      status
    end

    # Tells that it has ended so.
    def ended(job, report, status) = status == :dead ? report.dead(reason(job)) : report.ended(status)

    # @return [Array<#call>] those that want the event
    def handlers_of(event) = @endpoints[event.endpoint]&.handlers&.matching(event.type) || []

    # Runs the handlers of an attempt that was started.
    # @return [Exception, nil] what they raised. `exit` and the like end a handler, not the worker; a signal is meant for the process
    def run_handlers(event, handlers, attempt)
      pid = Process.pid
      around(event) { attempt.run { handlers.each { |handler| handler.call(event, @transaction.tx) } } }
      raise UsageError, AttemptTransaction::ENDED if attempt.ended?

      nil
    rescue Exception => e # rubocop:disable Lint/RescueException
      raise if AttemptReport.signal?(e)

      explained(e, attempt)
    ensure
      Forks.end_child(e) if Process.pid != pid
    end

    # Writes the result: that of the handlers' exception, or handled.
    # @return [Symbol]
    def recorded(job, raised, report)
      if raised.nil?
        commit { @leases.handled(job.id, report.duration_ms) }
        return :handled
      end
      apart { |leases| write(leases, job, raised, report.duration_ms) }
    rescue LeaseLostError, BusyError
      raise
    rescue StandardError => e
      # The disk is full, say: the writes are gone, and a small result may still fit.
      report.failed(e)
      apart { |leases| leases.failed(job.id, Decision.text(e), report.duration_ms).status }
    end

    # Writes what the handlers' exception says.
    # @return [Symbol]
    def write(leases, job, error, duration_ms)
      case error
      when Ignore
        leases.skipped(job.id, error.reason, duration_ms)
        :ignored
      when Retry then leases.failed(job.id, error.reason, duration_ms, retry_after_s: error.after).status
      when Dead then leases.failed(job.id, error.reason, duration_ms, dead: true).status
      else leases.failed(job.id, Decision.text(error), duration_ms).status
      end
    end

    # Writes a result in the handlers' transaction, or in one of its own, with the leases that nobody could extend meanwhile.
    # @return [Object] what the block returns
    def commit
      status = DriverErrors.translated do
        @transaction.finish do
          @renew.call if @transaction.held_ms > @renew_after_ms
          yield @leases
        end
      end
      @database.checkpoints.committed(@transaction.connection, 1)
      status
    rescue Error => e
      @database.doubt(e)
      raise
    end

    # @return [Boolean] whether a connection that is not Knocker's has met the write lock
    def self.says_busy?(error)
      DEEPEST_CAUSE.times do
        # Knocker's own have words of their own.
        return false if error.nil? || error.is_a?(Error)
        return true if DriverErrors.translate(error).is_a?(BusyError)

        error = error.cause
      end
      false
    end

    private

    def attempted(report)
      yield
    rescue LeaseLostError => e
      @transaction.roll_back
      report.failed(e, "lease lost, rolled back", outcome: "lease_lost")
      :lease_lost
    rescue StandardError => e
      report.failed(e, "result not written, the lease runs out", outcome: "unwritten")
      :unwritten
    end

    # What is stored with the event, which is dead whether it can be read now or not.
    def reason(job)
      @transaction.connection.value("SELECT reason FROM knocker_events WHERE id = ?", [job.event.id])
    rescue SQLite3::Exception
      nil
    end

    def attempt(job, report)
      handlers = handlers_of(job.event)
      return unwanted(job, report) if handlers.empty?

      raised = report.span.current { timed(job.event, handlers) }
      unless raised.nil?
        @transaction.roll_back
        report.failed(raised) unless raised.is_a?(Ignore)
      end
      recorded(job, raised, report)
    end

    # Runs them, and notes how long it took.
    def timed(event, handlers)
      attempt = @transaction.start
      paces = @database.paces
      started_ms = paces.now_ms
      raised = run_handlers(event, handlers, attempt)
    ensure
      @took_ms = paces.now_ms - started_ms
      # What leaves something on the connection has a transaction of its own.
      apart = attempt.sets_pragma || @transaction.tx.knocker_altered
      paces.note(event, Run.new(@took_ms, attempt.begun_after_ms, raised: !raised.nil?, apart: apart))
    end

    # What else is to be set up for handlers, such as an ActiveRecord on their connection.
    def around(event, &)
      @database.around_handlers ? @database.around_handlers.call(event, @transaction.tx, &) : yield
    end

    # What a handler raised; where a connection of its own has met the lock that it holds itself, in words that say so.
    def explained(error, attempt)
      return error unless attempt.holds_lock?(@database.path) && AttemptRunner.says_busy?(error)

      BusyError.new("#{error.message}: this handler has held the write lock of #{@database.path} since its first use of tx, and whatever writes " \
                    "there through another connection waits for it in vain. Write through tx, or before its first use")
    end

    # Writes a result that has nothing of the handlers' in it, past a connection that they have altered: it may refuse writes.
    def apart
      return commit { yield @leases } unless @transaction.altered?

      yield Leases.new(@leases.worker, @database)
    end

    def unwanted(job, report)
      problem = NoHandlerError.new("no handler for #{job.event.type.inspect}")
      status = commit { @leases.failed(job.id, problem.sentence, 0, no_handler: true).status }
      report.failed(problem) unless status == :ignored
      status
    end
  end
end
