# frozen_string_literal: true

module Knocker
  class Tenants
    # The time in which one file is worked on by a worker of its own: until nothing is due in it, or until others have waited long enough. Run by a
    # thread of its own.
    # @api private
    class Turn
      # How long a worker without work is kept where nobody waits for its place.
      IDLE_S = 1.0
      # How often it is asked.
      LOOK_S = 0.05
      SHORT_LOOK_S = 0.005
      private_constant :IDLE_S, :LOOK_S, :SHORT_LOOK_S

      # @return [Schedule::Tenant]
      attr_reader :tenant
      # @return [Float] when it began
      attr_reader :began_at

      def initialize(tenant, pool, settings)
        @tenant = tenant
        @pool = pool
        @settings = settings
        @began_at = Clock.monotonic
        @lock = Mutex.new
        @told = ConditionVariable.new
        @wanted = @over = false
      end

      # Somebody waits for the place: a worker without work ends at once.
      def want
        return if @wanted

        @lock.synchronize do
          @wanted = true
          @told.broadcast
        end
      end

      # What runs is to end, and the rest to be given back.
      def end
        @lock.synchronize do
          @over = true
          @told.broadcast
        end
      end

      # @return [Array(Array<String>, Integer)] the endpoints that have handlers, and the milliseconds until something is due in them, or nil
      def run
        @pool.use(@tenant.name) do |hooks|
          handled = hooks.endpoints.reject { |_, endpoint| endpoint.handlers.empty? }.keys
          work(hooks) unless handled.empty?
          [handled, left(hooks, handled)]
        end
      end

      private

      def work(hooks)
        worker = hooks.start_worker(**@settings)
        idle_since = nil
        until wait
          # A handler may have closed the hooks.
          break unless worker.running?

          idle_since = worker.idle? ? idle_since || Clock.monotonic : nil
          break if idle_since && (@wanted || Clock.monotonic - idle_since >= IDLE_S)
        end
      ensure
        worker&.stop
        # It may not have come so far as to be given.
        hooks.stop_workers
      end

      # @return [Boolean] whether it is over
      def wait
        @lock.synchronize do
          @told.wait(@lock, @wanted ? SHORT_LOOK_S : LOOK_S) unless @over
          @over
        end
      end

      def left(hooks, handled)
        database = hooks.database
        database.connection { |connection| Looks.due_ms(connection, handled, database.now, retain: @tenant.tour) }
      end
    end
  end
end
