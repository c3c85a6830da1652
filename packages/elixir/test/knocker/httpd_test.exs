defmodule Knocker.HttpdTest do
  use ExUnit.Case, async: true

  alias Knocker.{HttpdServer, RawSender, Testing}

  @moduletag capture_log: true

  setup context do
    endpoints = [
      token: [provider: "token", secrets: ["test-token"]],
      small: [provider: "token", secrets: ["test-token"], max_body_bytes: 8],
      meta: [provider: "meta", secrets: ["test-secret"], options: %{verify_token: "test-verify"}]
    ]

    context = Testing.setup(context, endpoints: endpoints)
    Map.put(context, :port, HttpdServer.start(context.hooks))
  end

  defp post(port, path, body, token \\ 'test-token') do
    request = {'http://127.0.0.1:#{port}#{path}', [{'x-webhook-token', token}], 'application/json', body}
    {:ok, {{_version, status, _reason}, headers, body}} = :httpc.request(:post, request, [], body_format: :binary)
    {status, headers, body}
  end

  test "receives over a real server", %{hooks: hooks, port: port} do
    assert {200, _headers, ""} = post(port, "/webhooks/token?a=%20b", ~s({"id": 1}))
    assert {401, _headers, _body} = post(port, "/webhooks/token", "{}", 'other')
    assert {404, _headers, "no such endpoint"} = post(port, "/webhooks/none", "{}")
    assert {413, _headers, "body too large"} = post(port, "/webhooks/small", "123456789")
    assert [first, refused, large] = Enum.to_list(Knocker.deliveries(hooks, body: true))
    assert %{outcome: :accepted, body: ~s({"id": 1}), method: "POST"} = first
    assert first.url == "http://127.0.0.1:#{port}/webhooks/token?a=%20b"
    assert %{outcome: :invalid, reason: :bad_signature} = refused
    assert %{outcome: :too_large, body: nil, body_size: 9} = large
  end

  test "answers by what the provider wants", %{port: port} do
    address = 'http://127.0.0.1:#{port}/webhooks/meta?hub.mode=subscribe&hub.verify_token=test-verify&hub.challenge=115'
    assert {:ok, {{_version, 200, _reason}, _headers, "115"}} = :httpc.request(:get, {address, []}, [], body_format: :binary)
    assert {405, headers, _body} = put(port, "/webhooks/meta")
    assert {'allow', 'GET, POST'} in headers or {'allow', 'POST, GET'} in headers
  end

  defp put(port, path) do
    request = {'http://127.0.0.1:#{port}#{path}', [], 'application/json', "{}"}
    {:ok, {{_version, status, _reason}, headers, body}} = :httpc.request(:put, request, [], body_format: :binary)
    {status, headers, body}
  end

  test "a body of which something has read is the application's mistake", %{hooks: hooks} do
    headers = [{"host", "localhost"}, {"x-webhook-token", "test-token"}, {"content-length", "8"}]
    head = %{method: "POST", target: "/webhooks/token", headers: headers, scheme: :http, peer: nil}

    for left <- ["", "the end"] do
      {answer, _connection} = Knocker.HTTP.respond(hooks, "token", head, nil, fn nil, _limit, _timeout_ms -> {{:ok, left}, nil} end)
      assert {500, "internal error: nothing was stored"} = {answer.status, answer.body}
    end

    assert Enum.to_list(Knocker.deliveries(hooks)) == []
  end

  test "chunks without a byte are told once", %{hooks: hooks} do
    head = %{method: "POST", target: "/webhooks/token", headers: [{"host", "localhost"}, {"transfer-encoding", "chunked"}], scheme: :http, peer: nil}

    log =
      ExUnit.CaptureLog.capture_log(fn ->
        for _time <- 1..2 do
          {answer, _connection} = Knocker.HTTP.respond(hooks, "token", head, nil, fn nil, _limit, _timeout_ms -> {{:ok, ""}, nil} end)
          assert answer.status == 411
        end
      end)

    assert [_before, _after] = String.split(log, "something in front of the endpoint has read the body")
  end

  test "many at once share commits, and each has its answer", %{hooks: hooks, port: port} do
    tasks = for n <- 1..40, do: Task.async(fn -> post(port, "/webhooks/token", ~s({"id": #{n}})) end)
    for {status, _headers, _body} <- Task.await_many(tasks, 60_000), do: assert(status == 200)
    assert Enum.count(Knocker.events(hooks)) == 40
  end

  test "says when to try again where the hooks are closed", %{hooks: hooks, port: port} do
    Knocker.close(hooks)
    # OTP's client would try again by itself.
    lines = ["POST /webhooks/token HTTP/1.1", "Host: localhost", "X-Webhook-Token: test-token", "Content-Length: 2", "", "{}"]
    answer = %{"status" => 503, "headers" => %{"retry-after" => "5"}, "body" => "try again later"}
    RawSender.play(port, [%{"send" => lines}, %{"answer" => answer}])
  end
end
