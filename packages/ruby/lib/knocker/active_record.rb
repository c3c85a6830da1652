# frozen_string_literal: true

require "active_record"
require "active_record/connection_adapters/sqlite3_adapter"
require "delegate"

module Knocker
  # Handlers whose ActiveRecord models write through `tx`: what they save is committed together with the event, or rolled
  # back with it.
  #
  #   HOOKS = Knocker::ActiveRecord.open
  #
  # `transaction` is a savepoint then, `after_commit` waits for the worker's commit, and the write lock is taken at the
  # first query and not before.
  module ActiveRecord
    # What `schema.rb` leaves out.
    TABLES = [/\A_knocker_/, /\A_honker_/].freeze

    # Opens Knocker on the file of a class's connection, with models in its handlers. Takes what {Knocker.open} takes.
    #
    # @param record [Class] ActiveRecord::Base, or the abstract class of another database
    # @return [Hooks]
    def self.open(record = ::ActiveRecord::Base, **settings)
      attach(Knocker.open(path_of(record), **settings), record)
    end

    # Lets the handlers of hooks write through models.
    #
    # @param hooks [Hooks] on the file of that class's connection
    # @return [Hooks] the same
    def self.attach(hooks, record = ::ActiveRecord::Base)
      hooks.database.around_handlers = Handlers.new(record)
      (@idle ||= {})[record] ||= Idle.new(record).tap { |idle| Forks.prepare(idle) }
      hooks
    end

    # @return [String] the absolute path of the database
    def self.path_of(record)
      config = record.connection_db_config.configuration_hash
      name = config[:database].to_s
      unless config[:adapter].to_s == "sqlite3" && !name.empty? && !name.start_with?(":", "file:")
        raise UsageError, "#{record.name} is not on a file of SQLite's (#{config[:adapter]} #{name}): Knocker works in one"
      end

      File.expand_path(name, defined?(::Rails.root) ? ::Rails.root : nil)
    end

    # The adapter of one attempt: its raw connection is `tx`, whose transaction the worker begins and ends.
    class Adapter < ::ActiveRecord::ConnectionAdapters::SQLite3Adapter
      # @return [Adapter]
      def self.on(transaction, pool, config)
        adapter = new(transaction, nil, nil, config)
        adapter.pool = pool
        adapter.verify!
        # One for ActiveRecord, too, so that it calls `after_commit` when this one is over.
        adapter.begin_transaction(_lazy: false)
        # From 7.1 on, a savepoint as the first thing in a transaction would be replaced by a second beginning.
        adapter.current_transaction.dirty! if adapter.current_transaction.respond_to?(:dirty!)
        adapter
      end

      # A savepoint: what raises in it is taken back.
      def transaction(**options, &)
        options[:requires_new] = true if open_transactions == 1
        super(**options, &)
      end

      # The worker's: nothing is begun, committed or rolled back here.
      def begin_db_transaction(*) = nil
      def commit_db_transaction = nil
      def exec_rollback_db_transaction = nil

      # It is the worker's connection, which it needs for the result and for the next event.
      def disconnect! = nil
      def reset! = nil

      private

      # It is set up already.
      def configure_connection = nil
    end

    # What models find instead of their pool, in the thread of a handler: one connection, already open.
    class Pool < ::ActiveRecord::ConnectionAdapters::ConnectionPool
      # Handlers run at the same time in several threads, each with an adapter of its own.
      def knocker_adapter=(adapter)
        Thread.current.thread_variable_set(:knocker_adapter, adapter)
      end

      def checkout(*)
        Thread.current.thread_variable_get(:knocker_adapter) or raise ClosedError, AttemptTransaction::OVER
      end

      def checkin(_adapter); end
    end

    # The app's connection handler, with another pool for one database.
    class Connections < SimpleDelegator
      def initialize(handler, original, pool)
        super(handler)
        @original = original
        @pool = pool
      end

      def retrieve_connection_pool(*arguments, **named)
        found = __getobj__.retrieve_connection_pool(*arguments, **named)
        found.equal?(@original) ? @pool : found
      end

      def retrieve_connection(*arguments, **named)
        found = retrieve_connection_pool(*arguments, **named)
        found.equal?(@pool) ? @pool.checkout : __getobj__.retrieve_connection(*arguments, **named)
      end
    end

    # The idle connections to the file, closed before a fork for the reason that {Forks} has. ActiveRecord opens others when it needs them; one
    # in a transaction is the app's own matter.
    class Idle
      def initialize(record)
        @record = record
      end

      def before_fork(_moves)
        pool = @record.connection_pool
        own = pool.active_connection?
        pool.release_connection if own&.open_transactions&.zero?
        pool.flush!
      rescue ::ActiveRecord::ActiveRecordError
        # It is configured no more.
        nil
      end

      def after_fork_in_parent; end
      def after_fork_in_child(_moves); end
    end

    # Sets up each attempt: what the worker calls around the handlers.
    class Handlers
      def initialize(record)
        @record = record
        @pools = {}
        @lock = Mutex.new
      end

      def call(_event, transaction, &)
        within_app { with_models(transaction.knocker_attempt, transaction, &) }
      end

      private

      # Reloads code in development, and gives back the connections of other databases.
      def within_app(&)
        defined?(::Rails.application) && ::Rails.application ? ::Rails.application.reloader.wrap(&) : yield
      end

      def with_models(attempt, transaction)
        refuse_other_file(attempt)
        original = @record.connection_pool
        pool = pool_beside(original)
        adapter = Adapter.on(transaction, pool, original.db_config.configuration_hash)
        result = replaced(original, pool, adapter) { yield.tap { adapter.current_transaction.before_commit_records } }
        attempt.after_commit << -> { within_app { finish(adapter.current_transaction) } }
        result
      rescue Exception # rubocop:disable Lint/RescueException -- whatever it is, the models are told
        adapter.rollback_transaction if adapter&.transaction_open?
        raise
      end

      def finish(transaction)
        transaction.commit
        transaction.commit_records
      end

      # For the length of the block, models of this thread find the adapter.
      def replaced(original, pool, adapter)
        base = ::ActiveRecord::Base
        handler = base.connection_handler
        pool.knocker_adapter = adapter
        base.connection_handler = Connections.new(handler, original, pool)
        yield
      ensure
        base.connection_handler = handler
        pool.release_connection
        pool.knocker_adapter = nil
      end

      def pool_beside(original)
        @lock.synchronize { @pools[original] ||= Pool.new(original.pool_config) }
      end

      def refuse_other_file(attempt)
        there = attempt.connection.rows("PRAGMA database_list").first[2]
        named = ActiveRecord.path_of(@record)
        return if File.identical?(there, named)

        raise UsageError, "the hooks are on #{there}, and #{@record.name} is on #{named}: open both on the same file"
      end
    end
    private_constant :Adapter, :Pool, :Connections, :Idle, :Handlers
  end
end
