# frozen_string_literal: true

module Knocker
  # Noticing commits of other processes within a few milliseconds, at little cost while nothing happens.
  #
  # `PRAGMA data_version` says whether another connection has committed. Asking it takes SQLite; whether the write-ahead log was written to takes only
  # a look at the file, so that comes first.
  class FileWatch
    # How often the log is looked at.
    LOOK_S = 0.003
    # While a commit is on its way: written, but not synced and visible yet.
    STEP_S = 0.0005
    STEPS_FOR_S = 0.05
    # Writes into a place of the log that was there before, in one tick of the file system's clock, are seen by the pragma alone.
    SURE_S = 0.1
    private_constant :LOOK_S, :STEP_S, :STEPS_FOR_S, :SURE_S

    # @param connection [Connection] kept for this alone
    # @param log [String] the path of its write-ahead log
    def initialize(connection, log)
      @connection = connection
      @log = log
      @version = data_version
      @written = written
      @sure_at = 0.0
    end

    # @return [Boolean] true as soon as there was a commit since the last look, false after the timeout
    def wait(timeout_s)
      give_up_at = Clock.monotonic + timeout_s
      loop do
        return true if changed?

        left = give_up_at - Clock.monotonic
        return false unless left.positive?

        sleep([LOOK_S, left].min)
      end
    end

    private

    def changed?
      now = Clock.monotonic
      found = written
      if found != @written
        @written = found
        # Another write in the same tick would not be seen.
        @sure_at = 0.0
        return commits_soon?(now + STEPS_FOR_S)
      end
      return false if now < @sure_at

      @sure_at = now + SURE_S
      version_changed?
    end

    def commits_soon?(till)
      until version_changed?
        return false if Clock.monotonic > till

        sleep(STEP_S)
      end
      true
    end

    def version_changed?
      version = data_version
      changed = version != @version
      @version = version
      changed
    end

    def data_version = @connection.value("PRAGMA data_version")

    def written
      found = File.stat(@log)
      [found.size, found.mtime]
    rescue SystemCallError
      nil
    end
  end
end
