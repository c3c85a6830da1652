# frozen_string_literal: true

module Knocker
  # Opens connections so that what is committed stays.
  module Opening
    URI_FLAG = 0x40
    READ_WRITE = 0x2
    CREATE = 0x4
    private_constant :URI_FLAG, :READ_WRITE, :CREATE

    module_function

    # Opens a file in WAL mode with foreign keys on and Knocker loaded.
    #
    # @param path [String]
    # @param database_class [Class] SQLite3::Database, or one of its children
    # @param create [Boolean] whether a file is made where there is none
    # @return [Connection]
    def open(path, synchronous:, busy_timeout_s:, extension:, create:, database_class: SQLite3::Database)
      db = opened(path, create, database_class)
      DriverErrors.translated do
        connection = Connection.new(db, busy_timeout_s)
        Library.load(db, extension)
        use_wal(connection, busy_timeout_s)
        connection.exec("PRAGMA synchronous = #{synchronous}")
        connection.exec("PRAGMA foreign_keys = ON")
        # SQLite's own checkpoints tell nobody that they fail: see Checkpoints.
        connection.exec("PRAGMA wal_autocheckpoint = 0")
        return connection
      end
    rescue StandardError
      db&.close
      raise
    end

    # @return [String] the absolute path of a file
    def path(given)
      raise UsageError, "the file is named by a String or a Pathname, not #{given.class}" unless given.is_a?(String) || given.respond_to?(:to_path)

      File.expand_path(given)
    rescue ArgumentError, EncodingError => e
      raise UsageError, "the file: #{e.message}"
    end

    def opened(path, create, database_class)
      database_class.new(path, flags: READ_WRITE | URI_FLAG | (create ? CREATE : 0))
    rescue SQLite3::Exception => e
      known = DriverErrors.translate(e)
      raise Error.for(known.code, "#{known.sentence}: #{why_not(path)}")
    end
    private_class_method :opened

    def why_not(path)
      return "#{path} is a folder" if File.directory?(path)

      folder = File.dirname(path)
      File.directory?(folder) ? path : "there is no folder #{folder}"
    end
    private_class_method :why_not

    # SQLite answers "locked" at once, without waiting, where two processes switch a new file at the same moment.
    def use_wal(connection, patience_s)
      give_up_at = Clock.monotonic + patience_s
      begin
        return if %w[wal memory].include?(connection.value("PRAGMA journal_mode"))

        connection.exec("PRAGMA journal_mode = WAL")
      rescue SQLite3::BusyException
        raise if Clock.monotonic > give_up_at

        sleep(0.005)
        retry
      end
    end
    private_class_method :use_wal
  end
end
