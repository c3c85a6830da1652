import Config

# For applications without exqlite alone: Knocker's own driver, which cargo builds.
config :knocker, native: :build

# The tests start the hooks themselves.
config :shop, start: config_env() != :test
