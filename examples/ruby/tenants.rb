# frozen_string_literal: true

# One endpoint for several tenants, each with secrets of its own: `knocker-worker tenants.rb`.

require "knocker"

# Of your configuration, or a table. While a secret is replaced both are there, and each is tried.
SECRETS = { "acme" => %w[acme-new acme-old], "globex" => ["globex"] }.freeze

# "acme" of https://shop.example/webhooks/acme/stripe
def tenant_of(url) = URI(url).path.split("/")[-2]

HOOKS = Knocker.open(ENV.fetch("SHOP_DB", "tenants.db"))
STRIPE = HOOKS.endpoint("stripe", provider: "stripe", secrets: ->(request) { SECRETS.fetch(tenant_of(request.url), []) })

STRIPE.on("invoice.paid") do |event, tx|
  tx.execute("CREATE TABLE IF NOT EXISTS payments (invoice TEXT PRIMARY KEY, tenant TEXT)")
  invoice = event.json["data"]["object"]["id"]
  tx.execute("INSERT INTO payments VALUES (?, ?) ON CONFLICT DO NOTHING", [invoice, tenant_of(event.delivery.url)])
end
