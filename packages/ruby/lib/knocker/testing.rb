# frozen_string_literal: true

require "json"
require "tmpdir"
require "knocker"

module Knocker
  # For the tests of your handlers: signed requests, a clock that stands still, and a queue that is drained at once. Include it in a Minitest class, or
  # in RSpec by `config.include Knocker::Testing`, or call it as `Knocker::Testing.drain(hooks)`.
  module Testing
    # Where a {FrozenClock} starts: 2026-01-01 00:00:00 UTC.
    START_MS = 1_767_225_600_000

    # A clock that moves only when told. Pass it to {Knocker.open}.
    class FrozenClock
      # @return [Integer] Unix milliseconds
      attr_reader :now_ms

      def initialize(now = START_MS)
        set(now)
      end

      def call = @now_ms

      # Moves it forward by seconds.
      def advance(seconds)
        @now_ms += (seconds * 1000).round
      end

      # Moves it to a Time, or to Unix milliseconds.
      def set(moment)
        @now_ms = Moment.to_ms("moment", moment)
      end
    end

    # One attempt of a drain.
    class Attempted < Record
      FIELDS = %i[event_id status attempt error].freeze

      # @return [Integer]
      attr_reader :event_id
      # @return [Symbol] handled, failed, dead, ignored, lease_lost or unwritten
      attr_reader :status
      # @return [Integer]
      attr_reader :attempt
      # @return [Exception, nil] what the handlers raised, with its backtrace, or what went wrong elsewhere
      attr_reader :error

      # @api private
      def initialize(event_id:, status:, attempt:, error:)
        @event_id = event_id
        @status = status
        @attempt = attempt
        @error = error
        super()
      end
    end

    module_function

    # Runs the handlers of all that is due now, in this thread. An event whose handler fails is not tried again until its backoff is over: advance the
    # clock, then drain again.
    #
    # @param share_commits [Boolean] as that of {Hooks#worker}
    # @return [Array<Attempted>] the attempts in order
    # @raise [UsageError] where something is due even after `limit` attempts
    def drain(hooks, limit: 10_000, share_commits: true)
      errors = {}
      own = hooks.failure_hooks.on_error
      on_error = lambda do |error, event|
        errors[[event.id, event.attempt]] = error
        own&.call(error, event)
      end
      hooks.worker(share_commits: share_commits, on_error: on_error).drain(limit: limit).map do |event, status|
        Attempted.new(event_id: event.id, status: status, attempt: event.attempt, error: errors[[event.id, event.attempt]])
      end
    end

    # The request that the provider would send with this body, signed with this secret.
    #
    # @param provider [String]
    # @param body [String, Hash] a Hash becomes JSON
    # @param secret [String]
    # @param headers [Hash, Array] those that are not the signature, such as `X-GitHub-Event`
    # @param now [Integer, Time, nil] the time of the signature, the system's clock by default: pass the frozen clock's
    # @return [WebhookRequest]
    def sign(provider, body, secret, options: {}, headers: [], method: "POST", url: "https://example.com/webhooks", now: nil)
      raise UsageError, "sign takes the name of a provider, a body and one secret, which is a String" unless secret.is_a?(String)

      raw = WebhookRequest.raw(body.is_a?(Hash) ? JSON.generate(body) : body)
      request = WebhookRequest.new(raw, headers: headers, method: method, url: url)
      arguments = [provider.to_s, JSON.generate(options), request.to_json, raw, secret, now && Moment.to_ms("now", now)]
      signed = JSON.parse(Signing.call("knocker_sign", *arguments))
      names = signed["headers"].keys.map(&:downcase)
      kept = Headers.pairs(headers).reject { |name, _| names.include?(name.downcase) }
      WebhookRequest.new(signed["body"] || raw, headers: kept + signed["headers"].to_a, method: method, url: signed["url"] || url)
    end

    # Runs the block with the hooks on a new file that has their endpoints, and puts them back afterwards. Handlers and secrets stay as they are.
    #
    # @param hooks [Hooks]
    # @param path [String, nil] of the file; by default one that is deleted afterwards
    # @param clock [#call, nil]
    # @return [Object] what the block returns
    def on_file(hooks, path = nil, clock: nil)
      return Dir.mktmpdir("knocker-") { |folder| on_file(hooks, File.join(folder, "test.db"), clock: clock) { yield hooks } } if path.nil?

      before = hooks.database
      other = before.like(path, clock: clock)
      begin
        hooks.move_to(other)
        yield hooks
      ensure
        hooks.stop_workers
        hooks.move_to(before, declare: false)
        other.close
      end
    end

    # A connection in memory, for signatures.
    module Signing
      @lock = Mutex.new

      # @return [String] the result of an SQL function
      def self.call(function, *arguments)
        @lock.synchronize do
          @connection = nil if @pid != Process.pid
          @pid = Process.pid
          @connection ||= Opening.open(":memory:", synchronous: :full, busy_timeout_s: 5, extension: nil, create: true)
          DriverErrors.translated { @connection.call(function, *arguments) }
        end
      end
    end
    private_constant :Signing
  end
end
