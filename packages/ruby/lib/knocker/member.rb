# frozen_string_literal: true

module Knocker
  # An attempt whose handlers have ended, and which waits for the commit that it shares.
  # @api private
  class Member
    # @return [Job]
    attr_reader :job
    # @return [AttemptReport]
    attr_reader :report
    # @return [#call] writes the verdict by the leases that it is given, and returns the status
    attr_reader :verdict
    # @return [#call] tells what is particular about a status, after the commit
    attr_reader :told
    # @return [Float]
    attr_reader :took_ms
    # @return [Integer] when its handlers had ended, which is when the verdict is of
    attr_reader :ended_at
    # @return [Symbol] waiting, written, committed or undone
    attr_accessor :state
    # @return [Symbol, nil]
    attr_accessor :status
    # @return [Exception, nil] why the lease was lost, or why it is undone
    attr_accessor :problem

    # @param writes [Boolean] whether what its handlers wrote is to be committed: without it only the verdict is to be written again where that is lost
    def initialize(job, report, writes:, verdict:, told:, took_ms:, ended_at:)
      @job = job
      @report = report
      @writes = writes
      @verdict = verdict
      @told = told
      @took_ms = took_ms
      @ended_at = ended_at
      @state = :waiting
    end

    def writes? = @writes
    def waiting? = @state == :waiting
    def written? = @state == :written
    def committed? = @state == :committed

    # @return [Boolean] whether the next commit is to have it
    def pending? = waiting? || written?
  end

  # What an attempt that shares its transaction may do with the connection.
  # @api private
  class MemberTransaction < AttemptTransaction
    # @param shared [SharedCommit]
    def initialize(connection, path, stopwatch, shared)
      super(connection, path, stopwatch)
      @shared = shared
    end

    # The others are committed, unless this one holds the lock too. A child that was forked in the handler has nothing of the transaction.
    def let_go
      @shared.commit_early unless begun? || Process.pid != @pid
    end

    private

    def begin_now
      @shared.exclusively do
        @shared.enter
        @begun = true
        @begun_at_ms = @stopwatch.now_ms
      end
    end
  end
end
