# frozen_string_literal: true

module Knocker
  # A fork while connections are open, and what is done about it.
  #
  # A child inherits SQLite's memory of the parent's locks, but not the locks: with a connection open in the parent it would wait for ever for a
  # writer that it does not have, or work on a write-ahead log that others believe unused and remove. So before a fork the connections are closed
  # while nobody uses them, and opened again where they are needed, on both sides; workers come to rest meanwhile. Where that is not possible,
  # because a handler does not end in time or forks itself, the child is refused with an error that says what to do.
  module Forks
    @known = []
    @lock = Mutex.new
    @forking = Mutex.new

    # Every way to fork in Ruby comes by here.
    module Hook
      def _fork
        Forks.around_fork { super }
      end

      # The process goes on as its own child, and so do its workers: there is no parent any more.
      def daemon(*)
        Forks.around_fork(moves: true) { super }
      end
    end
    private_constant :Hook

    class << self
      # Tells it of every fork from here on, until it is closed.
      def prepare(database) = @lock.synchronize { @known |= [database] }

      # It has nothing open any more.
      def forget(database) = @lock.synchronize { @known -= [database] }

      # Ends a process that was forked inside a handler and came out of it: the worker and its connection are the parent's. At once, since what is
      # to be done at the end of a process would touch them.
      #
      # @param raised [Exception, nil] what it came out with
      def end_child(raised)
        status = raised.nil? ? 0 : 1
        raised.is_a?(SystemExit) ? status = raised.status : raised && $stderr.write(raised.full_message)
        [$stdout, $stderr].each(&:flush)
      ensure
        exit!(status)
      end

      # Forks with the block, one thread at a time: who goes on after one fork would be in the way of the next.
      #
      # @param moves [Boolean] whether the child is what the parent was
      def around_fork(moves: false)
        # Nobody can be waited for there: the child is refused.
        return yield if in_trap?

        @forking.synchronize do
          resting = []
          begin
            # Who opens files comes before them: what it opened until it came to rest has come meanwhile.
            while (one = @lock.synchronize { (@known - resting).first })
              resting << one
              one.before_fork(moves)
            end
            child = yield
          ensure
            # Also where the wait was interrupted, or the system has no room for another process. Files before those who use them.
            resting.reverse_each { |rested| child&.zero? ? rested.after_fork_in_child(moves) : rested.after_fork_in_parent }
          end
        end
      end

      private

      # Whether this is the trap of a signal, where no lock can be had.
      def in_trap?
        Mutex.new.synchronize { false }
      rescue ThreadError
        true
      end
    end

    Process.singleton_class.prepend(Hook)
  end
end
