# frozen_string_literal: true

module Knocker
  # When a worker's thread leaves the write lock to others.
  #
  # Whoever waits for it is not seen: SQLite looks whether it is free after 1, 2, 5, 10, 15, 20 and 25 milliseconds, then less and less often, and sleeps
  # in between. Beside a backlog, whose worker takes the lock again at once, hardly any of those looks would find it free.
  # @api private
  class GivingWay
    # Where nobody else is known to write: a tenth of the time that it was held, so that the first one comes through. Seldom, as each pause costs its own.
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
    # @param version [#call] another number when another connection has committed something
    # @param wait [#call] lets so many seconds pass
    def initialize(stopwatch, version:, wait:)
      @stopwatch = stopwatch
      @version = version
      @wait = wait
      @seen = version.call
      @held_ms = 0.0
      @others_until_ms = nil
    end

    # What is committed in the block, on another connection of the worker's, is not of others.
    # @return [Object] what the block returns
    def own
      look
      result = yield
      @seen = @version.call
      result
    end

    # To be called without the lock, which has been held for so long since the last call.
    def after(held_ms)
      @held_ms += held_ms
      others_write = others_write?
      return if @held_ms < (others_write ? HELD_MS : LEAST_HELD_MS)

      pause_ms = others_write ? TURN_MS : [LONGEST_MS, @held_ms * SHARE].min
      @held_ms = 0.0
      @wait.call(pause_ms / 1000)
      look
    end

    private

    def others_write? = !@others_until_ms.nil? && @stopwatch.now_ms < @others_until_ms

    # Notes whether others have written since the last time.
    def look
      version = @version.call
      return if version == @seen

      @seen = version
      @others_until_ms = @stopwatch.now_ms + KNOWN_MS
    end
  end
end
