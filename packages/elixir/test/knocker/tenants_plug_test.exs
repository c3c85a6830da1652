# Runs where Plug is: see KNOCKER_DEPS in mix.exs.
if Code.ensure_loaded?(Plug.Test) do
  defmodule Knocker.TenantsPlugTest do
    use ExUnit.Case, async: true

    alias Knocker.Tenants

    @moduletag :tmp_dir
    @moduletag capture_log: true

    setup %{tmp_dir: folder, test: name} do
      endpoints = fn tenant -> [inbox: [provider: "token", secrets: "of-" <> tenant]] end
      start_supervised!({Tenants, name: name, files: Path.join(folder, "*.db"), endpoints: endpoints, synchronous: :normal})
      for tenant <- ["acme", "globex"], do: :ok = Tenants.create(name, tenant)
      :ok
    end

    defp post(path, options, host \\ "shop.example") do
      conn = Plug.Test.conn(:post, "http://#{host}#{path}", "{}")
      token = Plug.Conn.put_req_header(conn, "x-webhook-token", "of-acme")
      Knocker.Plug.call(Plug.Conn.put_req_header(token, "content-length", "2"), Knocker.Plug.init(options)).status
    end

    test "the tenant is the part of the path before the endpoint, or what a function finds", %{test: name} do
      assert post("/webhooks/acme/inbox", tenants: name) == 200
      assert post("/webhooks/globex/inbox", tenants: name) == 401
      assert post("/webhooks/nobody/inbox", tenants: name) == 404
      assert post("/webhooks/acme/other", tenants: name) == 404
      assert post("/inbox", tenants: name) == 404
      assert post("/acme", tenants: name, endpoint: :inbox) == 404
      by_host = fn conn -> conn.host |> String.split(".") |> hd() end
      assert post("/any", [tenants: name, tenant: by_host, endpoint: :inbox], "acme.shop.example") == 200
      assert post("/inbox", [tenants: name, tenant: by_host], "globex.shop.example") == 401
      assert post("/inbox", tenants: name, tenant: fn _conn -> nil end) == 404
      assert Tenants.hooks(name, "acme", &Enum.count(Knocker.events(&1))) == {:ok, 2}
      assert_raise Knocker.UsageError, fn -> Knocker.Plug.init(tenant: by_host, other: 1) end
    end
  end
end
