# frozen_string_literal: true

module Knocker
  # When the threads of a worker leave the write lock to others. Thread-safe.
  #
  # Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often, and sleeps
  # in between. Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.
  # @api private
  class GivingWay
    # Where nobody else is known to write: a tenth of the time that it was held, so that the first one comes through, less what it was free in between.
    # Seldom, as each pause costs its own.
    SHARE = 0.1
    LEAST_HELD_MS = 20.0
    LONGEST_MS = 5.0
    # Where others write: for as long as there is between two looks of the first eighth of a second, and several times in that.
    HELD_MS = 60.0
    TURN_MS = 25.0
    # Others are known for so long after they have written.
    KNOWN_MS = 10_000.0
    private_constant :SHARE, :LEAST_HELD_MS, :LONGEST_MS, :HELD_MS, :TURN_MS, :KNOWN_MS

    # @param stopwatch [Paces]
    # @param wait [#call] lets so many seconds pass
    def initialize(stopwatch, wait:)
      @stopwatch = stopwatch
      @wait = wait
      # It is kept in a pause: so the other threads have theirs at the same time, after one more commit.
      @lock = Mutex.new
      @held_ms = 0.0
      @others_until_ms = nil
    end

    # Notes whether others have written: before the block commits something on another connection of the worker's, and after that.
    # @param watch [OthersWatch] of the calling thread
    # @return [Object] what the block returns
    def beside(watch)
      @lock.synchronize { look(watch) }
      yield
    ensure
      @lock.synchronize { look(watch) }
    end

    # To be called without the write lock, which has been held for so long since the last call.
    # @param watch [OthersWatch] of the calling thread
    def after(held_ms, watch)
      return unless held_ms.positive?

      @lock.synchronize do
        @since_ms ||= @stopwatch.now_ms - held_ms
        @held_ms += held_ms
        pause(watch) if @held_ms >= (others_write? ? HELD_MS : LEAST_HELD_MS)
      end
    end

    private

    def pause(watch)
      pause_ms = others_write? ? TURN_MS : [LONGEST_MS, @held_ms * SHARE].min - free_ms
      @held_ms = 0.0
      @since_ms = nil
      look(watch)
      @wait.call(pause_ms / 1000) if pause_ms.positive?
      look(watch)
    end

    # For how long it was free since the last pause.
    def free_ms = @stopwatch.now_ms - @since_ms - @held_ms

    def others_write? = !@others_until_ms.nil? && @stopwatch.now_ms < @others_until_ms

    def look(watch)
      @others_until_ms = @stopwatch.now_ms + KNOWN_MS if watch.written?
    end
  end
end
