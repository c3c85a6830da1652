# Generated from extension/contract/contract.json by `make contract`; do not edit.

defmodule Knocker.AttemptRecord do
  @moduledoc """
  One attempt at an event.

  * `id` - grows, and is never used again.
  * `event_id` - the event.
  * `endpoint` - the name of its endpoint.
  * `delivery_id` - the delivery whose body the handlers got.
  * `attempt` - its number, from 1.
  * `result` - how it ended.
  * `error` - what went wrong, or why the event was ignored.
  * `worker` - the name of the worker.
  * `duration_ms` - how long it took; nil where the worker did not say.
  * `finished_at` - when it ended.
  """

  defstruct [
    :id,
    :event_id,
    :endpoint,
    :delivery_id,
    :attempt,
    :result,
    :error,
    :worker,
    :duration_ms,
    :finished_at
  ]

  @type t :: %__MODULE__{
          id: integer(),
          event_id: integer(),
          endpoint: String.t(),
          delivery_id: integer(),
          attempt: integer(),
          result: Knocker.AttemptResult.t(),
          error: String.t() | nil,
          worker: String.t(),
          duration_ms: integer() | nil,
          finished_at: DateTime.t()
        }

  @doc false
  @spec columns() :: String.t()
  def columns, do: "id, event_id, endpoint, delivery_id, attempt, result, error, worker, duration_ms, finished_at"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([id, event_id, endpoint, delivery_id, attempt, result, error, worker, duration_ms, finished_at]) do
    %__MODULE__{
      id: id,
      event_id: event_id,
      endpoint: endpoint,
      delivery_id: delivery_id,
      attempt: attempt,
      result: Knocker.AttemptResult.read(result),
      error: error,
      worker: worker,
      duration_ms: duration_ms,
      finished_at: Knocker.Moment.read(finished_at)
    }
  end
end

defmodule Knocker.Backoff do
  @moduledoc """
  Exponential backoff: `base_s` × `factor`ⁿ⁻¹ after attempt n, at most `cap_s`, and then ±10 % of jitter.

  * `base_s` - delay after the first attempt, in seconds.
  * `factor` - what each further attempt multiplies it by.
  * `cap_s` - the longest delay, in seconds.
  """

  defstruct [
    :base_s,
    :factor,
    :cap_s
  ]

  @type t :: %__MODULE__{
          base_s: number(),
          factor: number(),
          cap_s: number()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      base_s: json["base_s"],
      factor: json["factor"],
      cap_s: json["cap_s"]
    }
  end
end

defmodule Knocker.BulkResult do
  @moduledoc """
  How many events a bulk action found and changed.

  * `matched` - events that met the filter, within its limit.
  * `changed` - events that the action changed.
  * `more` - whether more events meet the filter than its limit let through.
  * `dry_run` - whether this only told what would happen.
  """

  defstruct [
    :matched,
    :changed,
    :more,
    :dry_run
  ]

  @type t :: %__MODULE__{
          matched: integer(),
          changed: integer(),
          more: boolean(),
          dry_run: boolean()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      matched: json["matched"],
      changed: json["changed"],
      more: json["more"],
      dry_run: json["dry_run"]
    }
  end
end

defmodule Knocker.DeliveryRecord do
  @moduledoc """
  One HTTP receipt, valid or not.

  * `id` - grows, and is never used again.
  * `endpoint` - the name of its endpoint.
  * `outcome` - what became of it.
  * `event_id` - the first of its events that still exists.
  * `reason` - why it was refused.
  * `detail` - the same in one sentence.
  * `provider_event_id` - the provider's id of the occurrence, where the caller of trusted ingress said it.
  * `provider_delivery_id` - the provider's id of the delivery, where the caller of trusted ingress said it.
  * `method` - the method, in capitals as sent.
  * `url` - the URL, credentials replaced.
  * `headers` - the headers, credentials replaced.
  * `body_size` - the size of the body.
  * `body_sha256` - the digest of a body that is not stored.
  * `received_at` - when it came.
  * `body` - the raw bytes, where they are kept.
  """

  # What strangers sent is not printed by the way.
  @derive {Inspect, except: [:url, :headers, :body]}
  defstruct [
    :id,
    :endpoint,
    :outcome,
    :event_id,
    :reason,
    :detail,
    :provider_event_id,
    :provider_delivery_id,
    :method,
    :url,
    :headers,
    :body_size,
    :body_sha256,
    :received_at,
    :body
  ]

  @type t :: %__MODULE__{
          id: integer(),
          endpoint: String.t(),
          outcome: Knocker.DeliveryOutcome.t(),
          event_id: integer() | nil,
          reason: Knocker.Reason.t() | nil,
          detail: String.t() | nil,
          provider_event_id: String.t() | nil,
          provider_delivery_id: String.t() | nil,
          method: String.t(),
          url: String.t(),
          headers: %{String.t() => String.t() | [String.t()]},
          body_size: integer(),
          body_sha256: String.t() | nil,
          received_at: DateTime.t(),
          body: binary() | nil
        }

  @doc false
  @spec columns() :: String.t()
  def columns,
    do:
      "id, endpoint, outcome, event_id, reason, detail, provider_event_id, provider_delivery_id, method, url, headers, body_size, body_sha256, received_at, body"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([
        id,
        endpoint,
        outcome,
        event_id,
        reason,
        detail,
        provider_event_id,
        provider_delivery_id,
        method,
        url,
        headers,
        body_size,
        body_sha256,
        received_at,
        body
      ]) do
    %__MODULE__{
      id: id,
      endpoint: endpoint,
      outcome: Knocker.DeliveryOutcome.read(outcome),
      event_id: event_id,
      reason: Knocker.Reason.read(reason),
      detail: detail,
      provider_event_id: provider_event_id,
      provider_delivery_id: provider_delivery_id,
      method: method,
      url: url,
      headers: Knocker.JSON.decode!(headers),
      body_size: body_size,
      body_sha256: body_sha256,
      received_at: Knocker.Moment.read(received_at),
      body: body
    }
  end
end

defmodule Knocker.EndpointRecord do
  @moduledoc """
  The stored settings of an endpoint.

  * `id` - its id.
  * `name` - its name.
  * `provider` - the name of its provider; nil where it takes trusted ingress only.
  * `options` - options of the provider.
  * `enabled` - whether receipts are taken.
  * `max_attempts` - attempts before an event is dead.
  * `backoff` - the delay between attempts.
  * `max_body_bytes` - larger bodies are refused before verification.
  * `unhandled` - what becomes of an event that no handler wants.
  * `on_redelivery` - what a duplicate does to its event.
  * `invalid_per_hour` - refused receipts that are stored in any hour.
  * `max_refused` - refused deliveries that are kept in all.
  * `max_refused_bytes` - bytes that they take at most.
  * `max_batch_events` - events that one delivery creates at most.
  * `created_at` - when it was created.
  * `updated_at` - when its settings were changed last.
  """

  defstruct [
    :id,
    :name,
    :provider,
    :options,
    :enabled,
    :max_attempts,
    :backoff,
    :max_body_bytes,
    :unhandled,
    :on_redelivery,
    :invalid_per_hour,
    :max_refused,
    :max_refused_bytes,
    :max_batch_events,
    :created_at,
    :updated_at
  ]

  @type t :: %__MODULE__{
          id: integer(),
          name: String.t(),
          provider: String.t() | nil,
          options: map(),
          enabled: boolean(),
          max_attempts: integer(),
          backoff: Knocker.Backoff.t(),
          max_body_bytes: integer(),
          unhandled: Knocker.Unhandled.t(),
          on_redelivery: Knocker.OnRedelivery.t(),
          invalid_per_hour: integer(),
          max_refused: integer(),
          max_refused_bytes: integer(),
          max_batch_events: integer(),
          created_at: DateTime.t(),
          updated_at: DateTime.t()
        }

  @doc false
  @spec columns() :: String.t()
  def columns,
    do:
      "id, name, provider, options, enabled, max_attempts, backoff, max_body_bytes, unhandled, on_redelivery, invalid_per_hour, max_refused, max_refused_bytes, max_batch_events, created_at, updated_at"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([
        id,
        name,
        provider,
        options,
        enabled,
        max_attempts,
        backoff,
        max_body_bytes,
        unhandled,
        on_redelivery,
        invalid_per_hour,
        max_refused,
        max_refused_bytes,
        max_batch_events,
        created_at,
        updated_at
      ]) do
    %__MODULE__{
      id: id,
      name: name,
      provider: provider,
      options: Knocker.JSON.decode!(options),
      enabled: enabled != 0,
      max_attempts: max_attempts,
      backoff: Knocker.Backoff.from_json(Knocker.JSON.decode!(backoff)),
      max_body_bytes: max_body_bytes,
      unhandled: Knocker.Unhandled.read(unhandled),
      on_redelivery: Knocker.OnRedelivery.read(on_redelivery),
      invalid_per_hour: invalid_per_hour,
      max_refused: max_refused,
      max_refused_bytes: max_refused_bytes,
      max_batch_events: max_batch_events,
      created_at: Knocker.Moment.read(created_at),
      updated_at: Knocker.Moment.read(updated_at)
    }
  end
end

defmodule Knocker.EventCounts do
  @moduledoc """
  Events by status.

  * `received` - waiting for their first attempt.
  * `processing` - being worked on.
  * `failed` - waiting for another attempt.
  * `handled` - done with.
  * `dead` - without further attempts.
  * `ignored` - not to be handled.
  """

  defstruct [
    :received,
    :processing,
    :failed,
    :handled,
    :dead,
    :ignored
  ]

  @type t :: %__MODULE__{
          received: integer(),
          processing: integer(),
          failed: integer(),
          handled: integer(),
          dead: integer(),
          ignored: integer()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      received: json["received"],
      processing: json["processing"],
      failed: json["failed"],
      handled: json["handled"],
      dead: json["dead"],
      ignored: json["ignored"]
    }
  end
end

defmodule Knocker.LastHour do
  @moduledoc """
  What happened in the last hour, or in one minute of it.

  * `receipts` - HTTP receipts, refused ones included.
  * `refused` - receipts without an event: invalid, too large, disabled, limited, and handshakes.
  * `failures` - failed attempts.
  """

  defstruct [
    :receipts,
    :refused,
    :failures
  ]

  @type t :: %__MODULE__{
          receipts: integer(),
          refused: integer(),
          failures: integer()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      receipts: json["receipts"],
      refused: json["refused"],
      failures: json["failures"]
    }
  end
end

defmodule Knocker.RefusedKept do
  @moduledoc """
  What an endpoint keeps of refused deliveries, of which strangers can send as many as they like.

  * `kept` - rows.
  * `bytes` - bytes of their columns.
  * `full` - whether a bound is reached, so that further ones are only counted: prune, or set a retention policy.
  """

  defstruct [
    :kept,
    :bytes,
    :full
  ]

  @type t :: %__MODULE__{
          kept: integer(),
          bytes: integer(),
          full: boolean()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      kept: json["kept"],
      bytes: json["bytes"],
      full: json["full"]
    }
  end
end

defmodule Knocker.EndpointStats do
  @moduledoc """
  The figures of one endpoint.

  * `endpoint` - its name.
  * `provider` - its provider.
  * `enabled` - whether it takes receipts.
  * `events` - events by status.
  * `oldest_waiting_ms` - how long the longest-waiting due job has been due, in milliseconds.
  * `last_hour` - what happened in the last hour.
  * `refused` - what is kept of refused deliveries.
  """

  defstruct [
    :endpoint,
    :provider,
    :enabled,
    :events,
    :oldest_waiting_ms,
    :last_hour,
    :refused
  ]

  @type t :: %__MODULE__{
          endpoint: String.t(),
          provider: String.t() | nil,
          enabled: boolean(),
          events: Knocker.EventCounts.t(),
          oldest_waiting_ms: integer() | nil,
          last_hour: Knocker.LastHour.t(),
          refused: Knocker.RefusedKept.t()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      endpoint: json["endpoint"],
      provider: json["provider"],
      enabled: json["enabled"],
      events: Knocker.EventCounts.from_json(json["events"]),
      oldest_waiting_ms: json["oldest_waiting_ms"],
      last_hour: Knocker.LastHour.from_json(json["last_hour"]),
      refused: Knocker.RefusedKept.from_json(json["refused"])
    }
  end
end

defmodule Knocker.EventDeliveryRecord do
  @moduledoc """
  That a delivery brought an event.

  * `event_id` - the event.
  * `delivery_id` - the delivery.
  * `duplicate` - false for the delivery that created the event, true for a repeat.
  """

  defstruct [
    :event_id,
    :delivery_id,
    :duplicate
  ]

  @type t :: %__MODULE__{
          event_id: integer(),
          delivery_id: integer(),
          duplicate: boolean()
        }

  @doc false
  @spec columns() :: String.t()
  def columns, do: "event_id, delivery_id, duplicate"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([event_id, delivery_id, duplicate]) do
    %__MODULE__{
      event_id: event_id,
      delivery_id: delivery_id,
      duplicate: duplicate != 0
    }
  end
end

defmodule Knocker.EventRecord do
  @moduledoc """
  An event: what the business logic handles once.

  * `id` - grows, and is never used again.
  * `endpoint` - the name of its endpoint.
  * `type` - the type in the provider's own spelling.
  * `key` - the identity that dedupe uses; nil where the event is always new.
  * `status` - where it stands.
  * `attempts` - attempts that count, since it was received or put back.
  * `max_attempts` - attempts before it is dead.
  * `reason` - why it is failed, dead or ignored.
  * `delivery_id` - the delivery whose body it has.
  * `deliveries` - how often it was delivered.
  * `received_at` - when its first delivery came.
  * `last_delivery_at` - when its last one came.
  * `next_attempt_at` - when the next attempt is due; nil where none waits.
  * `ended_at` - when it was handled or ignored, or died.
  * `body` - its payload: the whole body, or its own item of a batch.
  """

  # What strangers sent is not printed by the way.
  @derive {Inspect, except: [:body]}
  defstruct [
    :id,
    :endpoint,
    :type,
    :key,
    :status,
    :attempts,
    :max_attempts,
    :reason,
    :delivery_id,
    :deliveries,
    :received_at,
    :last_delivery_at,
    :next_attempt_at,
    :ended_at,
    :body
  ]

  @type t :: %__MODULE__{
          id: integer(),
          endpoint: String.t(),
          type: String.t() | nil,
          key: String.t() | nil,
          status: Knocker.EventStatus.t(),
          attempts: integer(),
          max_attempts: integer(),
          reason: String.t() | nil,
          delivery_id: integer(),
          deliveries: integer(),
          received_at: DateTime.t(),
          last_delivery_at: DateTime.t(),
          next_attempt_at: DateTime.t() | nil,
          ended_at: DateTime.t() | nil,
          body: binary() | nil
        }

  @doc false
  @spec columns() :: String.t()
  def columns,
    do:
      "id, endpoint, type, key, status, attempts, max_attempts, reason, delivery_id, deliveries, received_at, last_delivery_at, next_attempt_at, ended_at, body"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([
        id,
        endpoint,
        type,
        key,
        status,
        attempts,
        max_attempts,
        reason,
        delivery_id,
        deliveries,
        received_at,
        last_delivery_at,
        next_attempt_at,
        ended_at,
        body
      ]) do
    %__MODULE__{
      id: id,
      endpoint: endpoint,
      type: type,
      key: key,
      status: Knocker.EventStatus.read(status),
      attempts: attempts,
      max_attempts: max_attempts,
      reason: reason,
      delivery_id: delivery_id,
      deliveries: deliveries,
      received_at: Knocker.Moment.read(received_at),
      last_delivery_at: Knocker.Moment.read(last_delivery_at),
      next_attempt_at: Knocker.Moment.read(next_attempt_at),
      ended_at: Knocker.Moment.read(ended_at),
      body: body
    }
  end
end

defmodule Knocker.Failure do
  @moduledoc """
  What a failed attempt left behind.

  * `status` - `failed`, `dead` or `ignored`.
  * `next_attempt_at` - when the next attempt is due, in Unix milliseconds.
  """

  defstruct [
    :status,
    :next_attempt_at
  ]

  @type t :: %__MODULE__{
          status: Knocker.EventStatus.t(),
          next_attempt_at: DateTime.t() | nil
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      status: Knocker.EventStatus.read(json["status"]),
      next_attempt_at: Knocker.Moment.read(json["next_attempt_at"])
    }
  end
end

defmodule Knocker.Item do
  @moduledoc """
  One occurrence in a request: the whole of it, or one item of a batch.

  * `type` - the type in the provider's own spelling.
  * `key` - the identity that dedupe uses: what stays the same when the sender retries and differs between two occurrences. Null where the
    event is always new.
  """

  defstruct [
    :type,
    :key
  ]

  @type t :: %__MODULE__{
          type: String.t() | nil,
          key: String.t() | nil
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      type: json["type"],
      key: json["key"]
    }
  end
end

defmodule Knocker.RetentionPolicy do
  @moduledoc """
  How long rows are kept. An age of nil keeps them for ever.

  * `endpoint` - the endpoint; nil for every one without its own policy.
  * `handled_s` - age of handled events, in seconds since their last activity.
  * `ignored_s` - age of ignored events.
  * `dead_s` - age of dead events.
  * `deliveries_s` - age of deliveries that no event needs.
  * `audits_s` - age of prune records.
  * `interval_s` - seconds between passes.
  * `limit` - rows of a kind that one pass deletes at most.
  """

  defstruct [
    :endpoint,
    :handled_s,
    :ignored_s,
    :dead_s,
    :deliveries_s,
    :audits_s,
    :interval_s,
    :limit
  ]

  @type t :: %__MODULE__{
          endpoint: String.t() | nil,
          handled_s: integer() | nil,
          ignored_s: integer() | nil,
          dead_s: integer() | nil,
          deliveries_s: integer() | nil,
          audits_s: integer() | nil,
          interval_s: integer(),
          limit: integer()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      endpoint: json["endpoint"],
      handled_s: json["handled_s"],
      ignored_s: json["ignored_s"],
      dead_s: json["dead_s"],
      deliveries_s: json["deliveries_s"],
      audits_s: json["audits_s"],
      interval_s: json["interval_s"],
      limit: json["limit"]
    }
  end
end

defmodule Knocker.PolicyRecord do
  @moduledoc """
  A stored retention policy.

  * `id` - the id of the endpoint, 0 for the policy of every other one.
  * `endpoint` - the name of the endpoint; nil for the policy of every endpoint without its own.
  * `policy` - what it says.
  * `next_run_at` - when its next pass is due.
  """

  defstruct [
    :id,
    :endpoint,
    :policy,
    :next_run_at
  ]

  @type t :: %__MODULE__{
          id: integer(),
          endpoint: String.t() | nil,
          policy: Knocker.RetentionPolicy.t(),
          next_run_at: DateTime.t()
        }

  @doc false
  @spec columns() :: String.t()
  def columns, do: "id, endpoint, policy, next_run_at"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([id, endpoint, policy, next_run_at]) do
    %__MODULE__{
      id: id,
      endpoint: endpoint,
      policy: Knocker.RetentionPolicy.from_json(Knocker.JSON.decode!(policy)),
      next_run_at: Knocker.Moment.read(next_run_at)
    }
  end
end

defmodule Knocker.PruneRecord do
  @moduledoc """
  The record of one prune: what was asked for, and how many rows it deleted.

  * `id` - its id.
  * `kind` - what was pruned.
  * `filter` - what was asked for.
  * `events` - events that went.
  * `deliveries` - deliveries that went.
  * `attempts` - attempts that went.
  * `audits` - records of earlier prunes that went.
  * `pruned_at` - when.
  """

  defstruct [
    :id,
    :kind,
    :filter,
    :events,
    :deliveries,
    :attempts,
    :audits,
    :pruned_at
  ]

  @type t :: %__MODULE__{
          id: integer(),
          kind: Knocker.PruneKind.t(),
          filter: map(),
          events: integer(),
          deliveries: integer(),
          attempts: integer(),
          audits: integer(),
          pruned_at: DateTime.t()
        }

  @doc false
  @spec columns() :: String.t()
  def columns, do: "id, kind, filter, events, deliveries, attempts, audits, pruned_at"

  @doc false
  @spec from_row([Knocker.Driver.value()]) :: t()
  def from_row([id, kind, filter, events, deliveries, attempts, audits, pruned_at]) do
    %__MODULE__{
      id: id,
      kind: Knocker.PruneKind.read(kind),
      filter: Knocker.JSON.decode!(filter),
      events: events,
      deliveries: deliveries,
      attempts: attempts,
      audits: audits,
      pruned_at: Knocker.Moment.read(pruned_at)
    }
  end
end

defmodule Knocker.PruneResult do
  @moduledoc """
  The result of one prune.

  * `prune_id` - the id of its record; nil for a dry run.
  * `events` - events that went, or would go.
  * `deliveries` - deliveries that went, or would go.
  * `attempts` - attempts that went, or would go.
  * `audits` - records of earlier prunes that went, or would go.
  * `more` - whether the limit left more to prune.
  * `dry_run` - whether this only told what would happen.
  """

  defstruct [
    :prune_id,
    :events,
    :deliveries,
    :attempts,
    :audits,
    :more,
    :dry_run
  ]

  @type t :: %__MODULE__{
          prune_id: integer() | nil,
          events: integer(),
          deliveries: integer(),
          attempts: integer(),
          audits: integer(),
          more: boolean(),
          dry_run: boolean()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      prune_id: json["prune_id"],
      events: json["events"],
      deliveries: json["deliveries"],
      attempts: json["attempts"],
      audits: json["audits"],
      more: json["more"],
      dry_run: json["dry_run"]
    }
  end
end

defmodule Knocker.ReceivedEvent do
  @moduledoc """
  An event of a receipt.

  * `id` - its id.
  * `duplicate` - whether it was there before.
  """

  defstruct [
    :id,
    :duplicate
  ]

  @type t :: %__MODULE__{
          id: integer(),
          duplicate: boolean()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      id: json["id"],
      duplicate: json["duplicate"]
    }
  end
end

defmodule Knocker.WebhookResponse do
  @moduledoc """
  An HTTP response that an adapter sends as it is.

  * `status` - the status code.
  * `headers` - header names in lower case, with their values.
  * `body` - the body.
  """

  # What strangers sent is not printed by the way.
  @derive {Inspect, except: [:headers, :body]}
  defstruct [
    :status,
    :headers,
    :body
  ]

  @type t :: %__MODULE__{
          status: integer(),
          headers: %{String.t() => String.t()},
          body: String.t()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      status: json["status"],
      headers: json["headers"],
      body: json["body"]
    }
  end
end

defmodule Knocker.Receipt do
  @moduledoc """
  What became of one HTTP request: committed when you see it.

  * `delivery_id` - the stored delivery; nil where the limit on refused receipts left only a count, or the provider never sends with the
    request's method.
  * `outcome` - what became of it.
  * `event_id` - the first of `events`.
  * `events` - the events that this delivery created or repeated, in the order of the body.
  * `reason` - why it was refused.
  * `detail` - the same in one sentence.
  * `response` - what to answer.
  """

  # What strangers sent is not printed by the way.
  @derive {Inspect, except: [:response]}
  defstruct [
    :delivery_id,
    :outcome,
    :event_id,
    :events,
    :reason,
    :detail,
    :response
  ]

  @type t :: %__MODULE__{
          delivery_id: integer() | nil,
          outcome: Knocker.ReceiptOutcome.t(),
          event_id: integer() | nil,
          events: [Knocker.ReceivedEvent.t()],
          reason: Knocker.Reason.t() | nil,
          detail: String.t() | nil,
          response: Knocker.WebhookResponse.t()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      delivery_id: json["delivery_id"],
      outcome: Knocker.ReceiptOutcome.read(json["outcome"]),
      event_id: json["event_id"],
      events: Enum.map(json["events"], &Knocker.ReceivedEvent.from_json/1),
      reason: Knocker.Reason.read(json["reason"]),
      detail: json["detail"],
      response: Knocker.WebhookResponse.from_json(json["response"])
    }
  end
end

defmodule Knocker.ReplayedDelivery do
  @moduledoc """
  What `replay_delivery` put back.

  * `delivery_id` - the delivery.
  * `event_ids` - its events, each queued again with this delivery's body.
  """

  defstruct [
    :delivery_id,
    :event_ids
  ]

  @type t :: %__MODULE__{
          delivery_id: integer(),
          event_ids: [integer()]
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      delivery_id: json["delivery_id"],
      event_ids: json["event_ids"]
    }
  end
end

defmodule Knocker.RetentionPass do
  @moduledoc """
  What a pass did.

  * `ran` - whether a pass was due.
  * `events` - events that went, or would go.
  * `deliveries` - deliveries that went, or would go.
  * `attempts` - attempts that went, or would go.
  * `audits` - records of earlier prunes that went, or would go.
  * `more` - whether the limit left more, so that another pass is due at once.
  """

  defstruct [
    :ran,
    :events,
    :deliveries,
    :attempts,
    :audits,
    :more
  ]

  @type t :: %__MODULE__{
          ran: boolean(),
          events: integer(),
          deliveries: integer(),
          attempts: integer(),
          audits: integer(),
          more: boolean()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      ran: json["ran"],
      events: json["events"],
      deliveries: json["deliveries"],
      attempts: json["attempts"],
      audits: json["audits"],
      more: json["more"]
    }
  end
end

defmodule Knocker.Stats do
  @moduledoc """
  The figures of a database.

  * `endpoints` - by endpoint, in the order of creation.
  * `events` - events by status over all endpoints.
  * `oldest_waiting_ms` - the longest over all endpoints.
  * `last_hour` - the sum over all endpoints.
  * `database_bytes` - size of the database file, in bytes.
  """

  defstruct [
    :endpoints,
    :events,
    :oldest_waiting_ms,
    :last_hour,
    :database_bytes
  ]

  @type t :: %__MODULE__{
          endpoints: [Knocker.EndpointStats.t()],
          events: Knocker.EventCounts.t(),
          oldest_waiting_ms: integer() | nil,
          last_hour: Knocker.LastHour.t(),
          database_bytes: integer()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      endpoints: Enum.map(json["endpoints"], &Knocker.EndpointStats.from_json/1),
      events: Knocker.EventCounts.from_json(json["events"]),
      oldest_waiting_ms: json["oldest_waiting_ms"],
      last_hour: Knocker.LastHour.from_json(json["last_hour"]),
      database_bytes: json["database_bytes"]
    }
  end
end

defmodule Knocker.Transition do
  @moduledoc """
  What became of the event.

  * `event_id` - the event.
  * `status` - its status now.
  * `changed` - whether anything changed.
  """

  defstruct [
    :event_id,
    :status,
    :changed
  ]

  @type t :: %__MODULE__{
          event_id: integer(),
          status: Knocker.EventStatus.t(),
          changed: boolean()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      event_id: json["event_id"],
      status: Knocker.EventStatus.read(json["status"]),
      changed: json["changed"]
    }
  end
end

defmodule Knocker.Verdict do
  @moduledoc """
  Whether a request is what it claims to be.

  * `valid` - whether it proved itself.
  * `kind` - what it is; nil where it was refused.
  * `reason` - why it was refused.
  * `detail` - the same in one sentence.
  * `items` - one for a single event, several for a batch, none for a handshake or a refusal.
  * `response` - what the provider expects as the answer.
  """

  # What strangers sent is not printed by the way.
  @derive {Inspect, except: [:response]}
  defstruct [
    :valid,
    :kind,
    :reason,
    :detail,
    :items,
    :response
  ]

  @type t :: %__MODULE__{
          valid: boolean(),
          kind: Knocker.VerdictKind.t() | nil,
          reason: Knocker.Reason.t() | nil,
          detail: String.t() | nil,
          items: [Knocker.Item.t()],
          response: Knocker.WebhookResponse.t()
        }

  @doc false
  @spec from_json(map()) :: t()
  def from_json(json) do
    %__MODULE__{
      valid: json["valid"],
      kind: Knocker.VerdictKind.read(json["kind"]),
      reason: Knocker.Reason.read(json["reason"]),
      detail: json["detail"],
      items: Enum.map(json["items"], &Knocker.Item.from_json/1),
      response: Knocker.WebhookResponse.from_json(json["response"])
    }
  end
end
