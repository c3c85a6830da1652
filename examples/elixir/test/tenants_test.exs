defmodule TenantsTest do
  use ExUnit.Case, async: true
  use Knocker.Testing, endpoints: Shop.Tenants.endpoints()

  @body ~s({"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}})

  defp outcome(hooks, tenant, secret) do
    request = %{sign(hooks, :stripe, secret, @body) | url: "https://shop.example/webhooks/#{tenant}/stripe"}
    {:ok, receipt} = Knocker.receive(Knocker.endpoint(hooks, :stripe), request)
    receipt.outcome
  end

  for secret <- ["acme-new", "acme-old"] do
    test "a tenant is known by its URL and proven by #{secret}", %{hooks: hooks} do
      assert :accepted = outcome(hooks, "acme", unquote(secret))
      assert [%{status: :handled}] = drain(hooks)
      assert [["in_1", "acme"]] = Knocker.Testing.rows!(hooks, "SELECT * FROM payments")
    end
  end

  test "the secret of another tenant proves nothing", %{hooks: hooks} do
    assert :invalid = outcome(hooks, "acme", "globex")
    assert :invalid = outcome(hooks, "nobody", "acme-new")
  end
end
