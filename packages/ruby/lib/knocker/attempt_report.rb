# frozen_string_literal: true

module Knocker
  # Functions of the app that are told of failures, in the thread in which they are noticed.
  class FailureHooks
    # @return [#call, nil] called with the error and the event of each failed attempt
    attr_reader :on_error
    # @return [#call, nil] called with each event that is dead now, and the reason
    attr_reader :on_dead

    def initialize(on_error: nil, on_dead: nil)
      { on_error: on_error, on_dead: on_dead }.each do |name, hook|
        raise UsageError, "#{name} is a function of two arguments, not #{hook.inspect}" unless hook.nil? || hook.respond_to?(:call)
      end
      @on_error = on_error
      @on_dead = on_dead
    end

    # @return [FailureHooks] these, and the others' where there is none
    def or_else(others) = FailureHooks.new(on_error: @on_error || others.on_error, on_dead: @on_dead || others.on_dead)
  end

  # What is said about one attempt, which begins when this is made: log lines that name the event, and the hooks.
  class AttemptReport
    # What is no failure.
    QUIET = %i[handled ignored].freeze
    private_constant :QUIET

    # A signal comes to the main thread; in another one it is code of the app that raises its exception.
    # @return [Boolean] whether it is one that is meant for the process
    def self.signal?(error) = error.is_a?(SignalException) && Thread.current == Thread.main

    def initialize(event, hooks, logger)
      @event = event
      @hooks = hooks
      @logger = logger
      @started = Clock.monotonic
      @span = Processing.new(event)
    end

    # @return [Processing] the span of the attempt, which ends with it
    attr_reader :span

    # @return [Integer] how long it has taken so far, or until it was stopped
    def duration_ms = (((@stopped || Clock.monotonic) - @started) * 1000).round

    # The handlers have ended; what comes is not their time.
    def stop = @stopped ||= Clock.monotonic

    # Keeps to itself what is to be told, until {#tell}: it is not so before the commit.
    def hold = @held = []

    # Tells what was held back, and from now on at once.
    def tell
      held = @held
      @held = nil
      held&.each(&:call)
    end

    # Logs the error, and tells the error hook unless it knows of an earlier one of this attempt.
    def failed(error, what = "failed", outcome: "failed")
      facts = { outcome: outcome, duration_ms: duration_ms, error: Decision.text(error) }
      facts[:code] = error.code if error.is_a?(Error)
      log(:warn, "attempt_failed", what, error, **facts)
      return unless @error.nil?

      @error = error
      call("on_error", @hooks.on_error, error, @event)
    end

    # Logs that the event will not be handled unless somebody puts it back, and tells the dead hook.
    def dead(reason)
      log(:error, "event_dead", "dead: #{Refusals.line(reason.to_s)}", outcome: "dead", duration_ms: duration_ms, reason: reason)
      @span.ended(:dead, @error)
      call("on_dead", @hooks.on_dead, @event, reason)
    end

    # Logs what became of it; of a failure all has been said.
    def ended(status)
      if QUIET.include?(status) && Log.debug?(@logger)
        log(:debug, "attempt_ended", status.to_s, outcome: status.to_s, duration_ms: duration_ms)
      end
      @span.ended(status, @error)
    end

    private

    def call(name, hook, *arguments)
      return if hook.nil?
      return @held << -> { call(name, hook, *arguments) } if @held

      hook.call(*arguments)
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever it is, the attempt is still to be recorded
      raise if AttemptReport.signal?(e)

      log(:error, "hook_failed", "#{name} failed", e, hook: name, error: Decision.text(e))
    end

    def log(level, record, what, raised = nil, **facts)
      return if @logger.nil? || (level == :debug && !Log.debug?(@logger))
      return @held << -> { log(level, record, what, raised, **facts) } if @held

      # Types and errors are what senders say: a line break in one must not make a line of its own.
      type = @event.type.nil? ? "no type" : Refusals.line(@event.type)
      said = raised && ": #{Refusals.line(Decision.text(raised))}#{place(raised)}"
      Log.write(@logger, level, record, "event #{@event.id} of #{@event.endpoint} (#{type}), attempt #{@event.attempt}: #{what}#{said}",
                endpoint: @event.endpoint, event_id: @event.id, delivery_id: @event.delivery.id, type: @event.type, key: @event.key,
                attempt: @event.attempt, trace_id: @span.trace_id, **facts)
    end

    # Where a handler raised it; of this package's own and of decisions the words say all.
    def place(error)
      return "" if error.is_a?(Error) || error.is_a?(Decision) || error.backtrace.nil?

      " at #{Refusals.line(error.backtrace.first.to_s)}"
    rescue Exception # rubocop:disable Lint/RescueException -- classes of the app may do anything when they are asked
      ""
    end
  end
end
