# frozen_string_literal: true

# The shop behind Rack alone: `puma rack_app.ru`, and `knocker-worker shop.rb` beside it.

require_relative "shop"

health = lambda do |_env|
  events = HOOKS.stats.events
  [200, { "content-type" => "application/json" }, [JSON.generate(waiting: events.received + events.failed, dead: events.dead)]]
end

map("/webhooks") { run HOOKS.rack }
map("/health") { run health }
run ->(_env) { [404, { "content-type" => "text/plain" }, ["not found"]] }
