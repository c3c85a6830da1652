# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../lib", __dir__), File.expand_path("support", __dir__))

require "minitest/autorun"
require "logger"
require "stringio"
require "tmpdir"
require "timeout"
require "knocker"
require "knocker/testing"

# What most tests need: a file, hooks on it with a clock, and its log.
class KnockerTest < Minitest::Test
  include Knocker::Testing

  # How long a test waits for what must come.
  PATIENCE_S = 120

  def setup
    @folder = Dir.mktmpdir("knocker-test-")
    @path = File.join(@folder, "app.db")
    @clock = FrozenClock.new
    @log = StringIO.new
    @opened = []
  end

  def teardown
    @opened.each(&:close)
    FileUtils.remove_entry(@folder)
  end

  # Hooks on the test's file, closed after it.
  def open_hooks(path = @path, **settings)
    hooks = Knocker.open(path, clock: @clock, logger: Logger.new(@log), synchronous: :normal, **settings)
    @opened << hooks
    hooks
  end

  # An endpoint of trusted ingress, and a table for its handlers to write into.
  def open_inbox(**settings)
    @hooks = open_hooks(**settings)
    @hooks.database.rows("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
    @hooks.endpoint("inbox")
  end

  def ingest(inbox, key = "1", type: "order") = inbox.ingest("{}", valid: true, type: type, key: key).event_id

  def orders(hooks = @hooks) = hooks.database.rows("SELECT id FROM orders ORDER BY rowid").flatten

  def statuses(hooks = @hooks) = drain(hooks).map(&:status)

  # Waits for a state, never for a time.
  def wait_until(what = "it")
    Timeout.timeout(PATIENCE_S, nil, "#{what} never came") { sleep(0.002) until yield }
  end

  # Tests that change what the processes of this machine have in common end with them.
  def in_child
    reader, writer = IO.pipe
    child = fork do
      reader.close
      result = begin
        Marshal.dump([:returned, yield])
      rescue Exception => e # rubocop:disable Lint/RescueException
        Marshal.dump([:raised, "#{e.class}: #{e.message}"])
      end
      writer.write(result)
      writer.close
      exit!(0)
    end
    writer.close
    result = Marshal.load(reader.read) # rubocop:disable Security/MarshalLoad
    Process.wait(child)
    result
  end
end
