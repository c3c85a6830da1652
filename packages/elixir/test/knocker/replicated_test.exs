defmodule Knocker.ReplicatedTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog
  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Event, Hooks, LitestreamSocket, Testing, WebhookRequest}

  @moduletag capture_log: true
  @moduletag timeout: 120_000
  # Enough for what answers at once, on a machine that is busy with other things.
  @timeout_ms 30_000
  @conformance Path.expand("../../../../extension/conformance", __DIR__)

  setup do
    # The path of a socket holds about a hundred bytes.
    folder = Path.join(System.tmp_dir!(), "knocker-#{System.unique_integer([:positive])}-#{System.pid()}")
    File.mkdir!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{socket: Path.join(folder, "socket")}
  end

  defp endpoints, do: [token: [provider: "token", secrets: ["test-token"], options: %{id_path: "id"}]]

  defp open(context, options \\ []) do
    replicated = [replicated: context.socket, replicated_timeout_ms: @timeout_ms, endpoints: endpoints()]
    %{hooks: hooks, knocker_file: path} = Testing.setup(context, Keyword.merge(replicated, options))
    %{hooks: hooks, endpoint: Knocker.endpoint(hooks, :token), path: path}
  end

  defp request(id), do: %WebhookRequest{url: "/webhooks/token", headers: [{"X-Webhook-Token", "test-token"}], body: ~s({"id": "#{id}"})}

  defp outcome({:ok, %{outcome: outcome}}), do: outcome
  defp outcome({:error, error}), do: error

  test "a receipt is answered once the replica has it", context do
    %{hooks: hooks, endpoint: endpoint, path: path} = open(context)
    litestream = LitestreamSocket.start(context.socket, :held)
    receiving = Task.async(fn -> Knocker.receive(endpoint, request("1")) end)
    assert_receive {:asked, question}, 60_000
    # It is committed, and nobody has been told.
    assert Enum.count(Knocker.events(hooks)) == 1
    assert Task.yield(receiving, 0) == nil
    LitestreamSocket.answer(litestream, LitestreamSocket.synced())
    assert outcome(Task.await(receiving)) == :accepted
    assert question == %{"path" => path, "wait" => true, "timeout" => 30}
    LitestreamSocket.stop(litestream)
  end

  test "those who come together wait together, on one connection", context do
    %{hooks: hooks, endpoint: endpoint} = open(context)
    {:ok, found} = Hooks.fetch(hooks)
    litestream = LitestreamSocket.start(context.socket, :held)
    first = Task.async(fn -> Knocker.receive(endpoint, request("0")) end)
    assert_receive {:asked, _question}, 60_000
    others = for n <- 1..20, do: Task.async(fn -> Knocker.receive(endpoint, request("#{n}")) end)
    until(fn -> Hooks.number(found, :waiting_calls) == 21 end)
    LitestreamSocket.answer(litestream, LitestreamSocket.synced())
    assert Enum.all?(Task.await_many([first | others], 60_000), &(outcome(&1) == :accepted))
    assert_receive {:asked, _question}
    # Whoever is counted may be on the way to the writer still.
    assert LitestreamSocket.connections(litestream) == 1
    LitestreamSocket.stop(litestream)
  end

  for {what, answer, message} <- [
        {"fails", {500, ~s({"error": "sync database: no space left"})}, "500: sync database: no space left"},
        {"is stopped", {409, ~s({"error": "database not open"})}, "409: database not open"},
        {"knows nothing of the file", {404, ~s({"error": "database not found"})}, "404: database not found"},
        {"has synced to its own folder alone", {200, ~s({"status": "synced_local", "txid": 9, "replicated_txid": 8})}, "200: synced_local"},
        {"has not begun", {200, ~s({"status": "no_change", "txid": 0, "replicated_txid": 0})}, "200: no_change"},
        {"counts in text", {200, ~s({"status": "synced", "txid": 7, "replicated_txid": "7"})}, "200: synced"},
        {"says something else", {200, ~s(["synced"])}, "200: no reason"},
        {"speaks no JSON", {200, "<html>synced</html>"}, "cannot be asked"}
      ] do
    test "a receipt is stored where Litestream #{what}, and the retry is a duplicate", context do
      %{hooks: hooks, endpoint: endpoint} = open(context)
      litestream = LitestreamSocket.start(context.socket, unquote(Macro.escape(answer)))
      assert {:error, %Knocker.NotReplicatedError{code: "not_replicated", retryable: true} = error} = Knocker.receive(endpoint, request("1"))
      assert error.message =~ unquote(message)
      LitestreamSocket.answer(litestream, LitestreamSocket.synced())
      assert outcome(Knocker.receive(endpoint, request("1"))) == :duplicate
      assert Enum.count(Knocker.events(hooks)) == 1
      LitestreamSocket.stop(litestream)
    end
  end

  test "what was said twice is no answer to the next question", context do
    %{endpoint: endpoint} = open(context)
    litestream = LitestreamSocket.start(context.socket, [LitestreamSocket.synced(), LitestreamSocket.synced()])
    assert outcome(Knocker.receive(endpoint, request("1"))) == :accepted
    LitestreamSocket.answer(litestream, {500, ~s({"error": "no space left"})})
    assert {:error, %Knocker.NotReplicatedError{message: message}} = Knocker.receive(endpoint, request("2"))
    assert message =~ "no space left"
    LitestreamSocket.stop(litestream)
  end

  test "what it says is one line of the message", context do
    %{endpoint: endpoint} = open(context)
    litestream = LitestreamSocket.start(context.socket, {500, ~S({"error": "no\r\nspace\u001b[1m left"})})
    assert {:error, %Knocker.NotReplicatedError{message: message}} = Knocker.receive(endpoint, request("1"))
    assert message =~ "500: no space [1m left"
    refute message =~ ~r/\p{Cc}/u
    LitestreamSocket.stop(litestream)
  end

  describe "an answer in chunks" do
    @chunked "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

    test "is put together, and the connection kept", context do
      %{endpoint: endpoint} = open(context)
      {200, body} = LitestreamSocket.synced()
      {first, rest} = String.split_at(body, 10)
      chunks = "A;name=value\r\n#{first}\r\n#{Integer.to_string(byte_size(rest), 16)}\r\n#{rest}\r\n0\r\nTrailer: one\r\n\r\n"
      litestream = LitestreamSocket.start(context.socket, {:raw, @chunked <> chunks})
      for id <- ["1", "2"], do: assert(outcome(Knocker.receive(endpoint, request(id))) == :accepted)
      assert LitestreamSocket.connections(litestream) == 1
      LitestreamSocket.stop(litestream)
    end

    for {what, chunks} <- [
          {"of a length that is none", "x\r\n{}\r\n0\r\n\r\n"},
          {"of a negative length", "-2\r\n{}\r\n0\r\n\r\n"},
          {"that is longer than it says", "1\r\n{}\r\n0\r\n\r\n"},
          {"that is too long", "FFFFF\r\n"},
          {"too many times", String.duplicate("1\r\n \r\n", 70_000)}
        ] do
      test "#{what} is none", context do
        %{endpoint: endpoint} = open(context)
        litestream = LitestreamSocket.start(context.socket, {:raw, @chunked <> unquote(chunks)})
        assert {:error, %Knocker.NotReplicatedError{message: message}} = Knocker.receive(endpoint, request("1"))
        assert message =~ "cannot be asked"
        LitestreamSocket.stop(litestream)
      end
    end
  end

  test "one that does not answer in time is given up", context do
    %{endpoint: endpoint} = open(context, replicated_timeout_ms: 50)
    litestream = LitestreamSocket.start(context.socket, :held)
    assert {:error, error} = Knocker.receive(endpoint, request("1"))
    assert error.message =~ "did not sync in 50 ms"
    LitestreamSocket.stop(litestream)
  end

  # Each group has a limit, and whoever came before the question that nobody answers has waited as long as its askers.
  test "many do not wait one group after the other", context do
    %{endpoint: endpoint} = open(context, replicated_timeout_ms: 300)
    litestream = LitestreamSocket.start(context.socket, :held)
    all = Task.await_many(for(n <- 1..400, do: Task.async(fn -> Knocker.receive(endpoint, request("#{n}")) end)), 60_000)
    assert Enum.all?(all, &match?({:error, %Knocker.NotReplicatedError{}}, &1))
    {:messages, told} = Process.info(self(), :messages)
    assert Enum.count(told, &match?({:asked, _question}, &1)) <= 3
    LitestreamSocket.stop(litestream)
  end

  # Answers once, with what begins so and goes on for as long as somebody listens.
  defp endless(socket, first, again) do
    {:ok, listener} = :gen_tcp.listen(0, [:binary, ifaddr: {:local, socket}, active: false])

    Task.async(fn ->
      {:ok, connection} = :gen_tcp.accept(listener)
      :ok = :gen_tcp.send(connection, first)
      Enum.find(Stream.repeatedly(fn -> :gen_tcp.send(connection, again) end), &(&1 != :ok))
    end)
  end

  for {what, first, again, message} <- [
        {"headers", "HTTP/1.1 200 OK\r\n", String.duplicate("X: y\r\n", 1_000), "did not sync in 50 ms"},
        {"one header", "HTTP/1.1 200 OK\r\nX: ", String.duplicate("a", 10_000), "cannot be asked"},
        {"interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n", "cannot be asked"}
      ] do
    test "an answer of #{what} without an end is given up", context do
      %{endpoint: endpoint} = open(context, replicated_timeout_ms: 50)
      answering = endless(context.socket, unquote(first), unquote(again))
      assert {:error, error} = Knocker.receive(endpoint, request("1"))
      assert error.message =~ unquote(message)
      Task.await(answering)
    end
  end

  test "a path that no socket has is said with each receipt", context do
    %{endpoint: endpoint} = open(context, replicated: Path.join(Path.dirname(context.socket), String.duplicate("s", 200)))
    for _time <- 1..2, do: assert({:error, %Knocker.NotReplicatedError{}} = Knocker.receive(endpoint, request("1")))
  end

  test "Litestream may go and come back", context do
    %{endpoint: endpoint} = open(context)
    assert {:error, %Knocker.NotReplicatedError{}} = Knocker.receive(endpoint, request("1"))

    for _time <- 1..2 do
      litestream = LitestreamSocket.start(context.socket)
      for _time <- 1..2, do: assert(outcome(Knocker.receive(endpoint, request("1"))) == :duplicate)
      LitestreamSocket.stop(litestream)
    end
  end

  test "the sender is told to try again", context do
    %{hooks: hooks} = open(context)
    headers = [{"host", "shop.example"}, {"x-webhook-token", "test-token"}, {"content-length", "2"}]
    head = %{method: "POST", target: "/token", scheme: :http, peer: {127, 0, 0, 1}, headers: headers}
    post = fn -> hooks |> Knocker.HTTP.respond("token", head, nil, fn nil, _limit, _timeout -> {{:ok, "{}"}, nil} end) |> elem(0) end
    log = capture_log(fn -> assert %{status: 503, body: "try again later"} = post.() end)
    assert log =~ "was not replicated"
    litestream = LitestreamSocket.start(context.socket)
    assert %{status: 200} = post.()
    LitestreamSocket.stop(litestream)
  end

  test "the file may have another name there", context do
    folder = Path.dirname(context.socket)
    File.mkdir!(Path.join(folder, "real"))
    File.ln_s!(Path.join(folder, "real"), Path.join(folder, "link"))
    replica = Knocker.Replica.of(%{replicated: context.socket, path: Path.join(folder, "link/app.db"), replicated_timeout_ms: 1_000})
    assert replica.names == [Path.join(folder, "link/app.db"), Path.join(folder, "real/app.db")]
  end

  test "options that cannot be meant are refused", context do
    for options <- [[replicated: " "], [replicated: 5], [replicated: "socket", replicated_timeout_ms: 0]] do
      given = [database: Path.join(Path.dirname(context.socket), "app.db")] ++ options
      assert {:error, %Knocker.UsageError{message: message}} = Knocker.Options.read(given)
      assert message =~ "replicated"
    end
  end

  test "the idempotency key of an event" do
    for given <- Knocker.JSON.decode!(File.read!(Path.join(@conformance, "idempotency_keys.json")))["cases"] do
      event = %Event{
        id: given["id"] || 1,
        endpoint: given["endpoint"],
        type: nil,
        key: given["key"],
        body: given["body"] || "",
        attempt: 1,
        max_attempts: 10,
        received_at: DateTime.from_unix!(given["received_at"] || 0, :millisecond),
        delivery: nil
      }

      assert Event.idempotency_key(event) == given["is"]
    end
  end
end
