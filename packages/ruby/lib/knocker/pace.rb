# frozen_string_literal: true

module Knocker
  # One run of an event's handlers.
  # @api private
  class Run
    # @return [Float]
    attr_reader :took_ms
    # @return [Float, nil] when they first used `tx`; nil where they did not
    attr_reader :begun_after_ms

    # @param apart [Boolean] whether they set something on the connection, so that they need one of their own
    def initialize(took_ms, begun_after_ms, raised: false, apart: false)
      @took_ms = took_ms
      @begun_after_ms = begun_after_ms
      @raised = raised
      @apart = apart
    end

    def raised? = @raised
    def apart? = @apart
  end

  # What is to be expected of the next run of a type.
  # @api private
  class Pace
    # A quick run after a slow one counts for so much.
    FORGETTING = 0.2
    # How soon a handler begins its transaction that has little to do elsewhere before.
    SOON_MS = 2.0
    # One that has used `tx` in one of so many runs does so sometimes.
    SOMETIMES = 8
    private_constant :FORGETTING, :SOON_MS, :SOMETIMES

    # @return [Float]
    attr_reader :expected_ms
    # @return [Integer] how many runs have returned since one used `tx` and had done little before
    attr_reader :unused

    def initialize(expected_ms = 0.0, unused = SOMETIMES, apart: false)
      @expected_ms = expected_ms
      @unused = unused
      @apart = apart
    end

    def apart? = @apart

    # Whether the handlers write through `tx`, and soon: of others nobody knows what they do elsewhere.
    def uses_tx? = @unused < SOMETIMES

    # With one more run: slowness is noticed at once, and forgotten slowly.
    # @return [Pace]
    def after(run)
      usual_ms = ((1 - FORGETTING) * @expected_ms) + (FORGETTING * run.took_ms)
      Pace.new([run.took_ms, usual_ms].max, unused_after(run), apart: run.apart?)
    end

    private

    def unused_after(run)
      return run.begun_after_ms < SOON_MS ? 0 : SOMETIMES if run.begun_after_ms

      run.raised? ? @unused : @unused + 1
    end
  end

  # How quick the handlers of each type have lately been in this process: what tells a worker which of them may share a commit. Thread-safe.
  # @api private
  class Paces
    # What is known of so many types; of others it is learned again.
    MOST_TYPES = 1000
    UNKNOWN = Pace.new
    private_constant :MOST_TYPES, :UNKNOWN

    # @param clock [#call, nil] the injected one, which tells how long a handler takes where there is one
    def initialize(clock)
      @clock = clock
      @lock = Mutex.new
      @known = {}
    end

    # @return [Float] a time to measure from
    def now_ms = @clock ? @clock.call.to_f : Clock.monotonic * 1000

    # @return [Pace, nil] that of the event's type; nil where none has run yet
    def of(event) = @lock.synchronize { @known[[event.endpoint, event.type]] }

    # One more of the event's type has run.
    def note(event, run)
      key = [event.endpoint, event.type]
      @lock.synchronize do
        @known[key] = (@known.delete(key) || UNKNOWN).after(run)
        @known.shift if @known.size > MOST_TYPES
      end
    end
  end
end
