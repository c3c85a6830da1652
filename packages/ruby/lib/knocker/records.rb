# frozen_string_literal: true

# Generated from extension/contract/contract.json by `make contract`; do not edit.

require "json"
require_relative "moment"
require_relative "record"

module Knocker
  # How an attempt ended.
  ATTEMPT_RESULTS = %i[handled failed dead ignored lease_expired].freeze

  # What became of a stored receipt.
  DELIVERY_OUTCOMES = %i[accepted duplicate invalid handshake too_large disabled].freeze

  # Where an event stands.
  EVENT_STATUSES = %i[received processing failed handled dead ignored].freeze

  # What a duplicate does to its event.
  ON_REDELIVERIES = %i[keep requeue_dead].freeze

  # What a prune was.
  PRUNE_KINDS = %i[events deliveries retention].freeze

  # Why a request was refused: a closed list, stored with the delivery.
  REASONS = %i[
    missing_header malformed_header bad_signature timestamp_out_of_tolerance malformed_body no_secret not_allowed
  ].freeze

  # What became of a receipt.
  RECEIPT_OUTCOMES = %i[accepted duplicate invalid handshake too_large disabled limited].freeze

  # What becomes of an event that no handler wants.
  UNHANDLEDS = %i[retry dead ignore].freeze

  # What a verified request is.
  VERDICT_KINDS = %i[delivery handshake].freeze

  # What a filter's `status` may be.
  PRUNABLE_STATUSES = %i[handled ignored dead].freeze

  # What a filter's `outcome` may be.
  LOOSE_OUTCOMES = %i[invalid handshake too_large disabled duplicate].freeze

  # One attempt at an event.
  class AttemptRecord < Record
    FIELDS = %i[id event_id endpoint delivery_id attempt result error worker duration_ms finished_at].freeze
    VIEW = "knocker_attempts"

    # Grows, and is never used again.
    # @return [Integer]
    attr_reader :id

    # The event.
    # @return [Integer]
    attr_reader :event_id

    # The name of its endpoint.
    # @return [String]
    attr_reader :endpoint

    # The delivery whose body the handlers got.
    # @return [Integer]
    attr_reader :delivery_id

    # Its number, from 1.
    # @return [Integer]
    attr_reader :attempt

    # How it ended.
    # @return [Symbol]
    attr_reader :result

    # What went wrong, or why the event was ignored.
    # @return [String, nil]
    attr_reader :error

    # The name of the worker.
    # @return [String]
    attr_reader :worker

    # How long it took; nil where the worker did not say.
    # @return [Integer, nil]
    attr_reader :duration_ms

    # When it ended.
    # @return [Time]
    attr_reader :finished_at

    def initialize(
      id:, event_id:, endpoint:, delivery_id:, attempt:, result:, error: nil, worker:, duration_ms: nil, finished_at:
    )
      @id = id
      @event_id = event_id
      @endpoint = endpoint
      @delivery_id = delivery_id
      @attempt = attempt
      @result = result
      @error = error
      @worker = worker
      @duration_ms = duration_ms
      @finished_at = finished_at
      super()
    end

    # From a row of the view.
    # @return [AttemptRecord]
    def self.read(values)
      new(
        id: values["id"],
        event_id: values["event_id"],
        endpoint: values["endpoint"],
        delivery_id: values["delivery_id"],
        attempt: values["attempt"],
        result: values["result"].to_sym,
        error: values["error"],
        worker: values["worker"],
        duration_ms: values["duration_ms"],
        finished_at: Moment.to_time(values["finished_at"])
      )
    end
  end

  # Exponential backoff: `base_s` × `factor`ⁿ⁻¹ after attempt n, at most `cap_s`, and then ±10 % of jitter.
  class Backoff < Record
    FIELDS = %i[base_s factor cap_s].freeze

    # Delay after the first attempt, in seconds.
    # @return [Numeric]
    attr_reader :base_s

    # What each further attempt multiplies it by.
    # @return [Numeric]
    attr_reader :factor

    # The longest delay, in seconds.
    # @return [Numeric]
    attr_reader :cap_s

    def initialize(base_s:, factor:, cap_s:)
      @base_s = base_s
      @factor = factor
      @cap_s = cap_s
      super()
    end

    # From a result.
    # @return [Backoff]
    def self.read(values)
      new(
        base_s: values["base_s"],
        factor: values["factor"],
        cap_s: values["cap_s"]
      )
    end
  end

  # How many events a bulk action found and changed.
  class BulkResult < Record
    FIELDS = %i[matched changed more dry_run].freeze

    # Events that met the filter, within its limit.
    # @return [Integer]
    attr_reader :matched

    # Events that the action changed.
    # @return [Integer]
    attr_reader :changed

    # Whether more events meet the filter than its limit let through.
    # @return [Boolean]
    attr_reader :more

    # Whether this only told what would happen.
    # @return [Boolean]
    attr_reader :dry_run

    def initialize(matched:, changed:, more:, dry_run:)
      @matched = matched
      @changed = changed
      @more = more
      @dry_run = dry_run
      super()
    end

    # From a result.
    # @return [BulkResult]
    def self.read(values)
      new(
        matched: values["matched"],
        changed: values["changed"],
        more: values["more"],
        dry_run: values["dry_run"]
      )
    end
  end

  # One HTTP receipt, valid or not.
  class DeliveryRecord < Record
    FIELDS = %i[
      id endpoint outcome event_id reason detail provider_event_id provider_delivery_id method url headers body_size
      body_sha256 received_at body
    ].freeze
    PRIVATE = %i[url headers body].freeze
    VIEW = "knocker_deliveries"

    # Grows, and is never used again.
    # @return [Integer]
    attr_reader :id

    # The name of its endpoint.
    # @return [String]
    attr_reader :endpoint

    # What became of it.
    # @return [Symbol]
    attr_reader :outcome

    # The first of its events that still exists.
    # @return [Integer, nil]
    attr_reader :event_id

    # Why it was refused.
    # @return [Symbol, nil]
    attr_reader :reason

    # The same in one sentence.
    # @return [String, nil]
    attr_reader :detail

    # The provider's id of the occurrence, where the caller of trusted ingress said it.
    # @return [String, nil]
    attr_reader :provider_event_id

    # The provider's id of the delivery, where the caller of trusted ingress said it.
    # @return [String, nil]
    attr_reader :provider_delivery_id

    # The method, in capitals as sent.
    # @return [String]
    attr_reader :method

    # The URL, credentials replaced.
    # @return [String]
    attr_reader :url

    # The headers, credentials replaced.
    # @return [Hash]
    attr_reader :headers

    # The size of the body.
    # @return [Integer]
    attr_reader :body_size

    # The digest of a body that is not stored.
    # @return [String, nil]
    attr_reader :body_sha256

    # When it came.
    # @return [Time]
    attr_reader :received_at

    # The raw bytes, where they are kept.
    # @return [String, nil]
    attr_reader :body

    def initialize(
      id:, endpoint:, outcome:, event_id: nil, reason: nil, detail: nil, provider_event_id: nil,
      provider_delivery_id: nil, method:, url:, headers:, body_size:, body_sha256: nil, received_at:, body: nil
    )
      @id = id
      @endpoint = endpoint
      @outcome = outcome
      @event_id = event_id
      @reason = reason
      @detail = detail
      @provider_event_id = provider_event_id
      @provider_delivery_id = provider_delivery_id
      @method = method
      @url = url
      @headers = headers
      @body_size = body_size
      @body_sha256 = body_sha256
      @received_at = received_at
      @body = body
      super()
    end

    # From a row of the view.
    # @return [DeliveryRecord]
    def self.read(values)
      new(
        id: values["id"],
        endpoint: values["endpoint"],
        outcome: values["outcome"].to_sym,
        event_id: values["event_id"],
        reason: values["reason"]&.to_sym,
        detail: values["detail"],
        provider_event_id: values["provider_event_id"],
        provider_delivery_id: values["provider_delivery_id"],
        method: values["method"],
        url: values["url"],
        headers: JSON.parse(values["headers"]),
        body_size: values["body_size"],
        body_sha256: values["body_sha256"],
        received_at: Moment.to_time(values["received_at"]),
        body: values["body"]&.b
      )
    end
  end

  # The stored settings of an endpoint.
  class EndpointRecord < Record
    FIELDS = %i[
      id name provider options enabled max_attempts backoff max_body_bytes unhandled on_redelivery invalid_per_hour
      max_refused max_refused_bytes max_batch_events created_at updated_at
    ].freeze
    VIEW = "knocker_endpoints"

    # Its id.
    # @return [Integer]
    attr_reader :id

    # Its name.
    # @return [String]
    attr_reader :name

    # The name of its provider; nil where it takes trusted ingress only.
    # @return [String, nil]
    attr_reader :provider

    # Options of the provider.
    # @return [Hash]
    attr_reader :options

    # Whether receipts are taken.
    # @return [Boolean]
    attr_reader :enabled

    # Attempts before an event is dead.
    # @return [Integer]
    attr_reader :max_attempts

    # The delay between attempts.
    # @return [Backoff]
    attr_reader :backoff

    # Larger bodies are refused before verification.
    # @return [Integer]
    attr_reader :max_body_bytes

    # What becomes of an event that no handler wants.
    # @return [Symbol]
    attr_reader :unhandled

    # What a duplicate does to its event.
    # @return [Symbol]
    attr_reader :on_redelivery

    # Refused receipts that are stored in any hour.
    # @return [Integer]
    attr_reader :invalid_per_hour

    # Refused deliveries that are kept in all.
    # @return [Integer]
    attr_reader :max_refused

    # Bytes that they take at most.
    # @return [Integer]
    attr_reader :max_refused_bytes

    # Events that one delivery creates at most.
    # @return [Integer]
    attr_reader :max_batch_events

    # When it was created.
    # @return [Time]
    attr_reader :created_at

    # When its settings were changed last.
    # @return [Time]
    attr_reader :updated_at

    def initialize(
      id:, name:, provider: nil, options:, enabled:, max_attempts:, backoff:, max_body_bytes:, unhandled:,
      on_redelivery:, invalid_per_hour:, max_refused:, max_refused_bytes:, max_batch_events:, created_at:, updated_at:
    )
      @id = id
      @name = name
      @provider = provider
      @options = options
      @enabled = enabled
      @max_attempts = max_attempts
      @backoff = backoff
      @max_body_bytes = max_body_bytes
      @unhandled = unhandled
      @on_redelivery = on_redelivery
      @invalid_per_hour = invalid_per_hour
      @max_refused = max_refused
      @max_refused_bytes = max_refused_bytes
      @max_batch_events = max_batch_events
      @created_at = created_at
      @updated_at = updated_at
      super()
    end

    # From a row of the view.
    # @return [EndpointRecord]
    def self.read(values)
      new(
        id: values["id"],
        name: values["name"],
        provider: values["provider"],
        options: JSON.parse(values["options"]),
        enabled: values["enabled"] == 1,
        max_attempts: values["max_attempts"],
        backoff: Backoff.read(JSON.parse(values["backoff"])),
        max_body_bytes: values["max_body_bytes"],
        unhandled: values["unhandled"].to_sym,
        on_redelivery: values["on_redelivery"].to_sym,
        invalid_per_hour: values["invalid_per_hour"],
        max_refused: values["max_refused"],
        max_refused_bytes: values["max_refused_bytes"],
        max_batch_events: values["max_batch_events"],
        created_at: Moment.to_time(values["created_at"]),
        updated_at: Moment.to_time(values["updated_at"])
      )
    end
  end

  # Events by status.
  class EventCounts < Record
    FIELDS = %i[received processing failed handled dead ignored].freeze

    # Waiting for their first attempt.
    # @return [Integer]
    attr_reader :received

    # Being worked on.
    # @return [Integer]
    attr_reader :processing

    # Waiting for another attempt.
    # @return [Integer]
    attr_reader :failed

    # Done with.
    # @return [Integer]
    attr_reader :handled

    # Without further attempts.
    # @return [Integer]
    attr_reader :dead

    # Not to be handled.
    # @return [Integer]
    attr_reader :ignored

    def initialize(received:, processing:, failed:, handled:, dead:, ignored:)
      @received = received
      @processing = processing
      @failed = failed
      @handled = handled
      @dead = dead
      @ignored = ignored
      super()
    end

    # From a result.
    # @return [EventCounts]
    def self.read(values)
      new(
        received: values["received"],
        processing: values["processing"],
        failed: values["failed"],
        handled: values["handled"],
        dead: values["dead"],
        ignored: values["ignored"]
      )
    end
  end

  # What happened in the last hour, or in one minute of it.
  class LastHour < Record
    FIELDS = %i[receipts refused failures].freeze

    # HTTP receipts, refused ones included.
    # @return [Integer]
    attr_reader :receipts

    # Receipts without an event: invalid, too large, disabled, limited, and handshakes.
    # @return [Integer]
    attr_reader :refused

    # Failed attempts.
    # @return [Integer]
    attr_reader :failures

    def initialize(receipts:, refused:, failures:)
      @receipts = receipts
      @refused = refused
      @failures = failures
      super()
    end

    # From a result.
    # @return [LastHour]
    def self.read(values)
      new(
        receipts: values["receipts"],
        refused: values["refused"],
        failures: values["failures"]
      )
    end
  end

  # What an endpoint keeps of refused deliveries, of which strangers can send as many as they like.
  class RefusedKept < Record
    FIELDS = %i[kept bytes full].freeze

    # Rows.
    # @return [Integer]
    attr_reader :kept

    # Bytes of their columns.
    # @return [Integer]
    attr_reader :bytes

    # Whether a bound is reached, so that further ones are only counted: prune, or set a retention policy.
    # @return [Boolean]
    attr_reader :full

    def initialize(kept:, bytes:, full:)
      @kept = kept
      @bytes = bytes
      @full = full
      super()
    end

    # From a result.
    # @return [RefusedKept]
    def self.read(values)
      new(
        kept: values["kept"],
        bytes: values["bytes"],
        full: values["full"]
      )
    end
  end

  # The figures of one endpoint.
  class EndpointStats < Record
    FIELDS = %i[endpoint provider enabled events oldest_waiting_ms last_hour refused].freeze

    # Its name.
    # @return [String]
    attr_reader :endpoint

    # Its provider.
    # @return [String, nil]
    attr_reader :provider

    # Whether it takes receipts.
    # @return [Boolean]
    attr_reader :enabled

    # Events by status.
    # @return [EventCounts]
    attr_reader :events

    # How long the longest-waiting due job has been due, in milliseconds.
    # @return [Integer, nil]
    attr_reader :oldest_waiting_ms

    # What happened in the last hour.
    # @return [LastHour]
    attr_reader :last_hour

    # What is kept of refused deliveries.
    # @return [RefusedKept]
    attr_reader :refused

    def initialize(endpoint:, provider: nil, enabled:, events:, oldest_waiting_ms: nil, last_hour:, refused:)
      @endpoint = endpoint
      @provider = provider
      @enabled = enabled
      @events = events
      @oldest_waiting_ms = oldest_waiting_ms
      @last_hour = last_hour
      @refused = refused
      super()
    end

    # From a result.
    # @return [EndpointStats]
    def self.read(values)
      new(
        endpoint: values["endpoint"],
        provider: values["provider"],
        enabled: values["enabled"],
        events: EventCounts.read(values["events"]),
        oldest_waiting_ms: values["oldest_waiting_ms"],
        last_hour: LastHour.read(values["last_hour"]),
        refused: RefusedKept.read(values["refused"])
      )
    end
  end

  # That a delivery brought an event.
  class EventDeliveryRecord < Record
    FIELDS = %i[event_id delivery_id duplicate].freeze
    VIEW = "knocker_event_deliveries"

    # The event.
    # @return [Integer]
    attr_reader :event_id

    # The delivery.
    # @return [Integer]
    attr_reader :delivery_id

    # False for the delivery that created the event, true for a repeat.
    # @return [Boolean]
    attr_reader :duplicate

    def initialize(event_id:, delivery_id:, duplicate:)
      @event_id = event_id
      @delivery_id = delivery_id
      @duplicate = duplicate
      super()
    end

    # From a row of the view.
    # @return [EventDeliveryRecord]
    def self.read(values)
      new(
        event_id: values["event_id"],
        delivery_id: values["delivery_id"],
        duplicate: values["duplicate"] == 1
      )
    end
  end

  # An event: what the business logic handles once.
  class EventRecord < Record
    FIELDS = %i[
      id endpoint type key status attempts max_attempts reason delivery_id deliveries received_at last_delivery_at
      next_attempt_at ended_at body
    ].freeze
    PRIVATE = %i[body].freeze
    VIEW = "knocker_events"

    # Grows, and is never used again.
    # @return [Integer]
    attr_reader :id

    # The name of its endpoint.
    # @return [String]
    attr_reader :endpoint

    # The type in the provider's own spelling.
    # @return [String, nil]
    attr_reader :type

    # The identity that dedupe uses; nil where the event is always new.
    # @return [String, nil]
    attr_reader :key

    # Where it stands.
    # @return [Symbol]
    attr_reader :status

    # Attempts that count, since it was received or put back.
    # @return [Integer]
    attr_reader :attempts

    # Attempts before it is dead.
    # @return [Integer]
    attr_reader :max_attempts

    # Why it is failed, dead or ignored.
    # @return [String, nil]
    attr_reader :reason

    # The delivery whose body it has.
    # @return [Integer]
    attr_reader :delivery_id

    # How often it was delivered.
    # @return [Integer]
    attr_reader :deliveries

    # When its first delivery came.
    # @return [Time]
    attr_reader :received_at

    # When its last one came.
    # @return [Time]
    attr_reader :last_delivery_at

    # When the next attempt is due; nil where none waits.
    # @return [Time, nil]
    attr_reader :next_attempt_at

    # When it was handled or ignored, or died.
    # @return [Time, nil]
    attr_reader :ended_at

    # Its payload: the whole body, or its own item of a batch.
    # @return [String, nil]
    attr_reader :body

    def initialize(
      id:, endpoint:, type: nil, key: nil, status:, attempts:, max_attempts:, reason: nil, delivery_id:, deliveries:,
      received_at:, last_delivery_at:, next_attempt_at: nil, ended_at: nil, body: nil
    )
      @id = id
      @endpoint = endpoint
      @type = type
      @key = key
      @status = status
      @attempts = attempts
      @max_attempts = max_attempts
      @reason = reason
      @delivery_id = delivery_id
      @deliveries = deliveries
      @received_at = received_at
      @last_delivery_at = last_delivery_at
      @next_attempt_at = next_attempt_at
      @ended_at = ended_at
      @body = body
      super()
    end

    # From a row of the view.
    # @return [EventRecord]
    def self.read(values)
      new(
        id: values["id"],
        endpoint: values["endpoint"],
        type: values["type"],
        key: values["key"],
        status: values["status"].to_sym,
        attempts: values["attempts"],
        max_attempts: values["max_attempts"],
        reason: values["reason"],
        delivery_id: values["delivery_id"],
        deliveries: values["deliveries"],
        received_at: Moment.to_time(values["received_at"]),
        last_delivery_at: Moment.to_time(values["last_delivery_at"]),
        next_attempt_at: Moment.to_time(values["next_attempt_at"]),
        ended_at: Moment.to_time(values["ended_at"]),
        body: values["body"]&.b
      )
    end
  end

  # What a failed attempt left behind.
  class Failure < Record
    FIELDS = %i[status next_attempt_at].freeze

    # `failed`, `dead` or `ignored`.
    # @return [Symbol]
    attr_reader :status

    # When the next attempt is due, in Unix milliseconds.
    # @return [Time, nil]
    attr_reader :next_attempt_at

    def initialize(status:, next_attempt_at: nil)
      @status = status
      @next_attempt_at = next_attempt_at
      super()
    end

    # From a result.
    # @return [Failure]
    def self.read(values)
      new(
        status: values["status"].to_sym,
        next_attempt_at: Moment.to_time(values["next_attempt_at"])
      )
    end
  end

  # One occurrence in a request: the whole of it, or one item of a batch.
  class Item < Record
    FIELDS = %i[type key].freeze

    # The type in the provider's own spelling.
    # @return [String, nil]
    attr_reader :type

    # The identity that dedupe uses: what stays the same when the sender retries and differs between two occurrences.
    # Null where the event is always new.
    # @return [String, nil]
    attr_reader :key

    def initialize(type: nil, key: nil)
      @type = type
      @key = key
      super()
    end

    # From a result.
    # @return [Item]
    def self.read(values)
      new(
        type: values["type"],
        key: values["key"]
      )
    end
  end

  # How long rows are kept. An age of nil keeps them for ever.
  class RetentionPolicy < Record
    FIELDS = %i[endpoint handled_s ignored_s dead_s deliveries_s audits_s interval_s limit].freeze

    # The endpoint; nil for every one without its own policy.
    # @return [String, nil]
    attr_reader :endpoint

    # Age of handled events, in seconds since their last activity.
    # @return [Integer, nil]
    attr_reader :handled_s

    # Age of ignored events.
    # @return [Integer, nil]
    attr_reader :ignored_s

    # Age of dead events.
    # @return [Integer, nil]
    attr_reader :dead_s

    # Age of deliveries that no event needs.
    # @return [Integer, nil]
    attr_reader :deliveries_s

    # Age of prune records.
    # @return [Integer, nil]
    attr_reader :audits_s

    # Seconds between passes.
    # @return [Integer]
    attr_reader :interval_s

    # Rows of a kind that one pass deletes at most.
    # @return [Integer]
    attr_reader :limit

    def initialize(
      endpoint: nil, handled_s: nil, ignored_s: nil, dead_s: nil, deliveries_s: nil, audits_s: nil, interval_s:, limit:
    )
      @endpoint = endpoint
      @handled_s = handled_s
      @ignored_s = ignored_s
      @dead_s = dead_s
      @deliveries_s = deliveries_s
      @audits_s = audits_s
      @interval_s = interval_s
      @limit = limit
      super()
    end

    # From a result.
    # @return [RetentionPolicy]
    def self.read(values)
      new(
        endpoint: values["endpoint"],
        handled_s: values["handled_s"],
        ignored_s: values["ignored_s"],
        dead_s: values["dead_s"],
        deliveries_s: values["deliveries_s"],
        audits_s: values["audits_s"],
        interval_s: values["interval_s"],
        limit: values["limit"]
      )
    end
  end

  # A stored retention policy.
  class PolicyRecord < Record
    FIELDS = %i[id endpoint policy next_run_at].freeze
    VIEW = "knocker_policies"

    # The id of the endpoint, 0 for the policy of every other one.
    # @return [Integer]
    attr_reader :id

    # The name of the endpoint; nil for the policy of every endpoint without its own.
    # @return [String, nil]
    attr_reader :endpoint

    # What it says.
    # @return [RetentionPolicy]
    attr_reader :policy

    # When its next pass is due.
    # @return [Time]
    attr_reader :next_run_at

    def initialize(id:, endpoint: nil, policy:, next_run_at:)
      @id = id
      @endpoint = endpoint
      @policy = policy
      @next_run_at = next_run_at
      super()
    end

    # From a row of the view.
    # @return [PolicyRecord]
    def self.read(values)
      new(
        id: values["id"],
        endpoint: values["endpoint"],
        policy: RetentionPolicy.read(JSON.parse(values["policy"])),
        next_run_at: Moment.to_time(values["next_run_at"])
      )
    end
  end

  # The record of one prune: what was asked for, and how many rows it deleted.
  class PruneRecord < Record
    FIELDS = %i[id kind filter events deliveries attempts audits pruned_at].freeze
    VIEW = "knocker_prunes"

    # Its id.
    # @return [Integer]
    attr_reader :id

    # What was pruned.
    # @return [Symbol]
    attr_reader :kind

    # What was asked for.
    # @return [Hash]
    attr_reader :filter

    # Events that went.
    # @return [Integer]
    attr_reader :events

    # Deliveries that went.
    # @return [Integer]
    attr_reader :deliveries

    # Attempts that went.
    # @return [Integer]
    attr_reader :attempts

    # Records of earlier prunes that went.
    # @return [Integer]
    attr_reader :audits

    # When.
    # @return [Time]
    attr_reader :pruned_at

    def initialize(id:, kind:, filter:, events:, deliveries:, attempts:, audits:, pruned_at:)
      @id = id
      @kind = kind
      @filter = filter
      @events = events
      @deliveries = deliveries
      @attempts = attempts
      @audits = audits
      @pruned_at = pruned_at
      super()
    end

    # From a row of the view.
    # @return [PruneRecord]
    def self.read(values)
      new(
        id: values["id"],
        kind: values["kind"].to_sym,
        filter: JSON.parse(values["filter"]),
        events: values["events"],
        deliveries: values["deliveries"],
        attempts: values["attempts"],
        audits: values["audits"],
        pruned_at: Moment.to_time(values["pruned_at"])
      )
    end
  end

  # The result of one prune.
  class PruneResult < Record
    FIELDS = %i[prune_id events deliveries attempts audits more dry_run].freeze

    # The id of its record; nil for a dry run.
    # @return [Integer, nil]
    attr_reader :prune_id

    # Events that went, or would go.
    # @return [Integer]
    attr_reader :events

    # Deliveries that went, or would go.
    # @return [Integer]
    attr_reader :deliveries

    # Attempts that went, or would go.
    # @return [Integer]
    attr_reader :attempts

    # Records of earlier prunes that went, or would go.
    # @return [Integer]
    attr_reader :audits

    # Whether the limit left more to prune.
    # @return [Boolean]
    attr_reader :more

    # Whether this only told what would happen.
    # @return [Boolean]
    attr_reader :dry_run

    def initialize(prune_id: nil, events:, deliveries:, attempts:, audits:, more:, dry_run:)
      @prune_id = prune_id
      @events = events
      @deliveries = deliveries
      @attempts = attempts
      @audits = audits
      @more = more
      @dry_run = dry_run
      super()
    end

    # From a result.
    # @return [PruneResult]
    def self.read(values)
      new(
        prune_id: values["prune_id"],
        events: values["events"],
        deliveries: values["deliveries"],
        attempts: values["attempts"],
        audits: values["audits"],
        more: values["more"],
        dry_run: values["dry_run"]
      )
    end
  end

  # An event of a receipt.
  class ReceivedEvent < Record
    FIELDS = %i[id duplicate].freeze

    # Its id.
    # @return [Integer]
    attr_reader :id

    # Whether it was there before.
    # @return [Boolean]
    attr_reader :duplicate

    def initialize(id:, duplicate:)
      @id = id
      @duplicate = duplicate
      super()
    end

    # From a result.
    # @return [ReceivedEvent]
    def self.read(values)
      new(
        id: values["id"],
        duplicate: values["duplicate"]
      )
    end
  end

  # An HTTP response that an adapter sends as it is.
  class WebhookResponse < Record
    FIELDS = %i[status headers body].freeze
    PRIVATE = %i[headers body].freeze

    # The status code.
    # @return [Integer]
    attr_reader :status

    # Header names in lower case, with their values.
    # @return [Hash]
    attr_reader :headers

    # The body.
    # @return [String]
    attr_reader :body

    def initialize(status:, headers:, body:)
      @status = status
      @headers = headers
      @body = body
      super()
    end

    # From a result.
    # @return [WebhookResponse]
    def self.read(values)
      new(
        status: values["status"],
        headers: values["headers"],
        body: values["body"]
      )
    end
  end

  # What became of one HTTP request: committed when you see it.
  class Receipt < Record
    FIELDS = %i[delivery_id outcome event_id events reason detail response].freeze
    PRIVATE = %i[response].freeze

    # The stored delivery; nil where the limit on refused receipts left only a count, or the provider never sends with
    # the request's method.
    # @return [Integer, nil]
    attr_reader :delivery_id

    # What became of it.
    # @return [Symbol]
    attr_reader :outcome

    # The first of `events`.
    # @return [Integer, nil]
    attr_reader :event_id

    # The events that this delivery created or repeated, in the order of the body.
    # @return [Array<ReceivedEvent>]
    attr_reader :events

    # Why it was refused.
    # @return [Symbol, nil]
    attr_reader :reason

    # The same in one sentence.
    # @return [String, nil]
    attr_reader :detail

    # What to answer.
    # @return [WebhookResponse]
    attr_reader :response

    def initialize(delivery_id: nil, outcome:, event_id: nil, events:, reason: nil, detail: nil, response:)
      @delivery_id = delivery_id
      @outcome = outcome
      @event_id = event_id
      @events = events
      @reason = reason
      @detail = detail
      @response = response
      super()
    end

    # From a result.
    # @return [Receipt]
    def self.read(values)
      new(
        delivery_id: values["delivery_id"],
        outcome: values["outcome"].to_sym,
        event_id: values["event_id"],
        events: values["events"].map { |one| ReceivedEvent.read(one) }.freeze,
        reason: values["reason"]&.to_sym,
        detail: values["detail"],
        response: WebhookResponse.read(values["response"])
      )
    end
  end

  # What `replay_delivery` put back.
  class ReplayedDelivery < Record
    FIELDS = %i[delivery_id event_ids].freeze

    # The delivery.
    # @return [Integer]
    attr_reader :delivery_id

    # Its events, each queued again with this delivery's body.
    # @return [Array<Integer>]
    attr_reader :event_ids

    def initialize(delivery_id:, event_ids:)
      @delivery_id = delivery_id
      @event_ids = event_ids
      super()
    end

    # From a result.
    # @return [ReplayedDelivery]
    def self.read(values)
      new(
        delivery_id: values["delivery_id"],
        event_ids: values["event_ids"].freeze
      )
    end
  end

  # What a pass did.
  class RetentionPass < Record
    FIELDS = %i[ran events deliveries attempts audits more].freeze

    # Whether a pass was due.
    # @return [Boolean]
    attr_reader :ran

    # Events that went, or would go.
    # @return [Integer]
    attr_reader :events

    # Deliveries that went, or would go.
    # @return [Integer]
    attr_reader :deliveries

    # Attempts that went, or would go.
    # @return [Integer]
    attr_reader :attempts

    # Records of earlier prunes that went, or would go.
    # @return [Integer]
    attr_reader :audits

    # Whether the limit left more, so that another pass is due at once.
    # @return [Boolean]
    attr_reader :more

    def initialize(ran:, events:, deliveries:, attempts:, audits:, more:)
      @ran = ran
      @events = events
      @deliveries = deliveries
      @attempts = attempts
      @audits = audits
      @more = more
      super()
    end

    # From a result.
    # @return [RetentionPass]
    def self.read(values)
      new(
        ran: values["ran"],
        events: values["events"],
        deliveries: values["deliveries"],
        attempts: values["attempts"],
        audits: values["audits"],
        more: values["more"]
      )
    end
  end

  # The figures of a database.
  class Stats < Record
    FIELDS = %i[endpoints events oldest_waiting_ms last_hour database_bytes].freeze

    # By endpoint, in the order of creation.
    # @return [Array<EndpointStats>]
    attr_reader :endpoints

    # Events by status over all endpoints.
    # @return [EventCounts]
    attr_reader :events

    # The longest over all endpoints.
    # @return [Integer, nil]
    attr_reader :oldest_waiting_ms

    # The sum over all endpoints.
    # @return [LastHour]
    attr_reader :last_hour

    # Size of the database file, in bytes.
    # @return [Integer]
    attr_reader :database_bytes

    def initialize(endpoints:, events:, oldest_waiting_ms: nil, last_hour:, database_bytes:)
      @endpoints = endpoints
      @events = events
      @oldest_waiting_ms = oldest_waiting_ms
      @last_hour = last_hour
      @database_bytes = database_bytes
      super()
    end

    # From a result.
    # @return [Stats]
    def self.read(values)
      new(
        endpoints: values["endpoints"].map { |one| EndpointStats.read(one) }.freeze,
        events: EventCounts.read(values["events"]),
        oldest_waiting_ms: values["oldest_waiting_ms"],
        last_hour: LastHour.read(values["last_hour"]),
        database_bytes: values["database_bytes"]
      )
    end
  end

  # What became of the event.
  class Transition < Record
    FIELDS = %i[event_id status changed].freeze

    # The event.
    # @return [Integer]
    attr_reader :event_id

    # Its status now.
    # @return [Symbol]
    attr_reader :status

    # Whether anything changed.
    # @return [Boolean]
    attr_reader :changed

    def initialize(event_id:, status:, changed:)
      @event_id = event_id
      @status = status
      @changed = changed
      super()
    end

    # From a result.
    # @return [Transition]
    def self.read(values)
      new(
        event_id: values["event_id"],
        status: values["status"].to_sym,
        changed: values["changed"]
      )
    end
  end

  # Whether a request is what it claims to be.
  class Verdict < Record
    FIELDS = %i[valid kind reason detail items response].freeze
    PRIVATE = %i[response].freeze

    # Whether it proved itself.
    # @return [Boolean]
    attr_reader :valid

    # What it is; nil where it was refused.
    # @return [Symbol, nil]
    attr_reader :kind

    # Why it was refused.
    # @return [Symbol, nil]
    attr_reader :reason

    # The same in one sentence.
    # @return [String, nil]
    attr_reader :detail

    # One for a single event, several for a batch, none for a handshake or a refusal.
    # @return [Array<Item>]
    attr_reader :items

    # What the provider expects as the answer.
    # @return [WebhookResponse]
    attr_reader :response

    def initialize(valid:, kind: nil, reason: nil, detail: nil, items:, response:)
      @valid = valid
      @kind = kind
      @reason = reason
      @detail = detail
      @items = items
      @response = response
      super()
    end

    # From a result.
    # @return [Verdict]
    def self.read(values)
      new(
        valid: values["valid"],
        kind: values["kind"]&.to_sym,
        reason: values["reason"]&.to_sym,
        detail: values["detail"],
        items: values["items"].map { |one| Item.read(one) }.freeze,
        response: WebhookResponse.read(values["response"])
      )
    end
  end
end
