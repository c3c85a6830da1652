# frozen_string_literal: true

module Knocker
  class Tenants
    # Files that are open, and a bound on how many. One that is used is not closed; of the others the one that was used longest ago is closed first.
    # Thread-safe, and usable again after a fork.
    # @api private
    class Pool
      # An open file: its users are threads, so that a child knows which of them are there.
      Opened = Struct.new(:name, :hooks, :state, :users) do
        def unused? = state == :open && users.empty?
      end
      private_constant :Opened

      # @param most [Integer] how many files are open at once
      # @param patience_s [Numeric] how long a user waits for one that is closed
      # @param pattern [Pattern]
      # @param open [#call] opens the hooks of a tenant
      # @param order [FileOrder]
      def initialize(most, patience_s, pattern, open, order)
        @most = most
        @patience_s = patience_s
        @pattern = pattern
        @open = open
        @order = order
        order.add(self)
        @closed = false
        # In the order of their last use.
        @opened = {}
        begin_process
        Forks.prepare(self)
      end

      # Runs the block with the tenant's hooks, which stay open meanwhile.
      # @raise [UnknownTenantError]
      # @raise [TooManyOpenError] where too many are used for too long
      # @raise [BusyError] where it takes as long to open it
      def use(name)
        opened = take(name)
        begin
          @order.alone(name) { current(opened) }
          yield opened.hooks
        ensure
          give_back(opened)
        end
      end

      # As {#use}, for a file that is open already; nil where it is not.
      def use_open(name)
        opened = @lock.synchronize do
          found = @opened[name]
          # Its user may have closed its hooks.
          found if found&.state == :open && !found.hooks.database.closed? && (found.users << Thread.current)
        end
        return nil if opened.nil?

        begin
          yield opened.hooks
        ensure
          give_back(opened)
        end
      end

      # @return [Hooks, nil] those of a file that is open, or being opened again
      def hooks_of(name) = @lock.synchronize { @opened[name]&.hooks }

      # Closes a file that nobody uses: what it was is gone, and another one has been made.
      def drop(name)
        opened = @lock.synchronize { @opened[name]&.then { |found| found if found.unused? && (found.state = :closing) } }
        shut(opened) if opened
      end

      # @return [Array<Hooks>] what is open
      def hooks = @lock.synchronize { @opened.values.filter_map(&:hooks) }

      # Closes what nobody uses, and the others after their last use.
      def close
        @lock.synchronize do
          @closed = true
          @changed.broadcast
        end
        while (opened = @lock.synchronize { unused })
          shut(opened)
        end
        Forks.forget(self)
        # What is in use is closed later.
        @order.remove(self) if @lock.synchronize { @opened.empty? }
      end

      # Keeps files from being opened and closed; see {Forks}.
      def before_fork(_moves) = @gate.close(@patience_s)

      def after_fork_in_parent = @gate.open

      def after_fork_in_child(_moves)
        begin_process
        @order.begin_process
        @opened.select! { |_, opened| opened.state == :open }
        @opened.each_value { |opened| opened.users.select! { |user| user == Thread.current } }
      end

      private

      def begin_process
        @lock = Mutex.new
        @changed = ConditionVariable.new
        @gate = UseGate.new
      end

      # A file that is open, with the caller among its users.
      def take(name)
        give_up_at = Clock.monotonic + @patience_s
        loop do
          what, opened = @lock.synchronize { step(name, give_up_at) }
          case what
          when :use then return opened
          when :open
            open(opened)
            return opened
          when :close then shut(opened)
          end
        end
      end

      # What is to be done next; waits where that is not known yet.
      def step(name, give_up_at)
        raise ClosedError, "these tenants are closed" if @closed

        opened = @opened[name]
        return [:use, opened.tap { |one| one.users << Thread.current }] if opened&.state == :open

        if opened.nil?
          return [:open, @opened[name] = Opened.new(name, nil, :opening, [Thread.current])] if @opened.size < @most

          oldest = unused
          return [:close, oldest] if oldest
        end
        left = give_up_at - Clock.monotonic
        raise late(name, opened) unless left.positive?

        @changed.wait(@lock, left)
        nil
      end

      # Where its own file is there, that is what takes long.
      def late(name, opened)
        return BusyError.new("the file of the tenant #{name.inspect} is being opened or closed for long") if opened

        TooManyOpenError.new("all of the #{@most} files that may be open at once are in use")
      end

      # One that may be closed, which it is said to be then.
      def unused
        oldest = @opened.each_value.find(&:unused?)
        oldest.state = :closing if oldest
        oldest
      end

      def open(opened)
        @gate.use { opened.hooks = @open.call(opened.name) }
        note(opened, :open)
      ensure
        remove(opened) unless opened.state == :open
      end

      def note(opened, state)
        @lock.synchronize do
          opened.state = state
          @changed.broadcast
        end
      end

      def remove(opened)
        @lock.synchronize do
          @opened.delete(opened.name) if @opened[opened.name].equal?(opened)
          @changed.broadcast
        end
      end

      def shut(opened)
        @gate.use { opened.hooks&.close }
      ensure
        remove(opened)
      end

      # Another file may be at the path, or none: then what was set up in the former one is set up again.
      def current(opened)
        database = opened.hooks.database
        raise Pattern.unknown(opened.name) unless Pattern.file?(database.path)

        begin
          database.refuse_replaced
        rescue FileReplacedError
          nil
        end
        return if database.generation.zero? && !database.closed?
        return unless @lock.synchronize { opened.users.one? && opened.state = :opening }

        renew(opened)
      end

      def renew(opened)
        database = opened.hooks.database
        # The database knows what the former file has left behind, and whether the next one is complete.
        database.connection { nil } unless database.closed?
        @gate.use { opened.hooks.close }
        open(opened)
      ensure
        note(opened, :open) if opened.state == :opening && opened.hooks
      end

      def give_back(opened)
        last = @lock.synchronize do
          opened.users.delete_at(opened.users.index(Thread.current) || opened.users.size)
          # After the others: it was used last.
          @opened[opened.name] = @opened.delete(opened.name) if @opened[opened.name].equal?(opened)
          @changed.broadcast
          opened.state = :closing if opened.unused? && @closed
        end
        shut(opened) if last
      end
    end
  end
end
