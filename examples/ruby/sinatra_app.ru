# frozen_string_literal: true

# The shop behind Sinatra: `puma sinatra_app.ru`, and `knocker-worker shop.rb` beside it.

require "sinatra/base"
require_relative "shop"

# What else the app serves.
class Shop < Sinatra::Base
  get "/health" do
    content_type :json
    events = HOOKS.stats.events
    JSON.generate(waiting: events.received + events.failed, dead: events.dead)
  end
end

map("/webhooks") { run HOOKS.rack }
run Shop
