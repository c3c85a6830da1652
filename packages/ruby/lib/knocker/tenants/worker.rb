# frozen_string_literal: true

module Knocker
  class Tenants
    # Works on all files of tenants: each that has something due gets a worker of its own for a while; made by {Tenants#worker}. Use it once: {#run}, or
    # {#start} and {#stop}.
    #
    # One thread decides what comes next. Others look at files, and each file that is worked on has one for its turn.
    class Worker
      # How often it is asked which files have changed, and the longest wait for what others tell.
      LOOK_S = 0.01
      # How many files are looked at at once.
      LOOKERS = 2
      # How long a file with a backlog is worked on where others wait.
      TURN_S = 1.0
      # After what went past everything.
      PAUSE_S = 1.0
      # A file that takes the place of another is opened once it has been at rest for so long.
      AT_REST_S = 0.1
      MOST_TRIES = 3
      SIGNALS = %w[TERM INT].freeze
      private_constant :AT_REST_S, :MOST_TRIES, :LOOK_S, :LOOKERS, :TURN_S, :PAUSE_S, :SIGNALS

      # @return [String] what it is called in the log
      attr_reader :name

      # @api private
      # @param database [Hash] the settings of {Database}
      # @param receiving [Pool] the files that are open to receive
      def initialize(pattern, max_open, database, settings, open, receiving, order)
        Knocker::Worker.check(**settings.except(:on_error, :on_dead))
        FailureHooks.new(**settings.slice(:on_error, :on_dead))
        @pattern = pattern
        @receiving = receiving
        @order = order
        @max_open = max_open
        @logger = database[:logger]
        @settings = settings
        @patience_s = database.fetch(:busy_timeout_s)
        @changes = ChangedFiles.new(pattern, database[:extension])
        clock = database[:clock]
        @looks = Looks.new(max_open, database.slice(:synchronous, :busy_timeout_s, :extension), -> { clock&.call })
        @schedule = Schedule.new
        @name = Knocker::Worker.name_of_process
        @open_pool = -> { Pool.new(max_open, @patience_s, pattern, open, order) }
        begin_process
      end

      # @return [Boolean] whether it was started and not stopped
      def running? = !@scheduler.nil? && !@stopping.set? && @pid == Process.pid

      # Starts the threads and returns.
      # @return [self]
      def start
        raise UsageError, "a worker runs once; make another one" if @scheduler || @stopping.set?

        @pool = @open_pool.call
        # Before the files that it opens.
        Forks.prepare(self)
        launch
        self
      end

      # Lets the running handlers finish, gives back the other jobs, and returns when the threads have ended. Called by a handler, it only asks for that
      # and returns at once.
      def stop
        # A fork has left the threads to the parent.
        return if @pid != Process.pid

        @stopping.set
        @mailbox.tell(nil)
        return if Thread.current.thread_variable_get(:knocker_worker)

        @ending.synchronize { wind_up }
      end

      # Works until SIGTERM or SIGINT, or until {#stop} is called in another thread. To be called in the main thread, which gets the signals.
      def run
        # Before the first handler runs, so that a signal never finds one without them.
        before = SIGNALS.to_h { |signal| [signal, trap(signal) { @stopping.signal }] }
        start
        @stopping.wait
      ensure
        stop
        before&.each { |signal, handler| trap(signal, handler || "DEFAULT") }
      end

      # Tells that a file may have changed, before the system does. One that does not run reads nothing, and looks at all files when it starts.
      # @api private
      def ring(name)
        @mailbox.tell([:changed, name]) if running?
      end

      # Brings the looks to rest for a fork; see {Forks}. What works on files rests with them.
      # @api private
      def before_fork(_moves)
        @looks.rest(@patience_s)
        @changes.close
      end

      # @api private
      def after_fork_in_parent = @looks.go_on

      # @api private
      # @param moves [Boolean] whether it goes on in the child
      def after_fork_in_child(moves)
        ending = @stopping.set?
        @looks.begin_process
        return unless moves && !ending

        begin_process
        @schedule.begin_again
        @pool.hooks.each(&:stop_workers)
        launch
      end

      private

      # What is each process's own.
      def begin_process
        @pid = Process.pid
        @stopping = Stopping.new
        @ending = Mutex.new
        @mailbox = Mailbox.new
        @scheduler = nil
        @to_look = Thread::Queue.new
        @lookers = []
        @looking = 0
        @turns = {}
      end

      def launch
        concurrency = @settings.fetch(:concurrency, 1)
        log(:info, "worker_started", "worker #{@name} of #{@pattern} started, #{@max_open} files at once, concurrency #{concurrency}",
            concurrency: concurrency)
        LOOKERS.times { |n| @lookers << thread("look-#{n}") { look_on } }
        @scheduler = thread("tenants") { schedule }
      end

      def thread(name)
        Thread.new do
          Thread.current.name = "knocker-#{name}"
          yield
        end
      end

      def wind_up
        return if @scheduler.nil?

        @scheduler.join
        @turns.each_key(&:end)
        @turns.each_value(&:join)
        @to_look.close
        @lookers.each(&:join)
        @looks.rest(@patience_s)
        @changes.close
        @pool.close
        Forks.forget(self)
        log(:info, "worker_stopped", "worker #{@name} of #{@pattern} stopped", released: nil)
        @scheduler = nil
      end

      def schedule
        until @stopping.set?
          begin
            step
          rescue StandardError => e
            tell_trouble(e)
            @stopping.wait_for(PAUSE_S)
          end
        end
      end

      def step
        wait_s = [LOOK_S, @schedule.next_at - Clock.monotonic].min
        @mailbox.take([wait_s, 0].max).each { |message| hear(message) }
        now = Clock.monotonic
        @changes.take.each { |path| (name = @pattern.name(path)) && @schedule.change(name, path, now) }
        @schedule.tick(now)
        begin_looks
        begin_turns
        make_room(now) if @schedule.waiting.positive?
      end

      def hear(message)
        what, subject, outcome = message
        case what
        when :changed then @schedule.change(subject, @pattern.path(subject), Clock.monotonic)
        when :looked then looked(subject, outcome)
        when :turned then turned(subject, outcome)
        end
      end

      def begin_looks
        while @looking < LOOKERS && (tenant = @schedule.next_look)
          @looking += 1
          @to_look.push(tenant)
        end
      end

      def begin_turns
        while @turns.size < @max_open && (tenant = @schedule.next_turn)
          begin_turn(Turn.new(tenant, @pool, @settings))
        end
      end

      def begin_turn(turn)
        @turns[turn] = thread("turn") { @mailbox.tell([:turned, turn, outcome { turn.run }]) }
      end

      # Those without work end now, those that have had their turn as soon as what runs is finished, as many as others wait.
      def make_room(now)
        return if @turns.size < @max_open

        @turns.each_key(&:want)
        @turns.keys.first(@schedule.waiting).each { |turn| turn.end if now - turn.began_at >= TURN_S }
      end

      # What a thread of its own does: looks at one file after the other.
      def look_on
        while (tenant = @to_look.pop)
          @mailbox.tell([:looked, tenant, outcome { look(tenant) }])
        end
      end

      def look(tenant)
        tries ||= 0
        # Who has it open knows the log of one that was replaced, and sets it aside before another connection takes it for that of the next one.
        open = look_through(@pool, tenant) || look_through(@receiving, tenant)
        return open.first if open

        @order.opening(tenant.name) { @looks.due_ms(tenant.path, tenant.handled, retain: tenant.tour, keep: !tenant.again.nil?) }
      rescue FileReplacedError
        raise Pattern.unknown(tenant.name) unless Pattern.file?(tenant.path)
        raise if (tries += 1) > MOST_TRIES || @stopping.wait_for(AT_REST_S)

        retry
      end

      def look_through(pool, tenant)
        pool.use_open(tenant.name) do |hooks|
          database = hooks.database
          [database.connection { |connection| Looks.due_ms(connection, tenant.handled, database.now, retain: tenant.tour) }]
        end
      end

      # What came of something, or why nothing did.
      def outcome
        yield
      rescue Exception => e # rubocop:disable Lint/RescueException -- whatever it is, the file is tried again
        e
      end

      def looked(tenant, outcome)
        @looking -= 1
        return failed(tenant, outcome) if outcome.is_a?(Exception)

        @schedule.looked(tenant, outcome, Clock.monotonic)
        @looks.forget(tenant.path) if tenant.again.nil?
      end

      def turned(turn, outcome)
        @turns.delete(turn)
        return failed(turn.tenant, outcome) if outcome.is_a?(Exception)

        @schedule.turned(turn.tenant, *outcome, Clock.monotonic)
      end

      def failed(tenant, error)
        @looks.forget(tenant.path)
        return @schedule.forget(tenant) if error.is_a?(UnknownTenantError)

        pause_s = @schedule.failed(tenant, Clock.monotonic)
        # It was told where it was noticed.
        return if error.is_a?(FileReplacedError)

        error = DriverErrors.translate(error) || error
        # Of the app's own, most likely: the message may hold a secret, the place in the code does not.
        text = error.is_a?(Error) ? error.message : "#{error.class} at #{error.backtrace&.first}"
        log(:error, "tenant_failed", "tenant #{tenant.name}: #{tenant.path} is tried again in #{pause_s.round} s: #{Refusals.line(text)}",
            tenant: tenant.name, path: tenant.path, code: error.is_a?(Error) ? error.code : nil, error: text)
      end

      def tell_trouble(error)
        text = Decision.text(error)
        log(:error, "worker_failed", "worker #{@name} of #{@pattern} failed, going on: #{Refusals.line(text)} at #{error.backtrace&.first}",
            code: error.is_a?(Error) ? error.code : nil, error: text)
      end

      def log(level, record, text, **facts) = Log.write(@logger, level, record, text, worker: @name, **facts)
    end
  end
end
