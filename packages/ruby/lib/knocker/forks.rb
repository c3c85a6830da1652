# frozen_string_literal: true

module Knocker
  # A fork while connections are open, and what is done about it.
  #
  # A child inherits SQLite's memory of the parent's locks, but not the locks: with a connection open in the parent it would wait for ever for a
  # writer that it does not have, or work on a write-ahead log that others believe unused and remove. So before a fork the connections are closed
  # while nobody uses them, and opened again where they are needed, on both sides. Where that is not possible, because a worker runs, the child
  # is refused with an error that says what to do.
  module Forks
    @known = []
    @lock = Mutex.new

    # Every way to fork in Ruby comes by here.
    module Hook
      def _fork
        resting = Forks.known
        resting.each(&:before_fork)
        child = super
        resting.each(&(child.zero? ? :after_fork_in_child : :after_fork_in_parent))
        child
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
        raised.is_a?(SystemExit) ? status = raised.status : raised && warn(raised.full_message)
        [$stdout, $stderr].each(&:flush)
      ensure
        exit!(status)
      end

      # @return [Array<Database>] those that are told
      def known = @lock.synchronize { @known }
    end

    Process.singleton_class.prepend(Hook)
  end
end
