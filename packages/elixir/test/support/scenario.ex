defmodule Knocker.Scenario do
  @moduledoc false
  # Steps of the conformance data, through the package's own functions. A play is `%{hooks, clock, saved}`; each step gives the next one.

  import ExUnit.Assertions
  import Knocker.ConformanceData

  alias Knocker.{Leases, Testing}

  @doc "Plays one step."
  def step(play, step) do
    strictly(step, ~w(op args now expect expect_error save))
    if step["now"], do: Testing.Clock.set(play.clock, step["now"])
    arguments = resolve(step["args"] || %{}, play.saved)

    case {tried(step["op"], arguments, play), step["expect_error"]} do
      {{:error, %{code: code}}, code} ->
        play

      {{:error, error}, expected} ->
        flunk("expected #{expected || "no error"}, got #{inspect(error)}")

      {_result, expected} when expected != nil ->
        flunk("expected the error #{expected}")

      {result, nil} ->
        actual = result |> value() |> plain()
        if is_map_key(step, "expect"), do: compare(resolve(step["expect"], play.saved), actual, "result")
        %{play | saved: Map.merge(play.saved, Map.new(step["save"] || %{}, fn {name, path} -> {name, at(actual, path)} end))}
    end
  end

  defp value(:ok), do: 1
  defp value({:ok, value}), do: value

  defp at(value, path) do
    path
    |> String.split(".", trim: true)
    |> Enum.reduce(value, fn
      part, list when is_list(list) -> Enum.at(list, String.to_integer(part))
      part, map -> Map.fetch!(map, part)
    end)
  end

  def resolve("$" <> name = text, saved), do: Map.get(saved, name, text)
  def resolve(list, saved) when is_list(list), do: Enum.map(list, &resolve(&1, saved))
  def resolve(map, saved) when is_map(map), do: Map.new(map, fn {key, value} -> {key, resolve(value, saved)} end)
  def resolve(other, _saved), do: other

  defp tried(op, arguments, play) do
    run(op, arguments, play)
  rescue
    # What is raised of wrong arguments, and of lists.
    error ->
      cond do
        is_map_key(error, :code) -> {:error, error}
        is_struct(error, FunctionClauseError) -> {:error, %{code: "invalid_argument", cause: error}}
        true -> reraise error, __STACKTRACE__
      end
  end

  @doc "Runs an operation of the data."
  def run("endpoint", %{"name" => name, "config" => config} = arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(name config))

    result =
      case Knocker.update_endpoint(hooks, name, config) do
        {:error, %{code: "unknown_endpoint"}} -> Knocker.endpoint(hooks, name, Map.put(config, :secrets, &given_secrets/1))
        other -> other
      end

    with :ok <- done(result), do: {:ok, Enum.find(Knocker.stored_endpoints(hooks), &(&1.name == name)).id}
  end

  def run("receive", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(endpoint request body body_base64 secrets))
    Process.put(:secrets, arguments["secrets"])
    with {:ok, endpoint} <- known(hooks, arguments["endpoint"]), do: Knocker.receive(endpoint, request(arguments["request"], body(arguments)))
  end

  def run("ingest", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(endpoint fields body body_base64))
    with {:ok, endpoint} <- known(hooks, arguments["endpoint"]), do: Knocker.ingest(endpoint, arguments["fields"], body(arguments))
  end

  # Neither stores anything, and both are of a provider without an endpoint in the data.
  def run("verify", arguments, play) do
    strictly(arguments, ~w(provider options request body body_base64 secrets))
    Process.put(:secrets, arguments["secrets"])
    with {:ok, endpoint} <- aside(arguments, play), do: Knocker.verify(endpoint, request(arguments["request"], body(arguments)))
  end

  def run("sign", arguments, play) do
    strictly(arguments, ~w(provider options request body body_base64 secret))
    given = request(arguments["request"], body(arguments))

    with {:ok, endpoint} <- aside(arguments, play), {:ok, signed} <- Knocker.sign(endpoint, given, arguments["secret"]) do
      changed = fn key -> if Map.get(signed, key) != Map.get(given, key), do: Map.get(signed, key) end
      {:ok, %{headers: Map.new(signed.headers), url: changed.(:url), body: changed.(:body)}}
    end
  end

  def run("claim", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(worker limit lease_s filter))
    filter = typed(arguments["filter"] || %{}, ~w(endpoints))
    Leases.claim(hooks, arguments["worker"], arguments["limit"], arguments["lease_s"], filter["endpoints"] || [])
  end

  def run("jobs", arguments, %{hooks: hooks}), do: Leases.jobs(hooks, strictly(arguments, ~w(worker))["worker"])

  def run("handled", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(job_id worker duration_ms))
    Leases.handled(hooks, arguments["worker"], arguments["job_id"], arguments["duration_ms"])
  end

  def run("failed", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(job_id worker error duration_ms options))
    options = for {key, value} <- arguments["options"] || %{}, do: {String.to_atom(key), value}
    Leases.failed(hooks, arguments["worker"], arguments["job_id"], arguments["error"], arguments["duration_ms"], options)
  end

  def run("skipped", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(job_id worker reason duration_ms))
    Leases.skipped(hooks, arguments["worker"], arguments["job_id"], arguments["reason"], arguments["duration_ms"])
  end

  def run("extend", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(job_id worker lease_s))
    Leases.extend(hooks, arguments["worker"], arguments["job_id"], arguments["lease_s"])
  end

  def run("release", arguments, %{hooks: hooks}), do: Leases.release(hooks, strictly(arguments, ~w(worker))["worker"])

  def run("next_due", arguments, %{hooks: hooks}) do
    filter = typed(strictly(arguments, ~w(filter))["filter"] || %{}, ~w(endpoints worker))
    Leases.next_due(hooks, filter["worker"] || "nobody", filter["endpoints"] || [])
  end

  for action <- ~w(replay requeue)a do
    def run(unquote(to_string(action)), arguments, %{hooks: hooks}) do
      strictly(arguments, ~w(event_id options))
      apply(Knocker, unquote(action), [hooks, arguments["event_id"], arguments["options"] || %{}])
    end
  end

  def run("ignore", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(event_id reason options))
    Knocker.ignore(hooks, arguments["event_id"], arguments["reason"], arguments["options"] || %{})
  end

  def run("replay_delivery", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(delivery_id options))
    Knocker.replay_delivery(hooks, arguments["delivery_id"], arguments["options"] || %{})
  end

  for action <- ~w(replay_where requeue_where ignore_where prune_events prune_deliveries)a do
    def run(unquote(to_string(action)), arguments, %{hooks: hooks}),
      do: apply(Knocker, unquote(action), [hooks, strictly(arguments, ~w(filter))["filter"] || %{}])
  end

  def run("retention", arguments, %{hooks: hooks}), do: Knocker.retention(hooks, strictly(arguments, ~w(policy))["policy"])
  def run("retain", arguments, %{hooks: hooks}) when arguments == %{}, do: Knocker.retain(hooks)
  def run("stats", arguments, %{hooks: hooks}) when arguments == %{}, do: Knocker.stats(hooks)

  def run("select", arguments, %{hooks: hooks}) do
    strictly(arguments, ~w(view where))
    where = arguments["where"] || %{}
    rows = arguments["view"] |> rows(hooks) |> Enum.map(&plain/1)
    {:ok, Enum.filter(rows, fn row -> Enum.all?(where, fn {column, wanted} -> flag(Map.fetch!(row, column)) == flag(wanted) end) end)}
  end

  def run("metrics", arguments, %{hooks: hooks}) when arguments == %{} do
    with {:ok, text} <- Knocker.metrics(hooks) do
      samples = text |> String.split("\n", trim: true) |> Enum.reject(&String.starts_with?(&1, "#"))
      {:ok, Map.new(samples, &sample/1)}
    end
  end

  # Each sample as it is written, with its number.
  defp sample(line) do
    {number, written} = line |> String.split(" ") |> List.pop_at(-1)
    {value, ""} = Float.parse(number)
    {Enum.join(written, " "), value}
  end

  # A column of a view has numbers where Elixir has booleans.
  defp flag(true), do: 1
  defp flag(false), do: 0
  defp flag(other), do: other

  defp rows("events", hooks), do: Knocker.events(hooks, body: true)
  defp rows("deliveries", hooks), do: Knocker.deliveries(hooks, body: true)
  defp rows("attempts", hooks), do: Knocker.attempts(hooks)
  defp rows("prunes", hooks), do: Knocker.prunes(hooks)
  defp rows("endpoints", hooks), do: Knocker.stored_endpoints(hooks)
  defp rows("policies", hooks), do: Knocker.policies(hooks)

  defp rows("event_deliveries", hooks) do
    Enum.flat_map(Knocker.events(hooks), fn event ->
      {:ok, links} = Knocker.event_deliveries(hooks, event_id: event.id)
      links
    end)
  end

  defp done({:ok, _endpoint}), do: :ok
  defp done(other), do: other

  defp given_secrets(_request), do: Process.get(:secrets)

  defp known(hooks, name) do
    if Enum.any?(Knocker.endpoints(hooks), &(&1.name == name)),
      do: {:ok, Knocker.endpoint(hooks, name)},
      else: Knocker.existing_endpoint(hooks, name, secrets: &given_secrets/1)
  end

  defp aside(arguments, play) do
    name = {__MODULE__, make_ref()}
    path = Path.join(play.folder, "aside-#{System.unique_integer([:positive])}.db")
    {:ok, _pid} = Knocker.start_link(name: name, database: path, synchronous: :normal, clock: Testing.Clock.function(play.clock))
    ExUnit.Callbacks.on_exit(fn -> Knocker.close(name) end)
    Knocker.endpoint(name, "aside", provider: arguments["provider"], options: arguments["options"], secrets: &given_secrets/1)
  end
end
