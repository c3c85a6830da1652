# frozen_string_literal: true

# A file for each tenant: `TENANTS_FOLDER=tenants knocker-worker tenant_files.rb`, and `run TENANTS.rack` in the server's config.ru.

require "knocker"

# STRIPE_WEBHOOK_SECRET_ACME: of your configuration, or your vault.
def secret_of(tenant) = ENV.fetch("STRIPE_WEBHOOK_SECRET_#{tenant.upcase}")

TENANTS = Knocker.open_many(File.join(ENV.fetch("TENANTS_FOLDER", "tenants"), "*.db")) do |hooks, tenant|
  stripe = hooks.endpoint("stripe", provider: "stripe", secrets: [secret_of(tenant)])

  # tx writes into the file of the event's tenant.
  stripe.on("invoice.paid") do |event, tx|
    tx.execute("CREATE TABLE IF NOT EXISTS payments (invoice TEXT PRIMARY KEY)")
    tx.execute("INSERT INTO payments VALUES (?) ON CONFLICT DO NOTHING", [event.json["data"]["object"]["id"]])
  end
end
