# frozen_string_literal: true

# A tiny shop: paid checkouts become orders, pushes become builds. The Rack apps and the worker load it.

require "knocker"

page_somebody = ->(event, reason) { warn "event #{event.id} of #{event.endpoint} (#{event.type}) is dead: #{reason}" }

HOOKS = Knocker.open(ENV.fetch("SHOP_DB", "shop.db"), on_dead: page_somebody)
STRIPE = HOOKS.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET")])
GITHUB = HOOKS.endpoint("github", provider: "github", secrets: [ENV.fetch("GITHUB_WEBHOOK_SECRET")])

CREATE_TABLES = <<~SQL
  CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total INTEGER, email TEXT);
  CREATE TABLE IF NOT EXISTS builds (repository TEXT, revision TEXT, PRIMARY KEY (repository, revision));
SQL
SQLite3::Database.new(HOOKS.database.path) { |db| db.execute_batch(CREATE_TABLES) }

STRIPE.on("checkout.session.completed") do |event, tx|
  session = event.json["data"]["object"]
  # Stripe sends checkout.session.async_payment_succeeded later.
  raise Knocker::Ignore, "not paid yet" unless session["payment_status"] == "paid"

  tx.execute(<<~SQL, [session["id"], session["amount_total"], session["customer_details"]["email"]])
    INSERT INTO orders (id, total, email) VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET total = excluded.total, email = excluded.email
  SQL
end

# What handles events may be an object, too.
class Build
  def call(event, transaction)
    push = event.json
    transaction.execute("INSERT INTO builds VALUES (?, ?) ON CONFLICT DO NOTHING", [push["repository"]["full_name"], push["after"]])
  end
end

GITHUB.on("push", handler: Build.new)
GITHUB.on("ping") { raise Knocker::Ignore, "GitHub says hello" }
