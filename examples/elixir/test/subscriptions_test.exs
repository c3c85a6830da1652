defmodule SubscriptionsTest do
  use ExUnit.Case, async: true
  use Knocker.Testing

  test "the newest word stands, and a replay keeps its key", %{hooks: hooks} do
    test = self()
    handler = Shop.Subscriptions.follow(fn _customer, key -> send(test, {:granted, key}) end)
    options = [provider: "stripe", secrets: ["whsec_test"], handler: [{"customer.subscription.*", handler}]]
    {:ok, _stripe} = Knocker.endpoint(hooks, :stripe, options)

    newer = receive_update(hooks, "evt_2", "active", 200)
    receive_update(hooks, "evt_1", "incomplete", 100)
    assert [%{status: :handled}, %{status: :handled}] = drain(hooks)
    {:ok, _transition} = Knocker.replay(hooks, newer)
    assert [%{status: :handled}] = drain(hooks)

    assert [["active"]] = Knocker.Testing.rows!(hooks, "SELECT status FROM subscriptions")
    for event <- ["evt_2", "evt_1", "evt_2"], do: assert_received({:granted, "stripe/" <> ^event})
  end

  defp receive_update(hooks, id, status, created) do
    object = ~s({"id": "sub_1", "customer": "cus_1", "status": "#{status}"})

    body =
      ~s({"id": "#{id}", "type": "customer.subscription.updated", "created": #{created}, "data": {"object": #{object}}})

    {:ok, receipt} = Knocker.receive(Knocker.endpoint(hooks, :stripe), sign(hooks, :stripe, "whsec_test", body))
    receipt.event_id
  end
end
