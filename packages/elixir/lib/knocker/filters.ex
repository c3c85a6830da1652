# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.IngestFields do
  @moduledoc """
  What a caller that has verified a request itself says of it.

  A keyword list, or a map.

  * `valid` - only true creates an event.
  * `type` - the event's type.
  * `key` - the identity that dedupe uses; it wins over the provider's ids.
  * `reason` - why it is not valid.
  * `detail` - the same in one sentence.
  * `provider_event_id` - the provider's id of the occurrence.
  * `provider_delivery_id` - the provider's id of the delivery.
  * `method` - the method of the request. Default `:POST`.
  * `url` - its URL. Default "/".
  * `headers` - its headers.
  """

  @type option ::
          {:valid, boolean()}
          | {:type, String.t() | nil}
          | {:key, String.t() | nil}
          | {:reason, Knocker.Reason.t() | nil}
          | {:detail, String.t() | nil}
          | {:provider_event_id, String.t() | nil}
          | {:provider_delivery_id, String.t() | nil}
          | {:method, String.t() | nil}
          | {:url, String.t() | nil}
          | {:headers, map() | [{String.t(), String.t()}] | nil}

  @type t :: [option()] | map()

  @keys [
    :valid,
    :type,
    :key,
    :reason,
    :detail,
    :provider_event_id,
    :provider_delivery_id,
    :method,
    :url,
    :headers
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "IngestFields", %{headers: :headers})
end

defmodule Knocker.ClaimFilter do
  @moduledoc """
  Which jobs a worker takes.

  A keyword list, or a map.

  * `endpoints` - those of these endpoints; left out: of all.
  """

  @type option :: {:endpoints, String.t() | [String.t()] | nil}

  @type t :: [option()] | map()

  @keys [
    :endpoints
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "ClaimFilter", %{})
end

defmodule Knocker.DueFilter do
  @moduledoc """
  Whose next claim is asked about.

  A keyword list, or a map.

  * `endpoints` - those of these endpoints; left out: of all.
  * `worker` - the name of the worker; left out: of one that holds nothing.
  """

  @type option :: {:endpoints, String.t() | [String.t()] | nil} | {:worker, String.t() | nil}

  @type t :: [option()] | map()

  @keys [
    :endpoints,
    :worker
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "DueFilter", %{})
end

defmodule Knocker.FailedOptions do
  @moduledoc """
  How a failed attempt goes on.

  A keyword list, or a map.

  * `retry_after_s` - seconds until the next attempt, instead of the endpoint's backoff. 0 to 2,592,000 seconds.
  * `dead` - no further attempt.
  * `no_handler` - no handler wants the event: the endpoint's `unhandled` decides.
  """

  @type option :: {:retry_after_s, number() | nil} | {:dead, boolean() | nil} | {:no_handler, boolean() | nil}

  @type t :: [option()] | map()

  @keys [
    :retry_after_s,
    :dead,
    :no_handler
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "FailedOptions", %{})
end

defmodule Knocker.ActionOptions do
  @moduledoc """
  How an operator's action on one event is done.

  A keyword list, or a map.

  * `force` - also take an event that waits, or that a worker is working on: the worker finds its lease lost.
  """

  @type option :: {:force, boolean() | nil}

  @type t :: [option()] | map()

  @keys [
    :force
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "ActionOptions", %{})
end

defmodule Knocker.BulkFilter do
  @moduledoc """
  Which events a bulk action takes, oldest first: at least one of `status`, `endpoint`, `type`, `since` and `until`.

  A keyword list, or a map.

  * `status` - one status or several, of those that the action leaves; with `force` those of waiting and running events too.
  * `endpoint` - the endpoint.
  * `type` - the type: exact, or `prefix.*`.
  * `since` - received at or after this time.
  * `until` - received before this time.
  * `limit` - events that one call takes at most. 1 to 100,000. Default 1,000.
  * `force` - lets `status` name events that wait, or that a worker is working on: the worker finds its lease lost.
  * `dry_run` - only tell what would happen.
  """

  @type option ::
          {:status, Knocker.EventStatus.t() | [Knocker.EventStatus.t()] | nil}
          | {:endpoint, String.t() | nil}
          | {:type, String.t() | nil}
          | {:since, DateTime.t() | integer() | nil}
          | {:until, DateTime.t() | integer() | nil}
          | {:limit, integer() | nil}
          | {:force, boolean() | nil}
          | {:dry_run, boolean() | nil}

  @type t :: [option()] | map()

  @keys [
    :status,
    :endpoint,
    :type,
    :since,
    :until,
    :limit,
    :force,
    :dry_run
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "BulkFilter", %{})
end

defmodule Knocker.PruneEventsFilter do
  @moduledoc """
  Which ended events to delete, oldest first. One of `older_than_s` and `before` is required.

  A keyword list, or a map.

  * `older_than_s` - the last activity (ended at, or last delivery) was longer ago than this. 0 to 100,000,000,000 seconds.
  * `before` - the last activity was before this time.
  * `status` - one status or several; dead events go only by name. Default [`:handled`, `:ignored`].
  * `endpoint` - the endpoint.
  * `type` - the type: exact, or `prefix.*`.
  * `limit` - events that one call deletes at most. 1 to 100,000. Default 1,000.
  * `audits` - old prune records too.
  * `dry_run` - only tell what would happen.
  """

  @type option ::
          {:older_than_s, number() | nil}
          | {:before, DateTime.t() | integer() | nil}
          | {:status, :handled | :ignored | :dead | [:handled | :ignored | :dead] | nil}
          | {:endpoint, String.t() | nil}
          | {:type, String.t() | nil}
          | {:limit, integer() | nil}
          | {:audits, boolean() | nil}
          | {:dry_run, boolean() | nil}

  @type t :: [option()] | map()

  @keys [
    :older_than_s,
    :before,
    :status,
    :endpoint,
    :type,
    :limit,
    :audits,
    :dry_run
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "PruneEventsFilter", %{})
end

defmodule Knocker.PruneDeliveriesFilter do
  @moduledoc """
  Which deliveries to delete, oldest first, of those that no event needs as its payload. One of `older_than_s` and `before` is required.

  A keyword list, or a map.

  * `older_than_s` - received longer ago than this. 0 to 100,000,000,000 seconds.
  * `before` - received before this time.
  * `outcome` - one outcome or several.
  * `endpoint` - the endpoint.
  * `limit` - deliveries that one call deletes at most. 1 to 100,000. Default 1,000.
  * `dry_run` - only tell what would happen.
  """

  @type option ::
          {:older_than_s, number() | nil}
          | {:before, DateTime.t() | integer() | nil}
          | {:outcome,
             :invalid | :handshake | :too_large | :disabled | :duplicate | [:invalid | :handshake | :too_large | :disabled | :duplicate] | nil}
          | {:endpoint, String.t() | nil}
          | {:limit, integer() | nil}
          | {:dry_run, boolean() | nil}

  @type t :: [option()] | map()

  @keys [
    :older_than_s,
    :before,
    :outcome,
    :endpoint,
    :limit,
    :dry_run
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "PruneDeliveriesFilter", %{})
end

defmodule Knocker.RetentionSettings do
  @moduledoc """
  How long rows are kept. An age that is left out or nil keeps them for ever; with no age at all the policy is removed.

  A keyword list, or a map.

  * `endpoint` - the endpoint; left out or nil: every one without its own policy.
  * `handled_s` - age of handled events, since their last activity. 0 to 100,000,000,000 seconds.
  * `ignored_s` - age of ignored events. 0 to 100,000,000,000 seconds.
  * `dead_s` - age of dead events. 0 to 100,000,000,000 seconds.
  * `deliveries_s` - age of deliveries that no event needs. 0 to 100,000,000,000 seconds.
  * `audits_s` - age of prune records, which belong to no endpoint: it goes without `endpoint`. 0 to 100,000,000,000 seconds.
  * `interval_s` - time between passes. 1 to 31,536,000 seconds. Default 3,600.
  * `limit` - rows of a kind that one pass deletes at most, over all endpoints. 1 to 100,000. Default 1,000.
  """

  @type option ::
          {:endpoint, String.t() | nil}
          | {:handled_s, integer() | nil}
          | {:ignored_s, integer() | nil}
          | {:dead_s, integer() | nil}
          | {:deliveries_s, integer() | nil}
          | {:audits_s, integer() | nil}
          | {:interval_s, integer() | nil}
          | {:limit, integer() | nil}

  @type t :: [option()] | map()

  @keys [
    :endpoint,
    :handled_s,
    :ignored_s,
    :dead_s,
    :deliveries_s,
    :audits_s,
    :interval_s,
    :limit
  ]

  @doc "The names of all of them."
  @spec keys() :: [atom()]
  def keys, do: @keys

  @doc false
  @spec to_map(t()) :: %{String.t() => term()}
  def to_map(given), do: Knocker.Arguments.to_map(given, "RetentionSettings", %{})
end
