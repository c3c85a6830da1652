defmodule Shop.Tenants do
  @moduledoc "One endpoint for several tenants, each with secrets of its own."

  # Of your configuration, or a table. While a secret is replaced both are there, and each is tried.
  @secrets %{"acme" => ["acme-new", "acme-old"], "globex" => ["globex"]}

  def endpoints do
    [
      stripe: [
        provider: "stripe",
        secrets: fn request -> Map.get(@secrets, tenant_of(request.url), []) end,
        handler: [{"invoice.paid", &note/2}]
      ]
    ]
  end

  # "acme" of https://shop.example/webhooks/acme/stripe
  defp tenant_of(url), do: url |> URI.parse() |> Map.fetch!(:path) |> String.split("/") |> Enum.at(-2)

  defp note(event, tx) do
    Knocker.execute!(tx, "CREATE TABLE IF NOT EXISTS payments (invoice TEXT PRIMARY KEY, tenant TEXT)")
    invoice = Knocker.Event.json!(event)["data"]["object"]["id"]
    values = [invoice, tenant_of(event.delivery.url)]
    Knocker.execute(tx, "INSERT INTO payments VALUES (?, ?) ON CONFLICT DO NOTHING", values)
  end
end
