# frozen_string_literal: true

require "json"

module Knocker
  # A job leased to a worker, with the event that its handlers get.
  class Job < Record
    FIELDS = %i[id worker lease_expires_at event].freeze

    # @return [Integer]
    attr_reader :id
    # @return [String]
    attr_reader :worker
    # @return [Time]
    attr_reader :lease_expires_at
    # @return [Event]
    attr_reader :event

    # @api private
    def initialize(id:, worker:, lease_expires_at:, event:)
      @id = id
      @worker = worker
      @lease_expires_at = lease_expires_at
      @event = event
      super()
    end
  end

  # The queue as one worker sees it: what a worker does between a receipt and a result, call by call. {Worker} does all of this for you; it is public
  # for those who write a worker of their own.
  #
  # A result is to be written in the transaction of the handler's own writes; each raises {LeaseLostError} where the lease is not this worker's any
  # more: roll back then.
  class Leases
    COLUMNS = "job_id, worker, event_id, delivery_id, endpoint, type, key, attempt, max_attempts, lease_expires_at, received_at, method, url, " \
              "headers, body"
    private_constant :COLUMNS

    # @return [String] the name of the worker
    attr_reader :worker

    # @param worker [String] a name that no other worker uses
    # @param through [#call, #rows] what runs an SQL function with the clock added, and a query
    def initialize(worker, through)
      @worker = -worker
      @through = through
    end

    # Leases up to `limit` due jobs, oldest first over the endpoints (default: all).
    # @return [Integer] how many
    def claim(limit, lease_s, endpoints: nil)
      @through.call("knocker_claim", @worker, limit, lease_s, endpoints && JSON.generate(endpoints: endpoints))
    end

    # @param without [Array<Integer>] ids of jobs that are left out
    # @return [Array<Job>] those leased to this worker
    def jobs(without: [])
      sql = "SELECT #{COLUMNS} FROM knocker_jobs WHERE worker = ? AND job_id NOT IN (SELECT value FROM json_each(?)) ORDER BY job_id"
      @through.rows(sql, [@worker, JSON.generate(without)]).map { |row| job(*row) }
    end

    # The event is handled and the job gone.
    def handled(job_id, duration_ms) = @through.call("knocker_handled", job_id, @worker, duration_ms)

    # The attempt failed: another one follows unless `dead`, `no_handler` or the number of attempts say otherwise.
    # @return [Failure]
    def failed(job_id, error, duration_ms, **options)
      given = Arguments.json("options", FailedOptions, options.select { |_, value| value })
      Failure.read(JSON.parse(@through.call("knocker_failed", job_id, @worker, error, duration_ms, given)))
    end

    # The event is ignored.
    def skipped(job_id, reason, duration_ms) = @through.call("knocker_skipped", job_id, @worker, reason, duration_ms)

    # Extends a lease to `lease_s` seconds from now.
    # @return [Time] when it runs out
    def extend(job_id, lease_s) = Moment.to_time(@through.call("knocker_extend", job_id, @worker, lease_s))

    # Gives back every lease of this worker, the attempts uncounted.
    # @return [Integer] how many
    def release = @through.call("knocker_release", @worker)

    # @return [Integer, nil] milliseconds until the next claim of this worker has something to do: 0 for now, nil where nothing waits
    def next_due_ms(endpoints: nil)
      @through.call("knocker_next_due", JSON.generate({ worker: @worker, endpoints: endpoints }.compact))
    end

    private

    def job(job_id, worker, event_id, delivery_id, endpoint, type, key, attempt, most, expires_at, received_at, method, url, headers, body)
      delivery = EventDelivery.new(id: delivery_id, method: method, url: url, headers: Headers.stored(headers))
      event = Event.new(id: event_id, endpoint: endpoint, type: type, key: key, body: body.to_s.b, attempt: attempt, max_attempts: most,
                        received_at: Moment.to_time(received_at), delivery: delivery)
      Job.new(id: job_id, worker: worker, lease_expires_at: Moment.to_time(expires_at), event: event)
    end
  end
end
