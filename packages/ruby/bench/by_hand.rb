# frozen_string_literal: true

require "openssl"
require "sqlite3"

# What people write: a table with a unique key, and for each request one insert and one commit.
class ByHand
  SCHEMA = "CREATE TABLE IF NOT EXISTS deliveries (id INTEGER PRIMARY KEY, key TEXT UNIQUE, received_at INTEGER, headers TEXT, body BLOB)"
  INSERT = "INSERT OR IGNORE INTO deliveries (key, received_at, headers, body) VALUES (?, ?, ?, ?)"

  def initialize(path)
    @path = path
    connect.execute(SCHEMA)
  end

  # A connection and a prepared statement for each thread.
  def store(key, headers, body)
    insert = Thread.current[:"insert #{@path}"] ||= connect.prepare(INSERT)
    insert.execute(key, Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), headers.to_s, body)
  end

  # The same as a Rack app, which verifies first.
  def call(env)
    body = env["rack.input"].read
    expected = "sha256=#{OpenSSL::HMAC.hexdigest("SHA256", Requests::SECRET, body)}"
    given = env["HTTP_X_HUB_SIGNATURE_256"].to_s
    return [401, {}, []] unless OpenSSL.secure_compare(given, expected)

    store(env["HTTP_X_GITHUB_DELIVERY"], env.select { |name, _| name.start_with?("HTTP_") }, body.b)
    [200, { "content-length" => "0" }, []]
  end

  private

  def connect
    db = SQLite3::Database.new(@path)
    db.busy_timeout = 30_000
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db
  end
end
