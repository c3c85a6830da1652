# frozen_string_literal: true

# The webhooks that this app receives, in the file of its own database. What a handler's models save is committed together
# with the event. The worker runs beside the server: bundle exec knocker-worker config/environment.rb
WEBHOOKS = Knocker::ActiveRecord.open(logger: Rails.logger)

# Each endpoint is received at /webhooks/<name>.
#
# stripe = WEBHOOKS.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET", nil)].compact)
#
# stripe.on("checkout.session.completed") do |event, _tx|
#   Order.find_or_create_by!(checkout: event.json["data"]["object"]["id"])
# end
