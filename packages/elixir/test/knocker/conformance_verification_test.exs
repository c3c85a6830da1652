defmodule Knocker.ConformanceVerificationTest do
  use ExUnit.Case, async: true
  use Knocker.Testing

  import Knocker.ConformanceData

  alias Knocker.Testing.Clock

  @moduletag timeout: 300_000

  # Through the verdict of an endpoint, and through its receipt.
  @tag capture_log: true
  test "each case", %{hooks: hooks, knocker_clock: clock} do
    cases = for {_file, content} <- files("verification"), one <- content["cases"], do: {content["provider"], one}

    for {{provider, one}, index} <- Enum.with_index(cases) do
      strictly(one, ~w(name options secrets now request body body_base64 expect then))

      try do
        {:ok, endpoint} =
          Knocker.endpoint(hooks, "case-#{index}", provider: provider, options: one["options"], secrets: fn _request -> one["secrets"] end)

        send_it(endpoint, clock, one, :accepted)
        if one["then"], do: send_again(hooks, endpoint, clock, one["then"])
      rescue
        error in ExUnit.AssertionError -> flunk("#{provider}: #{one["name"]}: #{error.message}")
      end
    end

    write_count("verification", length(cases))
  end

  defp send_again(hooks, endpoint, clock, again) do
    before = count(hooks, endpoint)
    send_it(endpoint, clock, again, if(again["events"] > before, do: :accepted, else: :duplicate))
    assert count(hooks, endpoint) == again["events"]
  end

  defp count(hooks, endpoint), do: Enum.count(Knocker.events(hooks, endpoint: endpoint.name))

  # `delivery` is the outcome of a delivery.
  defp send_it(endpoint, clock, one, delivery) do
    Clock.set(clock, one["now"])
    request = request(one["request"], body(one))
    expected = strictly(one["expect"], ~w(valid kind reason items status response_body response_headers))
    headers = Map.new(expected["response_headers"] || %{}, fn {name, value} -> {String.downcase(name), value} end)
    response = %{"status" => expected["status"], "headers" => headers}
    response = if expected["response_body"], do: Map.put(response, "body", expected["response_body"]), else: response

    assert {:ok, verdict} = Knocker.verify(endpoint, request)
    wanted = expected |> Map.take(~w(valid kind reason)) |> Map.merge(%{"items" => expected["items"] || [], "response" => response})
    compare(wanted, plain(verdict), "verdict")

    assert {:ok, receipt} = Knocker.receive(endpoint, request)
    outcome = %{nil => :invalid, "handshake" => :handshake, "delivery" => delivery}[expected["kind"]]
    compare(%{"outcome" => to_string(outcome), "reason" => expected["reason"], "response" => response}, plain(receipt), "receipt")
  end
end
