# frozen_string_literal: true

# What the Ruby package says where SQLite is too old for Knocker, whether or not it loads extensions: `unsupported_sqlite`, before anything is written.

require "knocker"

path, version = ARGV

def refused(version)
  yield
  abort "SQLite #{version} is to be refused"
rescue Knocker::UnsupportedSqliteError => e
  abort "what is too old is not named: #{e.message}" unless e.message.include?(version)
  puts e.message
end

before = File.binread(path)
refused(version) { Knocker.open(path) }
db = SQLite3::Database.new(path)
refused(version) { Knocker.load(db) }
# As in a gem that was built against a SQLite without it.
db.singleton_class.undef_method(:enable_load_extension)
refused(version) { Knocker.load(db) }
db.close
abort "the file has changed" unless File.binread(path) == before
