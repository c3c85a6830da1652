defmodule Knocker.MistakesTest do
  use ExUnit.Case, async: true

  alias Knocker.{Testing, WebhookRequest}

  # What cannot start ends whoever is linked.
  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  @moduletag capture_log: true
  @moduletag timeout: 60_000
  # It stands wherever a careless user might put it, and is searched for in all that comes back.
  @secret "whsec_never-to-be-printed"
  @junk [nil, 1, -1, 1.5, :atom, "bad\xff", "nul\0", {:a, @secret}, [@secret], [@secret | @secret], [{"a", @secret}], [{1, @secret}], %{1 => @secret}]
        |> Kernel.++([%{"a" => {@secret}}, [a: {@secret}], Integer.pow(10, 40)])

  defp printed({result, stacktrace}), do: inspect({result, stacktrace}, limit: :infinity, printable_limit: :infinity)

  # What a mistake gives or raises is one of Knocker's errors, and holds nothing of what was given.
  defp check(what, call) do
    {result, stacktrace} =
      try do
        {call.(), []}
      rescue
        error -> {{:error, error}, __STACKTRACE__}
      end

    refute printed({result, stacktrace}) =~ @secret, "#{inspect(what)} printed a secret"
    with {:error, error} <- result, do: assert(is_map_key(error, :code), "#{inspect(what)} gave #{inspect(error)}")
    result
  end

  defp open(context, secrets \\ @secret), do: Testing.setup(context, endpoints: [token: [provider: "token", secrets: secrets]])

  test "in an option of the hooks name that option", context do
    %{knocker_file: file} = open(context)

    for key <-
          ~w(database extension driver clock public_url trusted_proxies on_error on_dead telemetry synchronous busy_timeout_ms body_timeout_ms endpoints)a,
        value <- @junk,
        # The address that is none is named.
        key != :trusted_proxies or value not in [[@secret], [@secret | @secret]] do
      case check(key, fn -> Knocker.start_link(Keyword.merge([name: {context.test, key}, database: file], [{key, value}])) end) do
        {:ok, _pid} ->
          Knocker.close({context.test, key})

        {:error, error} ->
          assert error.code == "library_not_found" or error.message =~ ~r/#{key}:|endpoint/, "#{key}: #{inspect(value)}: #{error.message}"
      end
    end

    for options <- @junk, do: check("options", fn -> Knocker.start_link(options) end)
    for options <- @junk, do: check("child_spec", fn -> Knocker.child_spec(options) end)
  end

  test "in endpoints are errors where they are declared", context do
    %{hooks: hooks, knocker_file: file} = open(context)
    settings = [:provider, :options, :handler, :secrets, :secret, :backoff, :max_attempts, :unhandled, "secrets", {@secret}]

    for key <- settings, value <- @junk do
      check(key, fn -> Knocker.endpoint(hooks, :other, %{key => value}) end)
      check(key, fn -> Knocker.start_link(name: context.test, database: file, endpoints: [other: %{key => value}]) end)
      Knocker.close(context.test)
    end

    for value <- @junk do
      check("name", fn -> Knocker.endpoint(hooks, value) end)
      check("name", fn -> Knocker.endpoint(hooks, value, []) end)

      for call <- [&Knocker.endpoint/3, &Knocker.existing_endpoint/3, &Knocker.update_endpoint/3],
          do: check(inspect(call), fn -> call.(hooks, :token, value) end)
    end

    assert {:error, %Knocker.UsageError{message: message}} = Knocker.endpoint(hooks, :other, provider: "token", secrets: "bad\xff")
    assert message =~ "secrets:"
  end

  test "in requests and what is ingested are errors, and no crash with a secret in its stack trace", context do
    %{hooks: hooks} = open(context)
    token = Knocker.endpoint(hooks, :token)
    request = %WebhookRequest{url: "/", headers: [{"x-webhook-token", @secret}], body: "{}"}

    for value <- @junk do
      for key <- [:method, :url, :headers, :body, :truncated] do
        check(key, fn -> Knocker.receive(token, Map.put(request, key, value)) end)
        check(key, fn -> Knocker.verify(token, Map.put(request, key, value)) end)
        with {:ok, _signed} <- check(key, fn -> Knocker.sign(token, Map.put(%{request | headers: []}, key, value), "other") end), do: :ok
      end

      for call <- [&Knocker.receive/2, &Knocker.verify/2], do: check("request", fn -> call.(token, value) end)
      for key <- [:key, :type, :headers], do: check(key, fn -> Knocker.ingest(token, [{:valid, true}, {key, value}], "{}") end)
      check("fields", fn -> Knocker.ingest(token, value, "{}") end)
      check("body", fn -> Knocker.ingest(token, [valid: true], value) end)
    end
  end

  test "of a function of secrets are said without what it gave", context do
    for {given, n} <- Enum.with_index([{:ok, @secret}, [@secret, nil], [@secret | @secret], %{a: @secret}, @secret <> "\xff", :atom]) do
      %{hooks: hooks} = open(Map.put(context, :n, n), fn _request -> given end)
      request = %WebhookRequest{url: "/", body: "{}"}
      assert {:error, %Knocker.UsageError{message: message}} = check("secrets", fn -> Knocker.receive(Knocker.endpoint(hooks, :token), request) end)
      assert message =~ "secrets:"
    end
  end

  test "in lists, operations and workers are errors", context do
    %{hooks: hooks} = open(context)

    for value <- @junk do
      for {list, keys} <- [
            events: [:status, :endpoint, :type, :key, :since, :after, :limit],
            deliveries: [:outcome, :event_id, :until],
            attempts: [:result, :event_id]
          ] do
        for key <- keys, do: check(key, fn -> Enum.count(apply(Knocker, list, [hooks, [{key, value}]])) end)
        check(list, fn -> Enum.count(apply(Knocker, list, [hooks, value])) end)
      end

      for call <- ~w(replay requeue ignore replay_delivery event delivery replay_where prune_events retention drain event_deliveries)a,
          do: check(call, fn -> apply(Knocker, call, [hooks, value]) end)

      check("options", fn -> Knocker.replay(hooks, 1, value) end)
      check("why", fn -> Knocker.ignore(hooks, 1, value) end)
      check("worker", fn -> Knocker.Worker.start_link(value) end)

      for key <- [:concurrency, :lease_s, :poll_ms, :shutdown_ms],
          not is_integer(value) or value < 1,
          do: assert({:error, %Knocker.UsageError{}} = check(key, fn -> Knocker.Worker.start_link([{:hooks, hooks}, {key, value}]) end))
    end

    assert {:ok, _stats} = Knocker.stats(hooks)
  end
end
