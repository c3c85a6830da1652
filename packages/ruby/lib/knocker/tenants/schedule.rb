# frozen_string_literal: true

module Knocker
  class Tenants
    # What is known of each file, and what is to be done next: look whether something is due in it, or work on it for a turn. Holds no thread, no file
    # and no clock, and is used by one thread.
    # @api private
    class Schedule
      # A change may be told of before its commit can be seen: the file is looked at again after so long, one time after the other.
      AGAIN_S = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5].freeze
      # Each file is looked at so often whatever else happens: retention runs, and nothing depends on what the kernel tells alone.
      TOUR_S = 600.0
      # They are not all looked at in the same moment.
      SPREAD = 0.2
      # A file that fails is tried again after this, and after twice as long each time.
      PAUSE_S = 1.0
      LONGEST_PAUSE_S = 60.0
      private_constant :AGAIN_S, :TOUR_S, :SPREAD, :PAUSE_S, :LONGEST_PAUSE_S

      # A file: its state is idle, to_look, looking, to_turn or turning. `handled` are the endpoints that have handlers, nil where that is not known yet.
      # `again` counts the looks after a change, and the times say when what is to be done.
      Tenant = Struct.new(:name, :path, :state, :changed, :again, :handled, :failures, :tour, :look_at, :due_at, :tour_at) do
        # @return [Float, nil] when there is something to be done
        def next_at = [look_at, due_at, tour_at].compact.min
      end

      def initialize
        @tenants = {}
        @urgent = []
        @slow = []
        @turns = []
        @next_at = Float::INFINITY
      end

      # @return [Float] when {#tick} has something to do
      attr_reader :next_at

      # @return [Integer] how many wait for a turn
      def waiting = @turns.size

      # The file was written to, or is new.
      def change(name, path, now)
        tenant = @tenants[name]
        return first_look(name, path, now) if tenant.nil?
        # What fails is tried again in its own time, and what waits is looked at anyway.
        return if tenant.failures.positive? || %i[to_look to_turn].include?(tenant.state)

        tenant.changed = true
        look_again(tenant) if tenant.state == :idle
      end

      # Lets go on what had to wait for its time.
      def tick(now)
        return if now < @next_at

        @next_at = Float::INFINITY
        @tenants.each_value do |tenant|
          next unless tenant.state == :idle

          begin_due(tenant, now)
          note_time(tenant) if tenant.state == :idle
        end
      end

      # @return [Tenant, nil] the next one to be looked at
      def next_look
        tenant = @urgent.shift || @slow.shift
        tenant&.state = :looking
        tenant
      end

      # @return [Tenant, nil] the one that has waited longest for a turn
      def next_turn
        tenant = @turns.shift
        tenant&.state = :turning
        tenant
      end

      # It was looked at.
      #
      # @param due_ms [Integer, nil]
      def looked(tenant, due_ms, now)
        done(tenant, now)
        return to_turn(tenant) if due_ms&.zero?

        wait(tenant, due_ms, now)
      end

      # It has had a turn.
      #
      # @param handled [Array<String>] the endpoints that have handlers
      def turned(tenant, handled, due_ms, now)
        tenant.handled = handled
        tenant.failures = 0
        tenant.again = nil
        looked(tenant, due_ms, now)
      end

      # Looking or working failed.
      # @return [Float] the seconds until it is tried again
      def failed(tenant, now)
        pause_s = [PAUSE_S * (2**[tenant.failures, 10].min), LONGEST_PAUSE_S].min
        tenant.failures += 1
        tenant.state = :idle
        tenant.changed = false
        tenant.again = tenant.due_at = nil
        tenant.look_at = now + pause_s
        note_time(tenant)
        pause_s
      end

      # Its file is gone.
      def forget(tenant) = @tenants.delete(tenant.name)

      # Begins again in the process that this one has become: nobody looks and nobody works there.
      def begin_again = initialize

      private

      def first_look(name, path, now)
        tenant = @tenants[name] = Tenant.new(name, path, :to_look, false, nil, nil, 0, true, nil, nil, next_tour(now))
        @slow << tenant
      end

      def look_again(tenant)
        tenant.changed = false
        tenant.again = 0
        to_look(tenant)
      end

      def to_look(tenant)
        tenant.state = :to_look
        tenant.look_at = nil
        @urgent << tenant
      end

      def to_turn(tenant)
        tenant.state = :to_turn
        tenant.changed = false
        tenant.again = tenant.look_at = tenant.due_at = nil
        @turns << tenant
      end

      def begin_due(tenant, now)
        if tenant.look_at && now >= tenant.look_at then to_look(tenant)
        elsif tenant.failures.positive? then nil
        elsif tenant.due_at && now >= tenant.due_at then to_turn(tenant)
        elsif now >= tenant.tour_at
          tenant.tour = true
          tenant.state = :to_look
          @slow << tenant
        end
      end

      def done(tenant, now)
        tenant.state = :idle
        return unless tenant.tour

        tenant.tour = false
        tenant.tour_at = next_tour(now)
      end

      # Nothing is due in it now.
      def wait(tenant, due_ms, now)
        tenant.failures = 0
        tenant.due_at = due_ms && (now + (due_ms / 1000.0))
        return look_again(tenant) if tenant.changed

        if tenant.again
          step = AGAIN_S[tenant.again]
          tenant.again = step && (tenant.again + 1)
          tenant.look_at = step && (now + step)
        end
        note_time(tenant)
      end

      def next_tour(now) = now + (TOUR_S * (1 - (SPREAD * rand)))

      def note_time(tenant) = @next_at = [@next_at, tenant.next_at].compact.min
    end
  end
end
