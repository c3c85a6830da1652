# frozen_string_literal: true

module Knocker
  # Checkpoints of one database in one process, for all of its connections, run and watched by the package: SQLite's automatic ones tell nobody
  # that they fail.
  #
  # Two things end the trust in what is written, until the whole log has been checkpointed: an `io_error` of a write, because a failed sync
  # marks pages as written that are not, so that later commits would be lost behind the hole; and a failing checkpoint.
  class Checkpoints
    # How long the write-ahead log grows before a checkpoint, in pages: what SQLite's automatic checkpoints take.
    LOG_PAGES = 1000
    # Each descriptor that was open reports an old error once.
    TRIES = 4
    # After these, for as long as it goes on failing.
    PAUSE_S = 0.25
    PAGE_BYTES = 4096.0
    # What one call writes, before the log has told.
    PAGES_A_CALL = 8
    FACTORS = (0.1..10.0)
    # A reader that stays for longer is left alone, and the checkpoint comes later.
    PATIENCE_S = 0.05
    private_constant :LOG_PAGES, :TRIES, :PAUSE_S, :PAGE_BYTES, :PAGES_A_CALL, :FACTORS, :PATIENCE_S

    # @param busy_timeout_s [Numeric] that of the connections
    # @param logger [Logger, nil]
    def initialize(busy_timeout_s, logger)
      @busy_timeout_s = busy_timeout_s
      @logger = logger
      @lock = Mutex.new
      @trouble = nil
      @next_try = 0.0
      @written = 0.0
      @factor = 1.0
      @log_pages = 0
    end

    # @return [Boolean] whether nothing is to be acknowledged now
    def trouble? = !@trouble.nil?

    # To be called with the error of a failed write.
    #
    # @return [Boolean] whether it is one that ends the trust in what was written before
    def doubt(error)
      return false unless error.is_a?(IoError)

      @lock.synchronize do
        distrust(error)
        @next_try = 0.0
      end
      true
    end

    # Returns where what is committed now can be trusted. Else a checkpoint is tried, and the error raised where it fails.
    def require_sound(connection)
      return if @trouble.nil?

      @lock.synchronize do
        return if @trouble.nil?

        if Clock.monotonic >= @next_try && recover(connection)
          Log.write(@logger, :warn, "disk_recovered", "the write-ahead log is checkpointed: receipts are taken again")
          @trouble = nil
        else
          raise IoError, "nothing is acknowledged until the write-ahead log is checkpointed: #{@trouble.sentence}"
        end
      end
    end

    # Notes a commit of so many calls with so many bytes, and runs the checkpoint that is due, if one is. The connection is in no transaction,
    # and whoever waited for the commit has been answered.
    def committed(connection, calls, bytes = 0)
      written = due(calls, bytes)
      return if written.nil?

      begin
        _, log, moved = checkpoint(connection, "FULL")
      rescue Error => e
        # Whatever it is but a lock: the log grows, or what was moved into the file is not safe there.
        @lock.synchronize { e.is_a?(BusyError) ? @written += written : distrust(e) }
        return
      end
      @lock.synchronize { learn(written, log, moved) }
    end

    private

    def due(calls, bytes)
      @lock.synchronize do
        @written += (calls * PAGES_A_CALL) + (bytes / PAGE_BYTES)
        return nil if @written * @factor < LOG_PAGES || @trouble

        written = @written
        @written = 0.0
        written
      end
    end

    # Adapts to what the log says that was really written, by other processes as well.
    def learn(written, log, moved)
      grown = log > @log_pages ? log - @log_pages : log
      # A log that was moved completely begins anew.
      @log_pages = moved == log ? 0 : log
      @factor = ((@factor + (grown / written)) / 2).clamp(FACTORS) if written.positive? && grown.positive?
    end

    def distrust(error)
      if @trouble.nil?
        Log.write(@logger, :error, "disk_failed", "nothing is acknowledged until the write-ahead log is checkpointed: #{error.sentence}",
                  code: error.code, error: error.sentence)
      end
      @trouble = error
    end

    def recover(connection)
      TRIES.times do
        busy, = checkpoint(connection, "TRUNCATE")
        break if busy

        @written = 0.0
        @log_pages = 0
        return true
      rescue Error => e
        @trouble = e unless e.is_a?(BusyError)
      end
      @next_try = Clock.monotonic + PAUSE_S
      false
    end

    # Whether it was kept from finishing, the pages of the log, and how many of them are in the file now. FULL and TRUNCATE alone, because one
    # that ends where others read or write counts pages as moved without a sync, and does not move them again.
    def checkpoint(connection, mode)
      connection.patience_s = [PATIENCE_S, @busy_timeout_s].min
      DriverErrors.translated do
        # Where somebody else writes, one without the write lock would end before the log does.
        connection.transaction { nil } if mode == "FULL"
        busy, log, moved = connection.rows("PRAGMA wal_checkpoint(#{mode})").first
        [busy != 0, log, moved]
      end
    ensure
      connection.patience_s = @busy_timeout_s
    end
  end
end
