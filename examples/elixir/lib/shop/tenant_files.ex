defmodule Shop.TenantFiles do
  @moduledoc "A file for each tenant: children of a supervisor, which receive and work for all of them."

  # A router of Plug has: forward "/webhooks", to: Knocker.Plug, init_opts: [tenants: Shop.TenantFiles]
  # so that https://shop.example/webhooks/acme/stripe is received into acme.db.
  def children(folder) do
    [
      {Knocker.Tenants, name: Shop.TenantFiles, files: Path.join(folder, "*.db"), endpoints: &endpoints/1},
      {Knocker.Tenants.Worker, tenants: Shop.TenantFiles, concurrency: 2}
    ]
  end

  # Asked for each time that a tenant's file is opened.
  def endpoints(tenant) do
    # STRIPE_WEBHOOK_SECRET_ACME: of your configuration, or your vault.
    secret = System.fetch_env!("STRIPE_WEBHOOK_SECRET_" <> String.upcase(tenant))
    [stripe: [provider: "stripe", secrets: [secret], handler: [{"invoice.paid", &note/2}]]]
  end

  # Into the file of the event's tenant.
  defp note(event, tx) do
    Knocker.execute!(tx, "CREATE TABLE IF NOT EXISTS payments (event TEXT PRIMARY KEY)")
    Knocker.execute(tx, "INSERT INTO payments VALUES (?) ON CONFLICT DO NOTHING", [event.key])
  end
end
