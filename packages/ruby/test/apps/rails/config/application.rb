# frozen_string_literal: true

require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "knocker"

module Shop
  # As small as an app of Rails can be.
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = false
    config.secret_key_base = "not a secret: this app is a test"
    config.logger = Logger.new($stderr)
    config.log_level = :warn
    config.hosts.clear
    config.active_record.schema_format = ENV.fetch("SCHEMA_FORMAT", "ruby").to_sym
  end
end
