# frozen_string_literal: true

# An app as people write it: hooks opened while it is loaded, which a cluster does before it forks.
require "knocker"

HOOKS = Knocker.open(ENV.fetch("SHOP_DATABASE"))
github = HOOKS.endpoint("github", provider: "github", secrets: ["test-secret"])
github.on("push") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
HOOKS.start_worker if ENV["SHOP_WORKS"] == "before the fork"

map("/webhooks") { run HOOKS.rack }
map("/pid") { run ->(_env) { [200, { "content-type" => "text/plain" }, [Process.pid.to_s]] } }
map("/parsed") do
  # A parser in front, as Sinatra and Rails have them.
  use(Class.new do
    def initialize(app) = @app = app

    def call(env)
      Rack::Request.new(env).POST
      env["rack.input"].read
      @app.call(env)
    end
  end)
  run HOOKS.rack
end
