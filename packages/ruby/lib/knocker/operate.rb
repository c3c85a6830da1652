# frozen_string_literal: true

require "json"

module Knocker
  # The operating half of {Hooks}: replay, requeue, ignore, prune, retention and stats. Thread-safe; each call is one transaction.
  module Operations
    # Changes the named settings of an endpoint and no others, such as `enabled: false`; nil puts a default back.
    # @return [Integer] its id
    # @raise [UnknownEndpointError] where there is none
    def update_endpoint(name, **settings)
      require_endpoint(name)
      @database.call("knocker_endpoint", name.to_s, Arguments.json("settings", EndpointSettings, settings))
    end

    # Handles an event again: from handled, failed, dead or ignored. With `force` from received and processing too: a worker that has it finds its
    # lease lost, and rolls back.
    # @return [Transition]
    # @raise [BadStateError, UnknownEventError]
    def replay(event_id, force: false) = transition("knocker_replay", event_id, options(force))

    # Gives an event that was not handled a new life: from failed, dead or ignored. With `force` from received and processing too.
    # @return [Transition]
    def requeue(event_id, force: false) = transition("knocker_requeue", event_id, options(force))

    # Says that an event will not be handled: from received, failed or dead; no effect on an ignored one. With `force` from processing too.
    # @return [Transition]
    def ignore(event_id, reason = nil, force: false) = transition("knocker_ignore", event_id, reason, options(force))

    # Runs the handlers on that delivery's own body. With `force` also where its events are received or processing.
    # @return [ReplayedDelivery]
    def replay_delivery(delivery_id, force: false)
      ReplayedDelivery.read(changing("knocker_replay_delivery", Where.row_id("delivery_id", delivery_id), options(force)))
    end

    # Replays every event that matches, oldest first: `replay_where(status: :dead, type: "invoice.*")`. The keys are those of {BulkFilter}: at least
    # one of `status`, `endpoint`, `type`, `since` and `until`; `limit` is 1000; `dry_run` only tells what would happen.
    # @return [BulkResult]
    def replay_where(**filter) = bulk("knocker_replay_where", filter)

    # Requeues every event that matches, as {#replay_where}.
    # @return [BulkResult]
    def requeue_where(**filter) = bulk("knocker_requeue_where", filter)

    # Ignores every event that matches, as {#replay_where}.
    # @return [BulkResult]
    def ignore_where(**filter) = bulk("knocker_ignore_where", filter)

    # Deletes ended events by their last activity, oldest first, with their attempts and deliveries, and records that it did. Give `older_than_s` or
    # `before`. `status` is handled and ignored unless named; dead events go only by name. The keys are those of {PruneEventsFilter}.
    # @return [PruneResult]
    def prune_events(**filter)
      Handlers.check_pattern(:type, filter[:type]) unless filter[:type].nil?
      PruneResult.read(changing("knocker_prune_events", Arguments.json("filter", PruneEventsFilter, filter)))
    end

    # Deletes deliveries that no event needs as its payload: refused ones, handshakes and duplicates. Give `older_than_s` or `before`. The keys are
    # those of {PruneDeliveriesFilter}.
    # @return [PruneResult]
    def prune_deliveries(**filter)
      PruneResult.read(changing("knocker_prune_deliveries", Arguments.json("filter", PruneDeliveriesFilter, filter)))
    end

    # Stores how long rows are kept, for one endpoint or for every one without its own policy. Workers run the passes. An age that is left out keeps
    # for ever; with no age at all the policy is removed. The keys are those of {RetentionSettings}.
    # @return [RetentionPolicy]
    def retention(endpoint = nil, **policy)
      given = Arguments.json("policy", RetentionSettings, { endpoint: endpoint, **policy })
      RetentionPolicy.read(changing("knocker_retention", given))
    end

    # Runs the pass of the retention policies that is due, if any.
    # @return [RetentionPass]
    def retain = RetentionPass.read(changing("knocker_retain"))

    # Counts by endpoint and status, the age of what waits, the last hour, and the size of the file.
    # @return [Stats]
    def stats = Stats.read(JSON.parse(@database.call("knocker_stats")))

    # Every metric as the text that Prometheus reads, or as OpenMetrics: see docs/metrics.md. {Hooks#metrics_rack} serves it.
    # @return [String]
    def metrics(openmetrics: false)
      @database.call("knocker_metrics", openmetrics ? "openmetrics" : "prometheus", @database.receive_durations.to_json)
    end

    private

    def transition(function, event_id, *arguments)
      Transition.read(changing(function, Where.row_id("event_id", event_id), *arguments))
    end

    def bulk(function, filter)
      Handlers.check_pattern(:type, filter[:type]) unless filter[:type].nil?
      # Names the nearest one, which nobody looks for inside a write transaction.
      require_endpoint(filter[:endpoint]) unless filter[:endpoint].nil?
      BulkResult.read(changing(function, Arguments.json("filter", BulkFilter, filter)))
    end

    def changing(function, *arguments)
      result = JSON.parse(@database.call(function, *arguments))
      @database.changed.notify
      result
    end

    def options(force) = force ? Arguments.json("options", ActionOptions, { force: force }) : nil
  end
end
