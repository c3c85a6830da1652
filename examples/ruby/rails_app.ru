# frozen_string_literal: true

# The shop as an app of Rails in one file: `puma rails_app.ru`, and `knocker-worker rails_app.ru` beside it. An app of your
# own gets the same by `rails generate knocker:install`.

require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "knocker"

# The app.
class Shop < Rails::Application
  config.root = __dir__
  config.eager_load = false
  config.secret_key_base = ENV.fetch("SECRET_KEY_BASE", "only of an example")
  config.logger = Logger.new($stderr)
  config.log_level = :warn
  config.hosts.clear
end

ENV["DATABASE_URL"] ||= "sqlite3:#{File.expand_path(ENV.fetch("SHOP_DB", "shop.db"))}?timeout=5000"
Shop.initialize!

# A paid checkout.
class Order < ActiveRecord::Base
  self.primary_key = "id"
end

ActiveRecord::Base.connection.create_table(:orders, id: :string, if_not_exists: true) do |t|
  t.integer :total
  t.string :email
end

# Whether there is something to look at.
class HealthController < ActionController::API
  def show
    events = WEBHOOKS.stats.events
    render json: { waiting: events.received + events.failed, dead: events.dead }
  end
end

WEBHOOKS = Knocker::ActiveRecord.open(logger: Rails.logger)
STRIPE = WEBHOOKS.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET")])

STRIPE.on("checkout.session.completed") do |event|
  session = event.json["data"]["object"]
  order = Order.find_or_initialize_by(id: session["id"])
  order.update!(total: session["amount_total"], email: session["customer_details"]["email"])
end

Rails.application.routes.draw do
  mount WEBHOOKS.rack => "/webhooks"
  get "/health", to: "health#show"
end

run Rails.application if respond_to?(:run)
