# frozen_string_literal: true

module Knocker
  # Which file a path led to when it was opened, and whether it still does.
  #
  # A file that is removed, or replaced by a backup, stays open: what is committed to it is nowhere that anybody would look.
  class OpenFile
    # A file in the place of another one is opened once it has stayed as it is for so long: it may be a copy that is not complete yet.
    AT_REST_S = 0.1
    private_constant :AT_REST_S

    # @param path [String] an absolute path
    def initialize(path)
      @path = path
      @file = @log = @former = @seen = nil
      @seen_at = 0.0
    end

    # @return [Array(Integer, Integer), nil] device and inode of what is at a path
    def self.identity(path)
      found = File.stat(path)
      [found.dev, found.ino]
    rescue SystemCallError
      nil
    end

    # @return [String] the write-ahead log, which SQLite keeps beside the file that a link leads to
    def log_path
      "#{File.realpath(@path)}-wal"
    rescue SystemCallError
      "#{@path}-wal"
    end

    # @return [Boolean] whether a file is open
    def known? = !@file.nil?

    # @return [Boolean] whether there is a file at the path
    def there? = !identity.nil?

    # @return [Boolean] whether the path still leads to the file that was opened; true while none is
    def same?
      known = @file
      known.nil? || identity == known
    end

    # @return [Array(Integer, Integer), nil] what is at the path now
    def identity = OpenFile.identity(@path)

    # This one is open now.
    def note(file)
      @file = file
      @former = @seen = nil
      note_log
    end

    # A connection was opened: while one is, the log stays the same file.
    def note_log
      @log = OpenFile.identity(log_path) if same?
    end

    # It is another file, or none. What its log was is kept in mind.
    def forget
      # While the next one could not be opened, it is still the one before that.
      @former = [@file, @log] if @file
      @file = @log = nil
    end

    # @return [String, nil] why what is at the path cannot be opened in the place of the former file yet. None is made there: a backup may be
    #   on its way
    def why_not_yet
      return nil if @former.nil?

      found = File.stat(@path)
      return "the new one is empty" if found.size.zero?

      now = Clock.monotonic
      seen = [found.dev, found.ino, found.size, found.mtime.to_r]
      if seen != @seen
        @seen = seen
        # Put there long before anybody looked: where receipts are rare, waiting for a second look would cost one.
        @seen_at = Time.now - found.ctime > AT_REST_S ? -Float::INFINITY : now
      end
      "the new one is not at rest yet" if now < @seen_at + AT_REST_S
    rescue SystemCallError
      "there is none now"
    end

    # Renames the log of the former file where it still lies at the path: SQLite would replay it into the new one. To be called before the new
    # file is opened.
    #
    # @return [String, nil] its new name
    def set_leftovers_aside
      former, log = @former
      # Where the former file itself is back, the log is its own.
      return nil if log.nil? || identity == former

      path = log_path
      File.open(path, "r+b") do |held|
        # SQLite itself never locks it.
        held.flock(File::LOCK_EX)
        found = held.stat
        # Another process may have done so, and opened the new file.
        return nil unless log == [found.dev, found.ino] && OpenFile.identity(path) == log

        aside(path, former.last)
      end
    rescue SystemCallError
      nil
    end

    private

    def aside(path, inode)
      kept = "#{path}.of-replaced-file-#{inode}"
      File.rename(path, kept)
      begin
        File.rename(path.sub(/-wal\z/, "-shm"), kept.sub("-wal.", "-shm."))
      rescue SystemCallError
        nil
      end
      kept
    end
  end
end
