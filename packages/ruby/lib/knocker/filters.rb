# frozen_string_literal: true

# Generated from extension/contract/contract.json by `make contract`; do not edit.

module Knocker
  # What a caller that has verified a request itself says of it.
  module IngestFields
    KEYS = {
      # Only true creates an event.
      valid: :boolean,
      # The event's type.
      type: :text,
      # The identity that dedupe uses; it wins over the provider's ids.
      key: :text,
      # Why it is not valid.
      reason: :word,
      # The same in one sentence.
      detail: :text,
      # The provider's id of the occurrence.
      provider_event_id: :text,
      # The provider's id of the delivery.
      provider_delivery_id: :text,
      # The method of the request. Default "POST".
      method: :text,
      # Its URL. Default "/".
      url: :text,
      # Its headers.
      headers: :headers
    }.freeze
  end

  # Which jobs a worker takes.
  module ClaimFilter
    KEYS = {
      # Those of these endpoints; left out: of all.
      endpoints: :text
    }.freeze
  end

  # Whose next claim is asked about.
  module DueFilter
    KEYS = {
      # Those of these endpoints; left out: of all.
      endpoints: :text,
      # The name of the worker; left out: of one that holds nothing.
      worker: :text
    }.freeze
  end

  # How a failed attempt goes on.
  module FailedOptions
    KEYS = {
      # Seconds until the next attempt, instead of the endpoint's backoff. 0 to 2,592,000 seconds.
      retry_after_s: :seconds,
      # No further attempt.
      dead: :boolean,
      # No handler wants the event: the endpoint's `unhandled` decides.
      no_handler: :boolean
    }.freeze
  end

  # How an operator's action on one event is done.
  module ActionOptions
    KEYS = {
      # Also take an event that waits, or that a worker is working on: the worker finds its lease lost.
      force: :boolean
    }.freeze
  end

  # Which events a bulk action takes, oldest first: at least one of `status`, `endpoint`, `type`, `since` and `until`.
  module BulkFilter
    KEYS = {
      # One status or several, of those that the action leaves; with `force` those of waiting and running events too.
      status: :word,
      # The endpoint.
      endpoint: :text,
      # The type: exact, or `prefix.*`.
      type: :text,
      # Received at or after this time.
      since: :time,
      # Received before this time.
      until: :time,
      # Events that one call takes at most. 1 to 100,000. Default 1,000.
      limit: :integer,
      # Lets `status` name events that wait, or that a worker is working on: the worker finds its lease lost.
      force: :boolean,
      # Only tell what would happen.
      dry_run: :boolean
    }.freeze
  end

  # Which ended events to delete, oldest first. One of `older_than_s` and `before` is required.
  module PruneEventsFilter
    KEYS = {
      # The last activity (ended at, or last delivery) was longer ago than this. 0 to 100,000,000,000 seconds.
      older_than_s: :seconds,
      # The last activity was before this time.
      before: :time,
      # One status or several; dead events go only by name. Default ["handled", "ignored"].
      status: :word,
      # The endpoint.
      endpoint: :text,
      # The type: exact, or `prefix.*`.
      type: :text,
      # Events that one call deletes at most. 1 to 100,000. Default 1,000.
      limit: :integer,
      # Old prune records too.
      audits: :boolean,
      # Only tell what would happen.
      dry_run: :boolean
    }.freeze
  end

  # Which deliveries to delete, oldest first, of those that no event needs as its payload. One of `older_than_s` and
  # `before` is required.
  module PruneDeliveriesFilter
    KEYS = {
      # Received longer ago than this. 0 to 100,000,000,000 seconds.
      older_than_s: :seconds,
      # Received before this time.
      before: :time,
      # One outcome or several.
      outcome: :word,
      # The endpoint.
      endpoint: :text,
      # Deliveries that one call deletes at most. 1 to 100,000. Default 1,000.
      limit: :integer,
      # Only tell what would happen.
      dry_run: :boolean
    }.freeze
  end

  # How long rows are kept. An age that is left out or nil keeps them for ever; with no age at all the policy is
  # removed.
  module RetentionSettings
    KEYS = {
      # The endpoint; left out or nil: every one without its own policy.
      endpoint: :text,
      # Age of handled events, since their last activity. 0 to 100,000,000,000 seconds.
      handled_s: :whole_seconds,
      # Age of ignored events. 0 to 100,000,000,000 seconds.
      ignored_s: :whole_seconds,
      # Age of dead events. 0 to 100,000,000,000 seconds.
      dead_s: :whole_seconds,
      # Age of deliveries that no event needs. 0 to 100,000,000,000 seconds.
      deliveries_s: :whole_seconds,
      # Age of prune records, which belong to no endpoint: it goes without `endpoint`. 0 to 100,000,000,000 seconds.
      audits_s: :whole_seconds,
      # Time between passes. 1 to 31,536,000 seconds. Default 3,600.
      interval_s: :whole_seconds,
      # Rows of a kind that one pass deletes at most, over all endpoints. 1 to 100,000. Default 1,000.
      limit: :integer
    }.freeze
  end
end
