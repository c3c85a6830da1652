# frozen_string_literal: true

# The usual webhook on Sidekiq, which sidekiq_after.rb moves to Knocker: verify in the route, enqueue a job, answer 200.

require "json"
require "openssl"
require "rack"
require "sidekiq"
require "sqlite3"

def signed_by_stripe?(header, body)
  parts = header.to_s.split(",").to_h { |part| part.split("=", 2) }
  wanted = OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("STRIPE_WEBHOOK_SECRET"), "#{parts["t"]}.#{body}")
  Rack::Utils.secure_compare(wanted, parts["v1"].to_s)
end

# region: job
class FulfilJob
  include Sidekiq::Worker
  sidekiq_options retry: 10

  def perform(event)
    return unless event["type"] == "checkout.session.completed"

    SQLite3::Database.new(ENV.fetch("SHOP_DB")) do |db|
      db.execute("INSERT INTO paid (id) VALUES (?) ON CONFLICT DO NOTHING", [event["data"]["object"]["id"]])
    end
  end
end

WEBHOOK = lambda do |env|
  body = env["rack.input"].read
  next [400, {}, []] unless signed_by_stripe?(env["HTTP_STRIPE_SIGNATURE"], body)

  FulfilJob.perform_async(JSON.parse(body))
  [200, {}, []]
end
# endregion: job
