# frozen_string_literal: true

module Knocker
  # The webhooks of many SQLite files, one a tenant; made by {Knocker.open_many}. Thread-safe, and usable again after a fork.
  class Tenants
    @open = []
    @lock = Mutex.new
    # What a process that ends has leased would wait until the leases run out, and count as attempts.
    at_exit { Tenants.opened.each(&:stop_workers) }

    class << self
      # @return [Array<Tenants>] those of this process that are not closed, for `knocker-worker`
      # @api private
      def opened = @lock.synchronize { @open.dup }

      # @api private
      def note(tenants, open:)
        @lock.synchronize { open ? @open |= [tenants] : @open -= [tenants] }
      end
    end

    # @return [Pattern]
    # @api private
    attr_reader :pattern

    # @api private
    # @param database [Hash] the settings of {Database}
    def initialize(pattern, set_up, max_open, database, http, failure_hooks)
      Database.check(**database.slice(:synchronous, :busy_timeout_s, :clock))
      @pattern = Pattern.new(pattern)
      @set_up = set_up
      @max_open = max_open
      @database = database
      @http = http
      @failure_hooks = failure_hooks
      @workers = []
      @lock = Mutex.new
      @order = FileOrder.new
      @pool = Pool.new(max_open, database.fetch(:busy_timeout_s), @pattern, method(:open), @order)
      Tenants.note(self, open: true)
    end

    # @return [Array<String>] the names of the tenants whose files are there
    def names = @pattern.names

    # Makes the file of a new tenant, and sets it up.
    # @raise [UsageError] where it is there already
    def create(tenant)
      name = tenant.to_s
      @pattern.create(name)
      # Hooks of one that had the name wait for a file that is not empty, and SQLite takes no log for that of a new file.
      @pool.drop(name)
      hooks(name) { nil }
    end

    # Runs the block with the hooks of a tenant's file, which stays open meanwhile: to receive, to look and to operate as with one file. They are not
    # to be closed, nor used after the block.
    #
    # @param tenant [String, Symbol]
    # @return [Object] what the block returns
    # @raise [UnknownTenantError] where there is no such file: only {#create} makes one
    # @raise [TooManyOpenError] where `max_open` others were in use for as long as a lock is waited for
    def hooks(tenant, &block)
      raise UsageError, "give a block, in which the file stays open: tenants.hooks(#{tenant.inspect}) { |hooks| … }" if block.nil?

      name = tenant.to_s
      # Looked at first: what strangers ask for is not to close a tenant's file.
      raise Pattern.unknown(name) unless Pattern.file?(@pattern.path(name))

      begin
        @pool.use(name, &block)
      ensure
        @lock.synchronize { @workers.dup }.each { |worker| worker.ring(name) }
      end
    end

    # A Rack app that receives for each tenant's endpoints: `run tenants.rack` at `/<tenant>/<endpoint>`. A tenant that there is not is answered 404.
    #
    # @param tenant [#call, nil] finds the tenant's name in the Rack environment in another way; nil is none
    # @return [#call]
    def rack(tenant: nil)
      raise UsageError, "tenant is a function of the Rack environment, not #{tenant.class}" unless tenant.nil? || tenant.respond_to?(:call)

      Http::TenantsApp.new(self, tenant, @http, @database[:logger])
    end

    # A worker of all files that is not started. Takes what {Hooks#worker} takes; each file that has something due is worked on so, `max_open` of them
    # at once.
    # @return [Tenants::Worker]
    def worker(**settings)
      worker = Worker.new(@pattern, @max_open, @database, settings, method(:open), @pool, @order)
      @lock.synchronize { @workers << worker }
      worker
    end

    # Handles the events of all files until SIGTERM or SIGINT: then finishes what runs and gives back the rest. Takes what {#worker} takes.
    def work(**settings) = worker(**settings).run

    # Handles the events of all files in threads of this process. Takes what {#worker} takes.
    # @return [Tenants::Worker] to be stopped
    def start_worker(**settings) = worker(**settings).tap(&:start)

    # Stops the workers, and goes on receiving.
    def stop_workers
      @lock.synchronize { @workers.slice!(0..) }.each(&:stop)
    end

    # Stops the workers and closes the files; what is in use is closed after that.
    def close
      stop_workers
      @pool.close
      Tenants.note(self, open: false)
      nil
    end

    def inspect = "#<#{self.class} #{@pattern}>"

    private

    # Opens a file and sets it up.
    # @return [Hooks]
    def open(name)
      path = @pattern.path(name)
      database = @order.opening(name) { Database.new(path, **@database, create: false) }
      hooks = Hooks.new(database, @http, @failure_hooks, listed: false)
      @set_up.call(hooks, name)
      hooks
    rescue StandardError => e
      hooks&.close
      # One that was removed in this very moment.
      raise e if Pattern.file?(path)

      raise Pattern.unknown(name)
    end
  end
end

require "knocker/tenants/pattern"
require "knocker/tenants/file_order"
require "knocker/tenants/pool"
require "knocker/tenants/changed_files"
require "knocker/tenants/looks"
require "knocker/tenants/schedule"
require "knocker/tenants/mailbox"
require "knocker/tenants/turn"
require "knocker/tenants/worker"
