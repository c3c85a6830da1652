defmodule Knocker do
  @moduledoc """
  Receives webhooks durably in an application that runs on SQLite: verified, stored and deduped before the provider gets its 2xx; a worker handles the event
  later, with retries, dead letters and replay, and commits what the handler wrote together with the event.

      children = [
        {Knocker, name: MyApp.Hooks, database: "app.db",
         endpoints: [stripe: [provider: "stripe", secrets: [System.fetch_env!("STRIPE_WEBHOOK_SECRET")], handler: MyApp.StripeHandler]]},
        {Knocker.Worker, hooks: MyApp.Hooks, concurrency: 2}
      ]

  Hooks are the webhooks of one SQLite file, and are named by the `name:` that they are started with. Functions give `{:ok, result}` or
  `{:error, exception}`; each exception has a stable `code`, `retryable`, and a `hint` for the person who reads it (`Knocker.Errors`). Lists are streams,
  which raise.
  """

  alias Knocker.{
    Arguments,
    BulkResult,
    Database,
    Endpoint,
    EndpointSettings,
    Errors,
    Hooks,
    IngestFields,
    JSON,
    OwnLock,
    PruneResult,
    Receipt,
    ReceiveDurations
  }

  alias Knocker.{ReplayedDelivery, RetentionPass, RetentionPolicy, Stats, Telemetry, Transaction, Transition, Verdict, WebhookRequest, Worker}

  @typedoc "The name that hooks were started with."
  @type hooks :: term()

  @type result(value) :: {:ok, value} | {:error, Exception.t()}

  @doc """
  Hooks as a child of a supervisor.

  Options:

  * `:name`: how they are called; `Knocker` by default
  * `:database`: the path of the file, which is created or migrated; required
  * `:endpoints`: names with their settings, see `t:Knocker.Endpoint.settings/0`
  * `:driver`: a `Knocker.Driver`; exqlite's by default, where the application has it
  * `:synchronous`: `:full`, or `:normal`, which commits without a sync of its own: several times as fast, and a power cut takes what was acknowledged in the
    last moments
  * `:busy_timeout_ms`: how long a call waits for another process's write lock; 5000 by default
  * `:replicated`: the path of the control socket of a Litestream that replicates the file: a receipt is answered once the replica has it. One that it does
    not get in time is stored and gives a `Knocker.NotReplicatedError`, which is answered with 503; what the sender sends again is a duplicate
  * `:replicated_timeout_ms`: how long a receipt waits for the replica; 5000 by default
  * `:extension`: the path of the loadable library, instead of `KNOCKER_EXTENSION` or the one that this package carries
  * `:public_url`: the application's base URL as providers know it; some sign the URL that they call
  * `:trusted_proxies`: addresses or networks whose `X-Forwarded-Proto` and `X-Forwarded-Host` are believed: `"10.0.0.0/8"`, `"::1"`, `:unix`
  * `:body_timeout_ms`: how long a request may take to send its body; 30 000 by default
  * `:on_error`: a function that is told of each failed attempt, once, with the exception and the event
  * `:on_dead`: a function that is told of each event that will not be tried again, with the event and the stored reason
  * `:telemetry`: a function of name, measurements and metadata, see `Knocker.Telemetry`
  * `:clock`: a function that gives the time, for tests
  """
  def child_spec(options) do
    %{
      id: options |> Arguments.keywords("the options of Knocker") |> Keyword.get(:name, __MODULE__),
      # A function, so that no report of a supervisor prints the secrets among them.
      start: {Hooks, :start_link, [fn -> options end]},
      # Hooks that were closed stay closed.
      restart: :transient,
      shutdown: :infinity
    }
  end

  @doc "Starts hooks with the options of `child_spec/1`."
  @spec start_link(keyword()) :: {:ok, pid()} | {:error, term()}
  def start_link(options), do: Hooks.start_link(fn -> options end)

  @doc """
  Ends the workers of these hooks as their supervisor does, commits what is queued, and closes the file. A supervisor does not start them again, nor their
  workers: `Supervisor.restart_child/2` does. Hooks that fail are started again, as its other children are. A handler that waited for it would wait for itself, which is a `Knocker.UsageError`: there, start a process for it. Using the hooks
  afterwards is a `Knocker.ClosedError`.
  """
  @spec close(hooks()) :: :ok
  def close(hooks) do
    with {:ok, found} <- Hooks.fetch(hooks),
         :ok <- OwnLock.refuse_end(found),
         [{pid, _hooks}] <- Registry.lookup(Knocker.Registry, found.name) do
      Hooks.put_number(found, :closing, 1)
      Worker.stop_all(found)
      GenServer.stop(pid)
    end

    :ok
  catch
    # Somebody else was faster.
    :exit, _reason -> :ok
  end

  @doc "Whether somebody closes these hooks, or has closed them: what takes long can end sooner then."
  @spec closing?(hooks()) :: boolean()
  def closing?(hooks) do
    case Hooks.fetch(hooks) do
      {:ok, found} -> Hooks.number(found, :closing) == 1
      {:error, _closed} -> true
    end
  end

  @doc "Names an endpoint of these hooks, for `receive/2`, `ingest/3`, `verify/2` and `sign/3`."
  @spec endpoint(hooks(), atom() | String.t()) :: Endpoint.t()
  def endpoint(hooks, name), do: %Endpoint{hooks: hooks, name: Arguments.endpoint(name)}

  @doc """
  Creates or updates an endpoint, as `endpoints:` of the hooks do. The settings are the whole truth: what is left out gets its default; `enabled` alone keeps
  its stored value, so that an operator's switch outlives a deploy.
  """
  @spec endpoint(hooks(), atom() | String.t(), Endpoint.settings()) :: result(Endpoint.t())
  def endpoint(hooks, name, settings), do: with({:ok, hooks} <- Hooks.fetch(hooks), do: Endpoint.declare(hooks, name, settings))

  @doc """
  Takes an endpoint that is stored in the file, with its settings as they are: declared by another process, or by an operator. `secrets:` and `handler:` are
  this process's. Error: `Knocker.UnknownEndpointError`.
  """
  @spec existing_endpoint(hooks(), atom() | String.t(), Endpoint.settings()) :: result(Endpoint.t())
  def existing_endpoint(hooks, name, own \\ []), do: with({:ok, hooks} <- Hooks.fetch(hooks), do: Endpoint.existing(hooks, name, own))

  @doc "The endpoints of this virtual machine, by name."
  @spec endpoints(hooks()) :: [Endpoint.t()]
  def endpoints(hooks) do
    case Hooks.fetch(hooks) do
      {:ok, found} -> for {name, _known} <- Endpoint.all(found), do: %Endpoint{hooks: found.name, name: name}
      {:error, error} -> raise error
    end
  end

  @doc """
  Verifies and stores one request; the receipt is committed when this returns. Callers that come at the same time share a commit. Of an error nothing was
  stored, but for a caller that is killed while it waits.
  """
  @spec receive(Endpoint.t(), WebhookRequest.t()) :: result(Receipt.t())
  def receive(%Endpoint{} = endpoint, request) do
    began = System.monotonic_time()

    with {:ok, receipt} <- Endpoint.receive(endpoint, request) do
      with {:ok, hooks} <- Hooks.fetch(endpoint.hooks) do
        measurements = %{duration: System.monotonic_time() - began, bytes: byte_size(request.body)}

        Telemetry.execute(hooks, [:knocker, :receive, :stop], measurements, %{
          endpoint: endpoint.name,
          outcome: receipt.outcome,
          reason: receipt.reason
        })
      end

      {:ok, receipt}
    end
  end

  @doc """
  Stores a request that you have verified yourself; only `valid: true` makes an event. The dedupe identity is the first that is not empty of `key`,
  `provider_event_id` and `provider_delivery_id` (`Knocker.IngestFields`).
  """
  @spec ingest(Endpoint.t(), IngestFields.t(), binary()) :: result(Receipt.t())
  def ingest(%Endpoint{} = endpoint, fields, body), do: Endpoint.ingest(endpoint, fields, body)

  @doc "The verdict on a request with this endpoint's provider, options and secrets; nothing is stored."
  @spec verify(Endpoint.t(), WebhookRequest.t()) :: result(Verdict.t())
  def verify(%Endpoint{} = endpoint, request), do: Endpoint.verify(endpoint, request)

  @doc """
  The request that the endpoint's provider would send, signed with this secret at the hooks' time: for tests and demonstrations. Headers that are no part of
  the signature, such as `X-GitHub-Event`, are kept.
  """
  @spec sign(Endpoint.t(), WebhookRequest.t(), String.t()) :: result(WebhookRequest.t())
  def sign(%Endpoint{} = endpoint, request, secret), do: Endpoint.sign(endpoint, request, secret)

  @doc """
  Runs one statement in the transaction of an attempt, which its first use begins, and gives its rows. Binaries are text; `{:blob, bytes}` is a blob.
  """
  @spec execute(Transaction.t(), String.t(), [term()]) :: result([[term()]])
  def execute(tx, sql, parameters \\ []), do: Transaction.execute(tx, sql, parameters)

  @doc "As `execute/3`, and raises what failed."
  @spec execute!(Transaction.t(), String.t(), [term()]) :: [[term()]]
  def execute!(tx, sql, parameters \\ []) do
    case Transaction.execute(tx, sql, parameters) do
      {:ok, rows} -> rows
      {:error, error} -> raise error
    end
  end

  @doc """
  Handles all that is due now and gives the attempts in order (`Knocker.Attempted`): for tests, and for jobs that run from a timer. An event whose handler
  fails is not tried again until its backoff is over. What is due even after `limit:` (10 000) attempts is an error. The other options are those of
  `Knocker.Worker`.
  """
  @spec drain(hooks(), keyword()) :: result([Knocker.Attempted.t()])
  def drain(hooks, options \\ []) do
    {limit, options} = options |> Arguments.keywords("the options of drain") |> Keyword.pop(:limit, 10_000)
    Worker.drain(hooks, limit, options)
  end

  @doc "Handles an event again: from handled, failed, dead or ignored. `force: true` also takes one that is received or that a worker has."
  @spec replay(hooks(), pos_integer(), Knocker.ActionOptions.t()) :: result(Transition.t())
  def replay(hooks, event_id, options \\ []), do: act(hooks, "knocker_replay", [event_id, action(options)], Transition)

  @doc "Gives an event that was not handled a new life: from failed, dead or ignored."
  @spec requeue(hooks(), pos_integer(), Knocker.ActionOptions.t()) :: result(Transition.t())
  def requeue(hooks, event_id, options \\ []), do: act(hooks, "knocker_requeue", [event_id, action(options)], Transition)

  @doc "Says that an event will not be handled: from received, failed or dead; no effect on an ignored one. `why` may be nil."
  @spec ignore(hooks(), pos_integer(), String.t() | nil, Knocker.ActionOptions.t()) :: result(Transition.t())
  def ignore(hooks, event_id, why \\ nil, options \\ []), do: act(hooks, "knocker_ignore", [event_id, why, action(options)], Transition)

  @doc "Runs the handlers on that delivery's own body."
  @spec replay_delivery(hooks(), pos_integer(), Knocker.ActionOptions.t()) :: result(ReplayedDelivery.t())
  def replay_delivery(hooks, delivery_id, options \\ []), do: act(hooks, "knocker_replay_delivery", [delivery_id, action(options)], ReplayedDelivery)

  @doc "Replays every event that matches, oldest first. Give at least one condition (`Knocker.BulkFilter`)."
  @spec replay_where(hooks(), Knocker.BulkFilter.t()) :: result(BulkResult.t())
  def replay_where(hooks, filter), do: act(hooks, "knocker_replay_where", [json(Knocker.BulkFilter, filter)], BulkResult)

  @doc "Requeues every event that matches."
  @spec requeue_where(hooks(), Knocker.BulkFilter.t()) :: result(BulkResult.t())
  def requeue_where(hooks, filter), do: act(hooks, "knocker_requeue_where", [json(Knocker.BulkFilter, filter)], BulkResult)

  @doc "Ignores every event that matches."
  @spec ignore_where(hooks(), Knocker.BulkFilter.t()) :: result(BulkResult.t())
  def ignore_where(hooks, filter), do: act(hooks, "knocker_ignore_where", [json(Knocker.BulkFilter, filter)], BulkResult)

  @doc "Deletes ended events, with their attempts and the deliveries that no other event needs. Nothing else deletes."
  @spec prune_events(hooks(), Knocker.PruneEventsFilter.t()) :: result(PruneResult.t())
  def prune_events(hooks, filter), do: act(hooks, "knocker_prune_events", [json(Knocker.PruneEventsFilter, filter)], PruneResult)

  @doc "Deletes deliveries that no event needs as its payload."
  @spec prune_deliveries(hooks(), Knocker.PruneDeliveriesFilter.t()) :: result(PruneResult.t())
  def prune_deliveries(hooks, filter), do: act(hooks, "knocker_prune_deliveries", [json(Knocker.PruneDeliveriesFilter, filter)], PruneResult)

  @doc "Stores how long rows are kept, and gives the stored policy. Without any age the policy is removed. Workers run its passes."
  @spec retention(hooks(), Knocker.RetentionSettings.t()) :: result(RetentionPolicy.t())
  def retention(hooks, settings), do: act(hooks, "knocker_retention", [json(Knocker.RetentionSettings, settings)], RetentionPolicy)

  @doc "Runs the pass of the retention policies that is due, if any. At most one process runs it."
  @spec retain(hooks()) :: result(RetentionPass.t())
  def retain(hooks), do: act(hooks, "knocker_retain", [], RetentionPass)

  @doc "The figures of the file."
  @spec stats(hooks()) :: result(Stats.t())
  def stats(hooks), do: act(hooks, "knocker_stats", [], Stats)

  @doc """
  Every metric as the text that Prometheus reads, with `openmetrics: true` as OpenMetrics: see docs/metrics.md. `Knocker.Plug.Metrics` serves it.
  """
  @spec metrics(hooks(), openmetrics: boolean()) :: result(String.t())
  def metrics(hooks, options \\ []) do
    format = if Keyword.get(options, :openmetrics, false), do: "openmetrics", else: "prometheus"

    with {:ok, hooks} <- Hooks.fetch(hooks),
         do: Database.call(hooks, "knocker_metrics", [format, ReceiveDurations.to_json(hooks)])
  end

  @doc "Changes the given settings of an endpoint of the file and no others. Error: `Knocker.UnknownEndpointError`."
  @spec update_endpoint(hooks(), atom() | String.t(), EndpointSettings.t()) :: :ok | {:error, Exception.t()}
  def update_endpoint(hooks, name, settings) do
    name = Arguments.endpoint(name)
    given = EndpointSettings.to_map(settings)

    with {:ok, hooks} <- Hooks.fetch(hooks),
         :ok <- if(is_map_key(given, "secrets") or is_map_key(given, "handler"), do: unstored(), else: :ok),
         :ok <- OwnLock.refuse(hooks),
         {:ok, [_stored]} <- Database.rows(hooks, "SELECT 1 FROM knocker_endpoints WHERE name = ?", [name]),
         {:ok, _id} <- Database.call(hooks, "knocker_endpoint", [name, JSON.encode!(given)]) do
      :ok
    else
      {:ok, []} -> {:error, Endpoint.unknown(name)}
      failed -> failed
    end
  end

  defp unstored, do: {:error, Errors.new("usage", "update_endpoint: secrets and handlers are not stored; give them to endpoint")}

  # Workers look at once for what an action put back.
  defp act(hooks, function, arguments, result) do
    with {:ok, hooks} <- Hooks.fetch(hooks),
         :ok <- OwnLock.refuse(hooks),
         {:ok, given} <- Database.call(hooks, function, arguments),
         do: {:ok, given |> JSON.decode!() |> result.from_json()}
  end

  defp action(options), do: json(Knocker.ActionOptions, options)
  defp json(arguments, given), do: given |> arguments.to_map() |> JSON.encode!()

  @doc """
  A stream of the file's events in the order of their ids (`Knocker.EventRecord`), read page by page.

  * `status:` one or a list, `endpoint:`, `type:` (exact, or `"prefix.*"`), `key:`
  * `since:` (included) and `until:` (not): when the first delivery came; a `DateTime` or Unix milliseconds
  * `after:` the id that the list goes on behind, `newest_first: true`, `limit:`
  * `body: true` also reads the bodies, which are nil else
  """
  @spec events(hooks(), keyword()) :: Enumerable.t()
  defdelegate events(hooks, filters \\ []), to: Knocker.Reads

  @doc """
  A stream of deliveries (`Knocker.DeliveryRecord`): `outcome:`, `endpoint:`, `event_id:`, `since:` and `until:` (when they came), and the rest as of
  `events/2`.
  """
  @spec deliveries(hooks(), keyword()) :: Enumerable.t()
  defdelegate deliveries(hooks, filters \\ []), to: Knocker.Reads

  @doc "A stream of attempts (`Knocker.AttemptRecord`): `result:`, `endpoint:`, `event_id:`, `since:` and `until:` (when they ended), and the rest as of `events/2`."
  @spec attempts(hooks(), keyword()) :: Enumerable.t()
  defdelegate attempts(hooks, filters \\ []), to: Knocker.Reads

  @doc "A stream of the records of prunes (`Knocker.PruneRecord`): `after:`, `newest_first:`, `limit:`."
  @spec prunes(hooks(), keyword()) :: Enumerable.t()
  defdelegate prunes(hooks, filters \\ []), to: Knocker.Reads

  @doc "A stream of the stored settings of every endpoint of the file (`Knocker.EndpointRecord`), also those of other processes."
  @spec stored_endpoints(hooks(), keyword()) :: Enumerable.t()
  defdelegate stored_endpoints(hooks, filters \\ []), to: Knocker.Reads

  @doc "A stream of the stored retention policies (`Knocker.PolicyRecord`)."
  @spec policies(hooks(), keyword()) :: Enumerable.t()
  defdelegate policies(hooks, filters \\ []), to: Knocker.Reads

  @doc "Which deliveries brought an event (`event_id:`), or which events a delivery brought (`delivery_id:`): a list of `Knocker.EventDeliveryRecord`."
  @spec event_deliveries(hooks(), keyword()) :: result([Knocker.EventDeliveryRecord.t()])
  defdelegate event_deliveries(hooks, filters), to: Knocker.Reads

  @doc "One event with its body. Error: `Knocker.UnknownEventError`."
  @spec event(hooks(), pos_integer()) :: result(Knocker.EventRecord.t())
  defdelegate event(hooks, id), to: Knocker.Reads

  @doc "One delivery with its body. Error: `Knocker.UnknownDeliveryError`."
  @spec delivery(hooks(), pos_integer()) :: result(Knocker.DeliveryRecord.t())
  defdelegate delivery(hooks, id), to: Knocker.Reads
end
