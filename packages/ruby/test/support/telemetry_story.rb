# frozen_string_literal: true

require "conformance_data"
require "fileutils"
require "stringio"

# What a case of the telemetry does to hooks, and beside them.
class TelemetryStory
  BODY = '{"customer": "never-to-be-logged"}'
  LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" }.freeze

  # A logger that keeps its lines.
  class Lines
    attr_reader :lines

    def initialize
      @lines = []
    end

    LEVELS.each_key { |level| define_method(level) { |line| @lines << [level, line] } }

    def said?(record) = @lines.dup.any? { |_, line| line.fields[:record] == record }
  end

  # @param test [KnockerTest]
  def initialize(test, one, path, clock)
    @test = test
    @one = one
    @path = path
    @clock = clock
    @log = Lines.new
    @raw = []
  end

  # @return [Array] the lines of the log
  def play
    failing = @one["hooks_fail"] ? ->(*) { raise "the hook is broken" } : nil
    # Nobody waits for the lock but for one that is kept.
    locked = @one["handler"] == "keeps_lock" || @one["steps"].any? { |step| step.dig("work", "locked") }
    patience_s = locked ? 0.05 : KnockerTest::PATIENCE_S
    @hooks = Knocker.open(@path, clock: @clock, logger: @log, busy_timeout_s: patience_s, on_error: failing, on_dead: failing)
    declare
    @inbox.on("order.*") { act(@one["handler"]) }
    @one["steps"].each { |step| take(step) }
    @log.lines
  ensure
    @raw.each(&:close)
    @hooks&.close
  end

  private

  def declare(**others)
    secrets = @one["secrets"] == "fails" ? ->(_) { raise "no never-to-be-logged in the vault" } : @one["secrets"]
    settings = { **@one.fetch("endpoint", {}).transform_keys(&:to_sym), **others }
    settings[:secrets] = secrets if secrets && @inbox.nil?
    if @inbox then @inbox.configure(**settings)
    else @inbox = @hooks.endpoint("inbox", **settings)
    end
  end

  def take(step)
    what, given = step.first
    case what
    when "ingest" then ingest(given.transform_keys(&:to_sym))
    when "drain" then @test.assert_equal(given, Knocker::Testing.drain(@hooks).map { |attempt| attempt.status.to_s })
    when "work" then work(**given.transform_keys(&:to_sym))
    when "declare" then declare(**given.transform_keys(&:to_sym))
    when "read" then connect("BEGIN", "SELECT count(*) FROM sqlite_schema")
    when "replace_file" then replace_file
    when "close" then @hooks.close
    when "request" then serve(@hooks.rack, given)
    when "scrape" then serve(@hooks.metrics_rack, given)
    else raise "the data has a step #{step}"
    end
  end

  def ingest(fields)
    @test.wait_until("the file that has come in the place of the one before") do
      @inbox.ingest(BODY, **fields)
    rescue Knocker::FileReplacedError
      nil
    end
  end

  # Starts a worker, and stops it once the log has that record.
  def work(until:, locked: false, lease_s: 60)
    record = binding.local_variable_get(:until)
    connect("BEGIN IMMEDIATE") if locked
    worker = @hooks.worker(lease_s: lease_s)
    worker.start
    @test.wait_until(record) { @log.said?(record) }
    worker.stop
  end

  def replace_file
    other = "#{@path}.new"
    Knocker.open(other, logger: false).close
    File.rename(other, @path)
  end

  def serve(app, status)
    environ = { "REQUEST_METHOD" => "POST", "PATH_INFO" => "/inbox", "QUERY_STRING" => "", "SERVER_NAME" => "app.test", "SERVER_PORT" => "80",
                "HTTP_HOST" => "app.test", "rack.url_scheme" => "http", "CONTENT_LENGTH" => "0", "rack.input" => StringIO.new }
    @test.assert_equal(status, app.call(environ).first)
  end

  # Opens another connection, which is closed in the end.
  def connect(*statements)
    database = SQLite3::Database.new(@path)
    @raw << database
    statements.each { |statement| database.execute(statement) }
    database
  end

  def act(script)
    case script
    when "fails" then raise "broken"
    when "retries" then raise Knocker::Retry.new("later", after: 60)
    when "dead" then raise Knocker::Dead, "never"
    when "ignores" then raise Knocker::Ignore, "of no interest"
    when "loses_lease" then lose_lease
    when "keeps_lock" then keep_lock
    else raise "the data has a handler #{script}" unless script == "returns"
    end
  end

  # Another worker takes the job, and this one notices.
  def lose_lease
    @hooks.leases(@hooks.database.rows("SELECT worker FROM knocker_jobs").first.first).release
    @hooks.leases("another").claim(1, 60)
    @test.wait_until("lease_lost") { @log.said?("lease_lost") }
  end

  # Another connection has the write lock, and this worker notices.
  def keep_lock
    database = connect("BEGIN IMMEDIATE")
    @test.wait_until("leases_not_extended") { @log.said?("leases_not_extended") }
    database.execute("ROLLBACK")
  end
end
