defmodule Knocker.MetricsTest do
  use ExUnit.Case, async: true

  use Knocker.Testing, endpoints: [orders: [handler: {"*", &Knocker.MetricsTest.handle/2}]]

  alias Knocker.HTTP.Metrics

  @moduletag capture_log: true

  def handle(%{key: "bad"}, _tx), do: raise("no such customer")
  def handle(_event, _tx), do: :ok

  # Two accepted receipts, a refused one, and an attempt at each event, of which one failed.
  setup %{hooks: hooks} do
    orders = Knocker.endpoint(hooks, :orders)
    for key <- ["good", "bad"], do: {:ok, _receipt} = Knocker.ingest(orders, [valid: true, key: key], "{}")
    {:ok, _receipt} = Knocker.ingest(orders, [valid: false, reason: "bad_signature"], "{}")
    drain(hooks)
    :ok
  end

  defp samples(text) do
    for line <- String.split(text, "\n", trim: true), not String.starts_with?(line, "#"), into: %{} do
      [value | name] = line |> String.split(" ") |> Enum.reverse()
      {name |> Enum.reverse() |> Enum.join(" "), value}
    end
  end

  test "they tell what happened", %{hooks: hooks} do
    {:ok, text} = Knocker.metrics(hooks)
    told = samples(text)

    for {name, value} <- %{
          ~s(knocker_receipts_total{endpoint="orders",outcome="accepted"}) => "2",
          ~s(knocker_refusals_total{endpoint="orders",reason="bad_signature"}) => "1",
          ~s(knocker_attempts_total{endpoint="orders",result="handled"}) => "1",
          ~s(knocker_attempts_total{endpoint="orders",result="failed"}) => "1",
          ~s(knocker_handler_duration_seconds_count{endpoint="orders"}) => "2",
          ~s(knocker_receive_duration_seconds_count{endpoint="orders"}) => "3",
          ~s(knocker_receive_duration_seconds_bucket{endpoint="orders",le="+Inf"}) => "3"
        } do
      assert told[name] == value, name
    end

    {:ok, text} = Knocker.metrics(hooks, openmetrics: true)
    assert String.ends_with?(text, "# EOF\n")
  end

  test "they are served as they are asked for", %{hooks: hooks} do
    plain = "text/plain; version=0.0.4; charset=utf-8"
    open = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    for {accept, type} <- [{nil, plain}, {"text/html,*/*", plain}, {open <> ",text/plain;q=0.5", open}] do
      assert %{status: 200, headers: [{"content-type", ^type}], body: body} = Metrics.respond(hooks, accept)
      assert samples(body)[~s(knocker_receipts_total{endpoint="orders",outcome="accepted"})] == "2"
    end

    :ok = Knocker.close(hooks)
    assert %{status: 503, headers: [_type, {"retry-after", "5"}]} = Metrics.respond(hooks, nil)
  end
end
