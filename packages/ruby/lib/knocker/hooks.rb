# frozen_string_literal: true

require "logger"

module Knocker
  # The webhooks of one SQLite file; made by {Knocker.open}. Thread-safe, and usable again after a fork.
  class Hooks
    include Reads
    include Operations

    @open = []
    @lock = Mutex.new
    # What a process that ends has leased would wait until the leases run out, and count as attempts.
    at_exit { Hooks.opened.each(&:stop_workers) }

    class << self
      # @return [Array<Hooks>] those of this process that are not closed, for `knocker-worker`
      # @api private
      def opened = @lock.synchronize { @open.dup }

      # @api private
      def note(hooks, open:)
        @lock.synchronize { open ? @open |= [hooks] : @open -= [hooks] }
      end
    end

    # @return [Database]
    # @api private
    attr_reader :database
    # @return [FailureHooks] those of every worker of these hooks
    # @api private
    attr_reader :failure_hooks

    # @param listed [Boolean] whether they are among {opened}
    def initialize(database, http, failure_hooks, listed: true)
      @database = database
      @listed = listed
      @http = http
      @failure_hooks = failure_hooks
      # The database is another one in a test.
      @refusals = Refusals.new(database.logger, -> { @database.current_ms })
      @endpoints = {}
      @workers = []
      @lock = Mutex.new
      database.declare_again << method(:declare_again)
      Hooks.note(self, open: true) if listed
    end

    # @return [Hash{String => Endpoint}] the endpoints of this process by name
    def endpoints = @endpoints.dup.freeze

    # Creates or updates an endpoint.
    #
    # @param name [String, Symbol] what stands in the URL: 1 to 64 of `a-z A-Z 0-9 _ . -`
    # @param secrets [String, Array<String>, #call] of the provider's signature: one, several (each is tried), or a function of the request. They
    #   are never stored. Without a provider the endpoint takes {Endpoint#ingest} only
    # @param settings [Hash] those of {EndpointSettings}, which are stored; what is left out gets its default, but for `enabled`
    # @return [Endpoint]
    def endpoint(name, secrets: [], **settings) = add(name.to_s, secrets, settings)

    # An endpoint whose settings are kept elsewhere, by the `knocker` command or by another process; nothing is changed.
    #
    # @return [Endpoint]
    # @raise [UnknownEndpointError] where the file has none of that name
    def existing_endpoint(name, secrets: []) = add(name.to_s, secrets, nil)

    # A Rack app that receives at `/<endpoint>`: `run hooks.rack`, or `mount hooks.rack => "/webhooks"`.
    # @return [#call]
    def rack = Http::RackApp.new(->(name) { @endpoints[name] }, @http, @database.logger)

    # A Rack app that serves {#metrics}: `mount hooks.metrics_rack => "/metrics"`. It tells the names of your endpoints and how busy they are, so mount
    # it where only your monitoring comes by.
    # @return [#call]
    def metrics_rack = Http::MetricsApp.new(self, @database.logger)

    # A worker that is not started.
    #
    # @param concurrency [Integer] how many handlers run at once, each in a thread with its own connection
    # @param poll [Numeric] the seconds after which it looks at the file even if nothing told it to
    # @param lease_s [Integer] the lease of a job, 1 to 86,400 seconds, extended while its handler runs
    # @param share_commits [Boolean] whether quick handlers of a backlog share a commit; false commits each event alone
    # @param on_error [#call, nil] called with the error and the event of each failed attempt, in the worker's thread
    # @param on_dead [#call, nil] called with each event that is dead now, and the reason
    # @return [Worker]
    def worker(concurrency: 1, poll: 1.0, lease_s: 60, share_commits: true, on_error: nil, on_dead: nil)
      @database.open_again
      Hooks.note(self, open: true) if @listed
      hooks = FailureHooks.new(on_error: on_error, on_dead: on_dead).or_else(@failure_hooks)
      # One of many files has a worker for each of its turns.
      worker = Worker.new(@database, @endpoints, concurrency: concurrency, poll: poll, lease_s: lease_s, share_commits: share_commits, hooks: hooks,
                                                 level: @listed ? :info : :debug)
      @lock.synchronize { @workers << worker }
      worker
    end

    # Handles events until SIGTERM or SIGINT: then finishes what runs and gives back the rest. Takes what {#worker} takes.
    def work(**settings) = worker(**settings).run

    # Handles events in threads of this process. Takes what {#worker} takes.
    # @return [Worker] to be stopped
    def start_worker(**settings) = worker(**settings).tap(&:start)

    # The queue call by call, for a worker of your own.
    # @param worker [String] a name that no other worker uses
    # @return [Leases]
    def leases(worker) = Leases.new(worker, @database)

    # Stops the workers, commits what is queued and closes the connections. Receiving is refused then; a worker that is made opens them again.
    def close
      stop_workers
      @database.close
      Hooks.note(self, open: false)
      nil
    end

    # Stops the workers that were made of these hooks, and goes on receiving.
    def stop_workers
      @lock.synchronize { @workers.slice!(0..) }.each(&:stop)
    end

    # Goes on with another file, for tests: see {Testing.on_file}.
    # @api private
    def move_to(database, declare: true)
      @database = database
      database.declare_again << method(:declare_again) if declare
      @endpoints.each_value { |endpoint| endpoint.move_to(database, declare: declare) }
    end

    def inspect = "#<#{self.class} #{@database.path}>"

    private

    def add(name, secrets, settings)
      raise UsageError, "endpoint #{name.inspect} is there already: hooks.endpoints[#{name.inspect}]" if @endpoints.key?(name)

      endpoint = Endpoint.new(@database, @http, @refusals, name, secrets, settings)
      @endpoints[name] = endpoint
    end

    def declare_again(connection)
      @endpoints.each_value { |endpoint| endpoint.declare_again(connection) }
    end
  end
end
