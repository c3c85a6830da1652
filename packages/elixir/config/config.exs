import Config

# Of this checkout alone: applications that depend on Knocker do not read it.
config :knocker, native: :build
