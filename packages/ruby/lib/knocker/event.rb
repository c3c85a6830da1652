# frozen_string_literal: true

require "json"

module Knocker
  # The HTTP request that brought an event. Headers that carry a credential are redacted.
  class EventDelivery < Record
    FIELDS = %i[id method url headers].freeze
    PRIVATE = %i[url headers].freeze

    # @return [Integer]
    attr_reader :id
    # @return [String]
    attr_reader :method
    # @return [String]
    attr_reader :url
    # @return [Headers]
    attr_reader :headers

    # @api private
    def initialize(id:, method:, url:, headers:)
      @id = id
      @method = method
      @url = url
      @headers = headers
      super()
    end
  end

  # What happened at the provider, to be processed once.
  class Event < Record
    FIELDS = %i[id endpoint type key body attempt max_attempts received_at delivery].freeze
    PRIVATE = %i[body].freeze

    # @return [Integer]
    attr_reader :id
    # @return [String] the name of the endpoint
    attr_reader :endpoint
    # @return [String, nil] what the provider calls it
    attr_reader :type
    # The identity of the occurrence, the same however often it is delivered; what to give to others is {#idempotency_key}.
    # @return [String, nil] nil where nothing tells two occurrences apart
    attr_reader :key
    # @return [String] the raw body of the delivery, or the event's own item of a batch
    attr_reader :body
    # @return [Integer] which attempt this is, from 1
    attr_reader :attempt
    # @return [Integer]
    attr_reader :max_attempts
    # @return [Time] in UTC
    attr_reader :received_at
    # @return [EventDelivery]
    attr_reader :delivery

    # @api private
    def initialize(id:, endpoint:, type:, key:, body:, attempt:, max_attempts:, received_at:, delivery:)
      @id = id
      @endpoint = endpoint
      @type = type
      @key = key
      @body = body
      @attempt = attempt
      @max_attempts = max_attempts
      @received_at = received_at
      @delivery = delivery
      super()
    end

    # What to give to others as an idempotency key: {#endpoint} and {#key}, the same at each attempt and each replay, and after a restore. An event
    # without a key has its number, its time and a hash of its body. `knocker publish` gives the same as a message's id.
    # @return [String]
    def idempotency_key = IdempotencyKey.of(self)

    # @return [Headers] those of the delivery
    def headers = delivery.headers

    # The trace to go on with, as W3C Trace Context writes it: the span of the receive where OpenTelemetry was set up there, or else what the sender
    # said.
    # @return [String, nil] nil where there is none, or a malformed one
    def traceparent = TraceContext.of(headers)&.traceparent

    # @return [String, nil] what belongs to {#traceparent}
    def tracestate = TraceContext.of(headers)&.tracestate

    # @return [Object] the body as JSON
    # @raise [JSON::ParserError] where it is none
    def json = JSON.parse(body)
  end
end
