# frozen_string_literal: true

# A handler that may run twice, and late: `knocker-worker replay_safe.rb`.

require "knocker"

# Stands for a service over the network that does nothing twice for the same key.
module Access
  def self.grant(customer, idempotency_key:) end
end

UPSERT = <<~SQL
  INSERT INTO subscriptions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
  SET status = excluded.status, told_at = excluded.told_at WHERE excluded.told_at >= told_at
SQL

HOOKS = Knocker.open(ENV.fetch("SHOP_DB", "shop.db"))
STRIPE = HOOKS.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET")])

STRIPE.on("customer.subscription.*") do |event, tx|
  subscription = event.json["data"]["object"]
  # Outside of the file first: it may happen again, always with the same key.
  Access.grant(subscription["customer"], idempotency_key: event.idempotency_key)
  # In the file: what is older than what stands there changes nothing.
  tx.execute("CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, status TEXT, told_at INTEGER)")
  tx.execute(UPSERT, [subscription["id"], subscription["status"], event.json["created"]])
end
