# frozen_string_literal: true

require "json"

module Knocker
  # A name in the URL, who may send there, and the handlers of what arrives; made by {Hooks#endpoint}. A Rack app, too, which receives at every
  # path. Thread-safe.
  class Endpoint
    # A request is judged again where the settings have changed since, and where the file is another one now: nothing of it is in that one.
    TRIES = 4
    private_constant :TRIES

    # @return [String]
    attr_reader :name
    # @return [Handlers]
    attr_reader :handlers
    # @return [Integer] the size limit, as it was last seen
    attr_reader :max_body_bytes

    # @api private
    def initialize(database, http, refusals, name, secrets, settings)
      @database = database
      @refusals = refusals
      # Not the caller's own, which may change.
      @name = -name.to_s
      @receipt = "a receipt of #{@name.inspect}"
      @handlers = Handlers.new
      @secrets = EndpointSecrets.new(@name, secrets)
      @settings = settings
      @rack = Http::RackApp.new(->(_) { self }, http, database.logger)
      settings.nil? ? adopt : configure(**settings)
    end

    # Stores the settings. What is left out gets its default, so that the code says all there is; only `enabled` keeps its stored value, so that an
    # operator's switch outlives a deploy. The settings are those of {Hooks#endpoint}.
    def configure(**settings)
      config = Declarations.config(settings)
      @secrets.require_any(settings[:provider]) if settings[:provider] && needs_secret?(settings[:provider])
      @database.connection { |connection| declare(connection, config) }
      @settings = settings
      @handlers.patterns.each { |pattern| @sendable&.check(@database.logger, @name, pattern) }
    rescue SQLite3::Exception => e
      raise DriverErrors.translate(e)
    end

    # Registers a handler: the block, or an object with `call`. It is given the event and `tx`, the gem's own Database on the worker's connection,
    # whose transaction begins at the first use of `tx` and is committed together with the event. The handlers of one event run in the order in
    # which they were added, in one transaction. Raise {Retry}, {Ignore} or {Dead} to say how the event goes on; any other exception is a failed
    # attempt.
    #
    # @param types [Array<String>] exact, `"prefix.*"`, or `"*"` for all
    # @param handler [#call, nil] in the place of a block
    # @return [self]
    def on(*types, handler: nil, &block)
      # A callable object may stand behind the types.
      handler ||= types.last.respond_to?(:call) ? types.pop : block
      raise UsageError, 'name the types: endpoint.on("invoice.paid") { |event, tx| … }, or "*" for every one' if types.empty?
      raise UsageError, "a handler is a block, or an object with call" if handler.nil?

      types.each do |type|
        @handlers.add(type, handler)
        @sendable&.check(@database.logger, @name, type)
      end
      self
    end

    # Verifies and stores one request; the receipt is committed when this returns. Callers of several threads share commits.
    #
    # @param request [WebhookRequest]
    # @return [Receipt]
    # @raise [Error] where nothing could be stored
    def receive(request)
      raise UsageError, "receive takes a Knocker::WebhookRequest, not #{request.class}" unless request.is_a?(WebhookRequest)

      span = Receiving.new(@name, request.headers)
      receipt = span.current do
        given = [request.to_json(added: span.added), request.body, @secrets.of(request)]
        stored("knocker_judge", "knocker_receive", *given).tap { |made| span.stored(made) }
      end
      @refusals.tell(@name, receipt, span, request, @max_body_bytes)
      receipt
    end

    # Stores a request that you have verified yourself; only `valid: true` makes an event. The dedupe identity is the first of `key`,
    # `provider_event_id` and `provider_delivery_id` that is not empty.
    #
    # @param body [String]
    # @return [Receipt]
    def ingest(body, valid:, **fields)
      headers = Headers.pairs(fields[:headers] || [])
      span = Receiving.new(@name, headers)
      fields = fields.merge(headers: headers + span.added) if fields[:headers] || span.added.any?
      receipt = span.current do
        given = Arguments.json("fields", IngestFields, { valid: valid, **fields })
        stored("knocker_attest", "knocker_ingest", given, WebhookRequest.raw(body)).tap { |made| span.stored(made) }
      end
      @refusals.tell(@name, receipt, span, nil, @max_body_bytes)
      receipt
    end

    # The verdict on a request with this endpoint's provider, options and secrets; nothing is stored.
    #
    # @param request [WebhookRequest]
    # @return [Verdict]
    def verify(request)
      secrets = @secrets.of(request)
      provider, options = @database.rows("SELECT provider, options FROM knocker_endpoints WHERE name = ?", [@name]).first
      raise UsageError, "endpoint #{@name.inspect} has no provider that could verify" if provider.nil?

      verdict = @database.judge.call("knocker_verify", provider, options, request.to_json, request.body, secrets, @database.now)
      Verdict.read(JSON.parse(verdict))
    end

    # Logs that the body of a request ended before its end.
    # @api private
    def tell_short(received, announced) = @refusals.tell_short(@name, received, announced)

    # A Rack app that receives for this endpoint at every path.
    def call(env) = @rack.call(env)

    # The size limit as it is stored now; another process or an operator may have changed it.
    # @return [Integer]
    def read_max_body_bytes
      @max_body_bytes = @database.rows("SELECT max_body_bytes FROM knocker_endpoints WHERE name = ?", [@name]).first&.first ||
                        raise(UnknownEndpointError, "there is no endpoint #{@name.inspect}")
    end

    # Stores the settings in another file that has come in the place of the one before; those kept elsewhere are not known here.
    # @api private
    def declare_again(connection)
      declare(connection, Declarations.config(@settings)) if @settings
    end

    # Goes on in another file.
    # @api private
    def move_to(database, declare: true)
      @database = database
      database.connection { |connection| declare_again(connection) } if declare
    end

    def inspect = "#<#{self.class} #{@name}>"

    private

    def adopt
      read_max_body_bytes
      @sendable = @database.connection { |connection| Sendable.by(connection, @name) }
    end

    def declare(connection, config)
      before = Declarations.stored(connection, @name)
      connection.call("knocker_endpoint", @name, config, @database.now)
      after = Declarations.stored(connection, @name)
      Declarations.tell_of_changes(@database.logger, @name, before, after)
      @max_body_bytes = after[Declarations::SETTINGS.index("max_body_bytes")]
      @sendable = Sendable.by(connection, @name)
    end

    # The core refuses a provider that there is not.
    def needs_secret?(provider)
      sql = "SELECT needs_secret FROM knocker_providers WHERE name = ?1 OR ?1 IN (SELECT value FROM json_each(aliases))"
      @database.rows(sql, [provider.to_s]).any? { |row| row.first == 1 }
    end

    # Has it judged outside of any transaction, and what was found stored in the writer's; both by one function where nobody else is there.
    def stored(judge, whole, *arguments)
      AttemptTransaction.refuse_waiting(@database.path, @receipt)
      tries = 0
      began = ReceiveDurations.now
      begin
        result = @database.writer.call_made(whole, [@name, *arguments, @database.now]) do
          judgement = @database.judge.call(judge, @name, *arguments, @database.now)
          ["knocker_store", [@name, judgement, @database.now]]
        end
        @database.receive_durations.add(@name, began)
        Receipt.read(JSON.parse(result))
      rescue StaleJudgementError, FileReplacedError
        (tries += 1) < TRIES ? retry : raise
      end
    end
  end
end
