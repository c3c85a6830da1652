defmodule Knocker.ReceiveTest do
  use ExUnit.Case, async: true

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Hooks, Testing, WebhookRequest}

  @moduletag capture_log: true
  @moduletag timeout: 60_000
  @secret "whsec_never-to-be-printed"

  defp open(context, options \\ []),
    do: Testing.setup(context, Keyword.merge([endpoints: [token: [provider: "token", secrets: ["test-token"]]]], options))

  defp request(body, token \\ "test-token"), do: %WebhookRequest{url: "/webhooks/token", headers: [{"X-Webhook-Token", token}], body: body}

  test "many processes at once, each with its own receipt", context do
    %{hooks: hooks} = open(context)
    endpoint = Knocker.endpoint(hooks, :token)
    tasks = for n <- 1..200, do: Task.async(fn -> Knocker.receive(endpoint, request(~s({"id": #{n}}))) end)
    receipts = for {:ok, receipt} <- Task.await_many(tasks, 30_000), do: receipt
    assert length(receipts) == 200
    assert receipts |> Enum.map(& &1.event_id) |> Enum.uniq() |> length() == 200
    assert Enum.count(Knocker.deliveries(hooks)) == 200
  end

  test "callers that are killed leave the others their turn", context do
    %{hooks: hooks} = open(context)
    endpoint = Knocker.endpoint(hooks, :token)
    big = String.duplicate("x", 500_000)

    for n <- 1..60 do
      pid = spawn(fn -> Knocker.receive(endpoint, request(big <> "#{n}")) end)
      if rem(n, 3) == 0, do: Process.exit(pid, :kill), else: spawn(fn -> Process.exit(pid, :kill) end)
    end

    assert {:ok, %{outcome: :accepted}} = Knocker.receive(endpoint, request("{}"))
    assert {:ok, %{outcome: :accepted}} = Knocker.receive(endpoint, request(big))
  end

  test "one call's error is its own, within a group as well", context do
    %{hooks: hooks} = open(context)
    {:ok, _endpoint} = Knocker.endpoint(hooks, :inbox, [])

    tasks =
      for n <- 1..60 do
        Task.async(fn ->
          fields = if rem(n, 3) == 0, do: [valid: true, type: "order", tipe: "x"], else: [valid: true, type: "order"]
          Knocker.ingest(Knocker.endpoint(hooks, :inbox), fields, "{}")
        end)
      end

    results = Task.await_many(tasks, 30_000)
    assert Enum.count(results, &match?({:ok, %{outcome: :accepted}}, &1)) == 40
    assert Enum.count(results, &match?({:error, %Knocker.InvalidArgumentError{}}, &1)) == 20
  end

  test "what waits for the database has an end: who comes too many is sent away at once", context do
    %{hooks: hooks} = open(context, busy_timeout_ms: 60_000)
    {:ok, found} = Hooks.fetch(hooks)
    writer = GenServer.whereis(Hooks.process(found, Knocker.Writer))
    :sys.suspend(writer)
    endpoint = Knocker.endpoint(hooks, :token)
    test = self()
    for n <- 1..4_200, do: spawn(fn -> send(test, {:result, Knocker.receive(endpoint, request("#{n}"))}) end)
    # Only those that are beyond what may wait have an answer.
    for _n <- 1..104, do: assert_receive({:result, {:error, %Knocker.BusyError{retryable: true}}}, 30_000)
    refute_received {:result, _answer}
    :sys.resume(writer)
    for _n <- 1..4_096, do: assert_receive({:result, {:ok, %{outcome: :accepted}}}, 30_000)
    assert Hooks.number(found, :waiting_calls) == 0
    assert Hooks.number(found, :waiting_bytes) == 0
  end

  test "a write lock that nobody gives back is an error in time, and no receipt", context do
    %{hooks: hooks, knocker_file: path} = open(context, busy_timeout_ms: 50)
    {:ok, db} = Knocker.Driver.default().open(path, busy_timeout_ms: 5_000)
    {:ok, []} = Knocker.Driver.default().execute(db, "BEGIN IMMEDIATE", [])
    tasks = for n <- 1..20, do: Task.async(fn -> Knocker.receive(Knocker.endpoint(hooks, :token), request("#{n}")) end)
    for result <- Task.await_many(tasks, 30_000), do: assert({:error, %Knocker.BusyError{}} = result)
    Knocker.Driver.default().close(db)
    assert {:ok, %{outcome: :accepted}} = Knocker.receive(Knocker.endpoint(hooks, :token), request("after"))
    assert Enum.count(Knocker.deliveries(hooks)) == 1
  end

  test "secrets are found by the request, and none refuses it", context do
    find = fn %{url: url} -> if url =~ "acme", do: "acme-token" end
    %{hooks: hooks} = open(context, endpoints: [tenant: [provider: "token", secrets: find]])
    endpoint = Knocker.endpoint(hooks, :tenant)
    assert {:ok, %{outcome: :accepted}} = Knocker.receive(endpoint, %{request("1", "acme-token") | url: "/acme/tenant"})
    assert {:ok, %{outcome: :invalid, reason: :no_secret}} = Knocker.receive(endpoint, %{request("2", "acme-token") | url: "/other/tenant"})
  end

  describe "nothing secret is printed" do
    test "by a supervisor whose hooks cannot start", context do
      folder = Path.join(System.tmp_dir!(), "none-#{System.unique_integer([:positive])}")
      endpoints = [token: [provider: "token", secrets: [@secret]]]
      Process.flag(:trap_exit, true)

      log =
        ExUnit.CaptureLog.capture_log(fn ->
          children = [{Knocker, name: {context.test, 1}, database: Path.join([folder, "none", "app.db"]), endpoints: endpoints}]
          assert {:error, reason} = Supervisor.start_link(children, strategy: :one_for_one)
          refute inspect(reason) =~ @secret
          assert inspect(reason) =~ "there is no folder"
        end)

      refute log =~ @secret
    end

    test "by the states of its processes, and by what is inspected", context do
      %{hooks: hooks} = open(context, endpoints: [token: [provider: "token", secrets: [@secret]]])
      {:ok, found} = Hooks.fetch(hooks)
      states = for module <- [Knocker.Database, Knocker.Writer, Knocker.Judges, Knocker.Checkpoints], do: :sys.get_state(Hooks.process(found, module))
      refute inspect({states, found, :ets.tab2list(found.table)}, limit: :infinity) =~ @secret
      refute inspect(request("the customer's", @secret)) =~ ~r/customer|#{@secret}/
    end
  end

  describe "mistakes are said:" do
    test "in options", context do
      assert {:error, %Knocker.UsageError{}} = Knocker.start_link(name: context.test)
      assert {:error, %Knocker.UsageError{}} = Knocker.start_link(name: context.test, database: ":memory:")
      assert {:error, %Knocker.UsageError{message: message}} = Knocker.start_link(name: context.test, databse: "app.db")
      assert message =~ ":databse"
      assert {:error, %Knocker.UsageError{}} = Knocker.start_link(name: context.test, database: "app.db", synchronous: :off)
      assert {:error, %Knocker.UsageError{}} = Knocker.start_link(name: context.test, database: "app.db", trusted_proxies: ["10.0.0.0/40"])
      assert {:error, %Knocker.LibraryNotFoundError{}} = Knocker.start_link(name: context.test, database: "app.db", extension: "/none.so")
    end

    test "in a path whose links lead in a circle", context do
      path = Path.join(System.tmp_dir!(), "circle-#{System.pid()}-#{System.unique_integer([:positive])}.db")
      File.ln_s!(path, path)
      on_exit(fn -> File.rm!(path) end)
      Process.flag(:trap_exit, true)
      assert {:error, %Knocker.IoError{message: message}} = Knocker.start_link(name: context.test, database: path)
      assert message =~ "circle"
    end

    test "in endpoints", context do
      %{hooks: hooks} = open(context)
      assert {:error, %Knocker.UsageError{message: message}} = Knocker.endpoint(hooks, :stripe, provider: "stripe", secrets: [""])
      assert message =~ "is the environment variable set?"
      assert {:error, %Knocker.UnknownProviderError{}} = Knocker.endpoint(hooks, :other, provider: "strip")

      assert {:error, %Knocker.UsageError{message: message}} = Knocker.endpoint(hooks, :other, provider: "stripe", secret: "whsec_test")
      assert message == "endpoint other: there is no secret:, did you mean secrets:?"

      for secrets <- [nil, []] do
        assert {:error, %Knocker.UsageError{message: "endpoint other: stripe needs a secret, and there is none" <> _advice}} =
                 Knocker.endpoint(hooks, :other, provider: "stripe", secrets: secrets)
      end

      assert {:ok, _endpoint} = Knocker.endpoint(hooks, :other, provider: "stripe", secrets: fn _request -> nil end)
      assert {:error, %Knocker.InvalidArgumentError{message: message}} = Knocker.endpoint(hooks, :other, max_atempts: 3)
      assert message =~ "max_attempts"
      assert {:error, %Knocker.UsageError{}} = Knocker.endpoint(hooks, :other, handler: [{"invoice*", fn _, _ -> :ok end}])
      assert {:error, %Knocker.UsageError{}} = Knocker.endpoint(hooks, :other, handler: Enum)
      assert {:error, %Knocker.UnknownEndpointError{}} = Knocker.receive(Knocker.endpoint(hooks, :none), request("{}"))
      assert {:error, %Knocker.UnknownEndpointError{}} = Knocker.existing_endpoint(hooks, :none)
      assert {:error, %Knocker.UsageError{}} = Knocker.existing_endpoint(hooks, :token, max_attempts: 3)
      assert {:error, %Knocker.UsageError{}} = Knocker.update_endpoint(hooks, :token, secrets: "other")
      assert_raise Knocker.UsageError, ~r/:statsu/, fn -> Enum.to_list(Knocker.events(hooks, statsu: :dead)) end
    end

    test "of hooks that are closed", context do
      %{hooks: hooks} = open(context)
      Knocker.close(hooks)
      assert {:error, %Knocker.ClosedError{}} = Knocker.receive(Knocker.endpoint(hooks, :token), request("{}"))
      assert {:error, %Knocker.ClosedError{}} = Knocker.stats(hooks)
      assert_raise Knocker.ClosedError, fn -> Enum.to_list(Knocker.events(hooks)) end
    end
  end

  test "what was measured goes to the function that the hooks are given", context do
    test = self()
    %{hooks: hooks} = open(context, telemetry: fn name, measurements, metadata -> send(test, {name, measurements, metadata}) end)
    {:ok, _endpoint} = Knocker.endpoint(hooks, :token, provider: "token", secrets: "test-token", handler: fn _, _ -> {:dead, "no"} end)
    Knocker.receive(Knocker.endpoint(hooks, :token), request("{}"))
    assert_received {[:knocker, :receive, :stop], %{duration: _, bytes: 2}, %{hooks: ^hooks, endpoint: "token", outcome: :accepted}}
    Testing.drain(hooks)
    assert_received {[:knocker, :attempt, :start], %{system_time: _}, %{event_id: 1, attempt: 1}}
    assert_received {[:knocker, :event, :dead], %{count: 1}, %{event_id: 1, reason: "no"}}
    assert_received {[:knocker, :attempt, :stop], %{duration_ms: _}, %{event_id: 1, status: :dead}}
  end

  describe "a file that is gone from its path" do
    test "is said, and another one is opened when it is there", context do
      %{hooks: hooks, knocker_file: path} = open(context)
      endpoint = Knocker.endpoint(hooks, :token)
      assert {:ok, _receipt} = Knocker.receive(endpoint, request("1"))
      backup = path <> ".backup"
      Testing.execute!(hooks, "VACUUM INTO '#{backup}'")
      File.rm!(path)
      assert {:error, %Knocker.FileReplacedError{retryable: true}} = Knocker.receive(endpoint, request("2"))
      refute File.exists?(path)
      File.rename!(backup, path)
      until(fn -> match?({:ok, _}, Knocker.receive(endpoint, request("3"))) end)
      assert for(event <- Knocker.events(hooks, body: true), do: event.body) == ["1", "3"]
    end

    test "stops no worker", context do
      test = self()
      handler = fn event, _tx -> send(test, {:handled, event.body}) && :ok end
      %{hooks: hooks, knocker_file: path} = open(context, endpoints: [token: [provider: "token", secrets: "test-token", handler: handler]])
      {:ok, _worker} = Knocker.Worker.start_link(hooks: hooks)
      endpoint = Knocker.endpoint(hooks, :token)
      Knocker.receive(endpoint, request("1"))
      assert_receive {:handled, "1"}, 20_000
      Testing.execute!(hooks, "VACUUM INTO '#{path}.backup'")
      File.rename!(path <> ".backup", path)
      until(fn -> match?({:ok, _}, Knocker.receive(endpoint, request("2"))) end)
      assert_receive {:handled, "2"}, 20_000
    end
  end
end
