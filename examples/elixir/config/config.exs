import Config

# For applications without exqlite alone, as in a checkout: Knocker's own driver, which cargo builds.
if File.dir?(Path.expand("../../../packages/elixir", __DIR__)), do: config(:knocker, native: :build)

# The tests start the hooks themselves.
config :shop, start: config_env() != :test
