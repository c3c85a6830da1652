defmodule TenantFilesTest do
  # Its secrets are in the environment.
  use ExUnit.Case, async: false

  alias Knocker.{HTTP, Tenants, Testing, WebhookRequest}

  @moduletag :tmp_dir

  setup %{tmp_dir: folder} do
    for name <- ["ACME", "GLOBEX"],
        do: System.put_env("STRIPE_WEBHOOK_SECRET_#{name}", "whsec_#{name}")

    start_supervised!(%{
      id: :tree,
      start: {Supervisor, :start_link, [Shop.TenantFiles.children(folder), [strategy: :one_for_one]]},
      type: :supervisor
    })

    for tenant <- ["acme", "globex"], do: :ok = Tenants.create(Shop.TenantFiles, tenant)
    :ok
  end

  defp signed(secret) do
    unsigned = %WebhookRequest{url: "/", body: ~s({"id": "evt_1", "type": "invoice.paid"})}
    sign = &Knocker.sign(Knocker.endpoint(&1, :stripe), unsigned, secret)
    {:ok, {:ok, request}} = Tenants.hooks(Shop.TenantFiles, "acme", sign)
    request
  end

  defp post(target, request) do
    length = {"content-length", "#{byte_size(request.body)}"}
    headers = for {name, value} <- request.headers, do: {String.downcase(name), value}

    head = %{
      method: "POST",
      target: target,
      headers: [{"host", "shop.example"}, length | headers],
      scheme: :https,
      peer: nil
    }

    {tenant, endpoint} = {HTTP.tenant_of(target), HTTP.name_of(target)}
    read = fn nil, _limit, _timeout_ms -> {{:ok, request.body}, nil} end
    {answer, nil} = HTTP.respond_for(Shop.TenantFiles, tenant, endpoint, head, nil, read)
    answer.status
  end

  defp within(tenant, work) do
    {:ok, result} = Tenants.hooks(Shop.TenantFiles, tenant, work)
    result
  end

  defp statuses(tenant),
    do: within(tenant, fn hooks -> Enum.map(Knocker.events(hooks), & &1.status) end)

  defp until(true_at_last),
    do: if(true_at_last.(), do: :ok, else: Process.sleep(5) && until(true_at_last))

  test "each tenant's payments are in its file" do
    request = signed("whsec_ACME")
    assert post("/webhooks/acme/stripe", request) == 200
    assert post("/webhooks/globex/stripe", request) == 401
    assert post("/webhooks/nobody/stripe", request) == 404
    until(fn -> statuses("acme") == [:handled] end)
    assert within("acme", &Testing.rows!(&1, "SELECT event FROM payments")) == [["evt_1"]]
    assert statuses("globex") == []
  end
end
