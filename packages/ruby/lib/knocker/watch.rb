# frozen_string_literal: true

module Knocker
  # Noticing commits of other processes within a few milliseconds, at almost no cost while nothing happens.
  #
  # `PRAGMA data_version` says whether another connection has committed. On Linux the kernel tells when the write-ahead log is written, and only then
  # it is asked, in short steps until the commit is there. Elsewhere, and where the kernel cannot tell, it is asked every few milliseconds.
  class FileWatch
    # While a commit is on its way: written, but not synced and visible yet.
    STEP_S = 0.0005
    STEPS_FOR_S = 0.05
    # Without the kernel's help.
    POLL_S = 0.004
    # A look in between even where the kernel tells: file systems of virtual machines may not.
    LOOK_S = 0.1
    private_constant :STEP_S, :STEPS_FOR_S, :POLL_S, :LOOK_S

    # @param connection [Connection] kept for this alone
    # @param log [String] the path of its write-ahead log
    def initialize(connection, log)
      @connection = connection
      @version = data_version
      @kernel = Inotify.watch(log)
    end

    # @return [Boolean] true as soon as there was a commit since the last look, false after the timeout, or soon where the block says that it is to end
    def wait(timeout_s)
      give_up_at = Clock.monotonic + timeout_s
      until changed?
        left = give_up_at - Clock.monotonic
        return false if yield || !left.positive?

        if @kernel.nil?
          sleep([POLL_S, left].min)
        elsif written?([LOOK_S, left].min) && commits_soon?
          return true
        end
      end
      true
    end

    # Ends the watch.
    def close
      @kernel&.close
      @kernel = nil
    end

    private

    def written?(timeout_s)
      return false unless @kernel.wait_readable(timeout_s)

      # The log was removed, and the watch with it.
      close unless Inotify.modified?(@kernel.read_nonblock(4096))
      true
    rescue IO::WaitReadable
      false
    end

    def commits_soon?
      give_up_at = Clock.monotonic + STEPS_FOR_S
      until changed?
        return false if Clock.monotonic > give_up_at

        sleep(STEP_S)
      end
      true
    end

    def changed?
      version = data_version
      changed = version != @version
      @version = version
      changed
    end

    def data_version = @connection.value("PRAGMA data_version")

    # What the kernel of Linux tells of a file.
    module Inotify
      MODIFY = 0x2
      NONBLOCK_CLOEXEC = 0o2004000
      private_constant :MODIFY, :NONBLOCK_CLOEXEC

      module_function

      # @return [IO, nil] what becomes readable when the file is written; nil where there is no such thing
      def watch(path)
        return nil unless RbConfig::CONFIG["host_os"].include?("linux") && fiddle?

        descriptor = function("inotify_init1", Fiddle::TYPE_INT).call(NONBLOCK_CLOEXEC)
        return nil if descriptor.negative?

        io = IO.for_fd(descriptor)
        added = function("inotify_add_watch", Fiddle::TYPE_INT, Fiddle::TYPE_VOIDP, Fiddle::TYPE_INT).call(descriptor, path, MODIFY)
        return io unless added.negative?

        io.close
        nil
      rescue StandardError
        # Without it the file is asked every few milliseconds, whatever the reason.
        nil
      end

      # @return [Boolean] whether the first event says that the file was written
      def modified?(events) = events.unpack("iI").last.anybits?(MODIFY)

      # From Ruby 3.5 on it is a gem of its own, of which 3.4 warns whoever has not named it. Where it is missing, the file is asked instead.
      def fiddle?
        verbose = $VERBOSE
        $VERBOSE = nil
        require "fiddle"
        true
      rescue LoadError
        false
      ensure
        $VERBOSE = verbose
      end

      def function(name, *arguments) = Fiddle::Function.new(Fiddle.dlopen(nil)[name], arguments, Fiddle::TYPE_INT)
    end
    private_constant :Inotify
  end
end
