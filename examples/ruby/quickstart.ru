# frozen_string_literal: true

# The quick start of packages/ruby/README.md in one file: serve with `puma quickstart.ru`.

require "knocker"

hooks = Knocker.open("app.db")
stripe = hooks.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET")])

stripe.on("checkout.session.completed") do |event, tx|
  tx.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
  tx.execute("INSERT INTO orders (id) VALUES (?) ON CONFLICT DO NOTHING", [event.json["data"]["object"]["id"]])
end

hooks.start_worker
map("/webhooks") { run hooks.rack }
