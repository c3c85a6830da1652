# frozen_string_literal: true

require "sqlite3"
require "knocker/contract"
require "knocker/errors"
require "knocker/log"
require "knocker/clock"
require "knocker/moment"
require "knocker/record"
require "knocker/records"
require "knocker/settings"
require "knocker/filters"
require "knocker/arguments"
require "knocker/driver_errors"
require "knocker/library"
require "knocker/kept_statement"
require "knocker/connection"
require "knocker/opening"
require "knocker/file_identity"
require "knocker/change_news"
require "knocker/checkpoints"
require "knocker/use_gate"
require "knocker/rest"
require "knocker/forks"
require "knocker/ticket"
require "knocker/idempotency_key"
require "knocker/writer"
require "knocker/judging"
require "knocker/pace"
require "knocker/database"
require "knocker/request"
require "knocker/traceparent"
require "knocker/event"
require "knocker/decision"
require "knocker/tracing"
require "knocker/handlers"
require "knocker/endpoint_secrets"
require "knocker/refusals"
require "knocker/receive_durations"
require "knocker/declarations"
require "knocker/http/answer"
require "knocker/http/settings"
require "knocker/http/target"
require "knocker/http/body"
require "knocker/http/rack_app"
require "knocker/http/metrics_app"
require "knocker/http/tenant_receiver"
require "knocker/http/tenants_app"
require "knocker/endpoint"
require "knocker/where"
require "knocker/reads"
require "knocker/operate"
require "knocker/leases"
require "knocker/worker_connection"
require "knocker/lost_attempts"
require "knocker/own_commits"
require "knocker/lease_keeper"
require "knocker/watch"
require "knocker/handler_sql"
require "knocker/transaction"
require "knocker/handler_database"
require "knocker/attempt_report"
require "knocker/attempt"
require "knocker/results"
require "knocker/member"
require "knocker/shared_commit"
require "knocker/impatience"
require "knocker/shared_attempts"
require "knocker/stopping"
require "knocker/others_watch"
require "knocker/giving_way"
require "knocker/worker"
require "knocker/hooks"
require "knocker/tenants"

# Receives webhooks durably in an app that runs on SQLite.
#
#     hooks = Knocker.open("app.db")
#     stripe = hooks.endpoint("stripe", provider: "stripe", secrets: [ENV.fetch("STRIPE_WEBHOOK_SECRET")])
#     stripe.on("checkout.session.completed") { |event, tx| tx.execute("INSERT INTO orders (id) VALUES (?)", [event.key]) }
#     run hooks.rack
module Knocker
  autoload :ActiveRecord, "knocker/active_record"
  autoload :Replica, "knocker/replica"

  class << self
    # Opens the webhooks of a SQLite file, and creates what is missing in it.
    #
    # @param path [String, Pathname]
    # @param synchronous [:full, :normal] `:full` makes each commit survive a power failure; `:normal` survives a crash of the process, but a power
    #   failure may take the last moments that were answered with 2xx
    # @param busy_timeout_s [Numeric] how long a call waits for the write lock
    # @param replicated [String, Pathname, nil] the path of the control socket of a Litestream that replicates the file: a receipt is answered once
    #   the replica has it. One that it does not get in time is stored and raises {NotReplicatedError}, which is answered with 503; what the sender
    #   sends again is a duplicate
    # @param replicated_timeout_s [Numeric] how long a receipt waits for the replica
    # @param extension [String, nil] the path of the library, see {loadable_path}
    # @param clock [#call, nil] returns Unix milliseconds, for tests
    # @param logger [Logger, nil, false] of Knocker's lines; by default warnings and errors to the standard error; false is none
    # @param public_url [String, nil] the app's base URL as providers know it, where they sign it
    # @param trusted_proxies [Array<String>] addresses or networks whose X-Forwarded-Proto and -Host are believed
    # @param on_error [#call, nil] that of {Hooks#worker}, for every worker of these hooks
    # @param on_dead [#call, nil] as well
    # @return [Hooks]
    # @raise [CannotLoadError, LibraryNotFoundError, SchemaTooNewError] and the errors of a failing database
    def open(path, synchronous: :full, busy_timeout_s: 5.0, replicated: nil, replicated_timeout_s: 5.0, extension: nil, clock: nil, logger: nil,
             public_url: nil, trusted_proxies: [], on_error: nil, on_dead: nil)
      failure_hooks = FailureHooks.new(on_error: on_error, on_dead: on_dead)
      http = Http::Settings.new(public_url, trusted_proxies)
      database = Database.new(path, synchronous: synchronous, busy_timeout_s: busy_timeout_s, extension: extension, clock: clock,
                                    logger: Log.logger(logger), replicated: replicated, replicated_timeout_s: replicated_timeout_s)
      Hooks.new(database, http, failure_hooks)
    end

    # Opens the webhooks of many SQLite files, one a tenant, each when it is first needed.
    #
    #     tenants = Knocker.open_many("tenants/*.db") do |hooks, tenant|
    #       stripe = hooks.endpoint("stripe", provider: "stripe", secrets: [secret_of(tenant)])
    #       stripe.on("invoice.paid") { |event, tx| … }
    #     end
    #     tenants.start_worker
    #     run tenants.rack
    #
    # @param pattern [String, Pathname] a path with one `*`, which stands for the tenant's name, in its last part (`tenants/*.db`) or the one before
    #   (`tenants/*/app.db`)
    # @param set_up [#call, nil] in the place of a block: declares a tenant's endpoints and handlers. Called each time that a file is opened, in any
    #   thread
    # @param max_open [Integer] how many files are open at once to receive and for {Tenants#hooks}, and how many to be worked on
    # @param settings [Hash] those of {open}
    # @return [Tenants]
    def open_many(pattern, set_up = nil, max_open: 32, synchronous: :full, busy_timeout_s: 5.0, extension: nil, clock: nil, logger: nil,
                  replicated: nil, replicated_timeout_s: 5.0, public_url: nil, trusted_proxies: [], on_error: nil, on_dead: nil, &block)
      set_up ||= block
      raise UsageError, "set_up is a block, or an object with call: what declares a tenant's endpoints and handlers" unless set_up.respond_to?(:call)
      raise UsageError, "max_open must be a whole number above 0, not #{max_open.inspect}" unless max_open.is_a?(Integer) && max_open.positive?

      failure_hooks = FailureHooks.new(on_error: on_error, on_dead: on_dead)
      http = Http::Settings.new(public_url, trusted_proxies)
      database = { synchronous: synchronous, busy_timeout_s: busy_timeout_s, extension: extension, clock: clock, logger: Log.logger(logger),
                   replicated: replicated, replicated_timeout_s: replicated_timeout_s }
      Tenants.new(pattern, set_up, max_open, database, http, failure_hooks)
    end

    # @param explicit [String, Pathname, nil]
    # @return [String] the absolute path of the library: `explicit`, else `KNOCKER_EXTENSION`, else the one inside this gem
    def loadable_path(explicit = nil) = Library.path(explicit)

    # Loads Knocker into an open connection of the sqlite3 gem. Writes nothing; loading twice is harmless.
    #
    # @param database [SQLite3::Database]
    # @param path [String, nil] the library, see {loadable_path}
    def load(database, path = nil) = Library.load(database, path)
  end
end

require "knocker/railtie" if defined?(Rails::Railtie)
