# frozen_string_literal: true

# The webhook of sidekiq_before.rb on Knocker. Sidekiq stays for what the app itself decides to do.

require "knocker"
require "sidekiq"

# region: handler
HOOKS = Knocker.open(ENV.fetch("SHOP_DB", "shop.db"))
STRIPE = HOOKS.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET")], max_attempts: 10)

STRIPE.on("checkout.session.completed") do |event, tx|
  id = event.json["data"]["object"]["id"]
  tx.execute("INSERT INTO paid (id) VALUES (?) ON CONFLICT DO NOTHING", [id])
  # The last act: should the process die before the commit, the job is enqueued again, with the same key.
  SendReceiptJob.perform_async(event.key, id)
end
# endregion: handler

# region: handed-on
class SendReceiptJob
  include Sidekiq::Worker

  def perform(key, order)
    new = HOOKS.database.rows("INSERT INTO sent (key) VALUES (?) ON CONFLICT DO NOTHING RETURNING key", [key]).any?
    puts "a receipt for #{order}" if new
  end
end
# endregion: handed-on
