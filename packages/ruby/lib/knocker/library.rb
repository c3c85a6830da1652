# frozen_string_literal: true

module Knocker
  # Finding the loadable library, and loading it into a connection of the sqlite3 gem.
  module Library
    module_function

    # @param explicit [String, Pathname, nil]
    # @return [String] the absolute path of the library: `explicit`, else `KNOCKER_EXTENSION`, else the one inside this gem
    # @raise [LibraryNotFoundError] where there is no such file
    def path(explicit = nil)
      from_environment = ENV.fetch("KNOCKER_EXTENSION", "")
      chosen, origin =
        if explicit then [explicit, "the given path"]
        elsif !from_environment.empty? then [from_environment, "KNOCKER_EXTENSION"]
        else [File.join(__dir__, file_name), "the gem"]
        end
      found = File.expand_path(chosen)
      raise LibraryNotFoundError, "there is no file #{found} (#{origin})" unless File.file?(found)

      found
    end

    # Loads Knocker into an open connection. Writes nothing; loading twice is harmless.
    #
    # @param db [SQLite3::Database]
    # @raise [CannotLoadError] where this SQLite loads no extension, with what to do
    # @raise [UnsupportedSqliteError] where it is too old, whether or not it loads extensions
    # @raise [LibraryTooOldError] where the library is older than this gem
    # @raise [Error] the core's own where the library refuses
    def load(db, explicit = nil)
      library = path(explicit)
      unless db.respond_to?(:enable_load_extension)
        raise cannot_load(db, "this build of the sqlite3 gem (#{SQLite3::VERSION}) loads no extensions. #{advice}")
      end

      load_into(db, library)
      require_version(db, library)
    end

    # @return [String] the name of the library's file on this system
    def file_name
      Contract::LIBRARY_FILES.fetch(system)
    end

    # @return [String] what a person can do where extensions cannot be loaded
    def advice
      return "Install the sqlite3 gem from source: gem install sqlite3 --platform=ruby" if system == "windows"

      "Install the sqlite3 gem against a SQLite that was built with extension loading"
    end

    def system
      case RbConfig::CONFIG["host_os"]
      when /darwin/ then "darwin"
      when /mswin|mingw|cygwin/ then "windows"
      else "linux"
      end
    end
    private_class_method :system

    def load_into(db, library)
      db.enable_load_extension(true)
      # The gem's own method takes no entry point.
      db.prepare("SELECT load_extension(?, ?)") do |statement|
        statement.bind_params([library, Contract::ENTRY_POINT])
        statement.step
      end
    rescue SQLite3::Exception => e
      raise failure(db, e, library)
    ensure
      db.enable_load_extension(false)
    end
    private_class_method :load_into

    # The library itself may have failed on the file that is open.
    def failure(db, error, library)
      known = DriverErrors.translate(error)
      return known unless known.is_a?(SqliteError) && known.code == "sqlite_error"

      cannot_load(db, "SQLite cannot load #{library}: #{error.message}. #{advice}")
    end
    private_class_method :failure

    # What the library itself would say of an old SQLite, could it be loaded: another way to load it would not help.
    def cannot_load(db, sentence)
      found = db.prepare("SELECT sqlite_version()") { |statement| statement.step.first }
      return CannotLoadError.new(sentence) unless Gem::Version.new(found) < Gem::Version.new(Contract::OLDEST_SQLITE)

      UnsupportedSqliteError.new("this program's SQLite is #{found}, Knocker needs #{Contract::OLDEST_SQLITE}")
    end
    private_class_method :cannot_load

    def require_version(db, library)
      found = db.prepare("SELECT knocker_version()") { |statement| statement.step.first }
      return unless Gem::Version.new(found) < Gem::Version.new(VERSION)

      raise LibraryTooOldError, "#{library} has the version #{found}, and this gem needs #{VERSION} or a newer one"
    end
    private_class_method :require_version
  end
end
