# frozen_string_literal: true

require "rails/railtie"

# With Rails, models of ActiveRecord are at home in handlers.
module Knocker
  # What Rails needs to know: Knocker's tables are no part of the app's schema, and its functions are there in SQL.
  class Railtie < ::Rails::Railtie
    initializer "knocker.active_record" do
      ActiveSupport.on_load(:active_record) do
        require "active_record/connection_adapters/sqlite3_adapter"
        ::ActiveRecord::SchemaDumper.ignore_tables |= ActiveRecord::TABLES
        ::ActiveRecord::ConnectionAdapters::SQLite3Adapter.prepend(LoadsKnocker)
      end
    end

    rake_tasks do
      require "active_record/tasks/sqlite_database_tasks"
      ::ActiveRecord::Tasks::SQLiteDatabaseTasks.prepend(DumpsWithoutKnocker)
    end

    generators { require "generators/knocker/install/install_generator" }

    # Each connection of ActiveRecord's has Knocker's functions: `SELECT knocker_stats()`.
    module LoadsKnocker
      private

      def configure_connection
        super
        # The adapter of a handler has the worker's connection, which is loaded.
        Knocker.load(@raw_connection || @connection)
      end
    end

    # `structure.sql` without Knocker's tables and views. Rails 6.1 takes names there, and no patterns.
    module DumpsWithoutKnocker
      def structure_dump(*arguments)
        given = ::ActiveRecord::SchemaDumper.ignore_tables
        patterns = given + [/\Aknocker_/]
        names = connection.select_values("SELECT DISTINCT tbl_name FROM sqlite_master")
        ::ActiveRecord::SchemaDumper.ignore_tables =
          names.select { |name| patterns.any? { |pattern| pattern === name } } # rubocop:disable Style/CaseEquality
        super
      ensure
        ::ActiveRecord::SchemaDumper.ignore_tables = given
      end
    end
  end
end
