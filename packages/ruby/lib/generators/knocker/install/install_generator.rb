# frozen_string_literal: true

require "rails/generators/base"

module Knocker
  module Generators
    # `rails generate knocker:install`: an initializer with the endpoints, their route, and the worker's line in `Procfile.dev`.
    class InstallGenerator < ::Rails::Generators::Base
      source_root File.expand_path("templates", __dir__)
      desc "Receives webhooks under /webhooks, into the app's own SQLite file"

      def copy_initializer
        template "knocker.rb", "config/initializers/knocker.rb"
      end

      def add_route
        route 'mount WEBHOOKS.rack => "/webhooks"'
      end

      def add_worker
        return unless File.exist?(File.join(destination_root, "Procfile.dev"))

        append_to_file "Procfile.dev", "webhooks: bundle exec knocker-worker config/environment.rb\n"
      end
    end
  end
end
