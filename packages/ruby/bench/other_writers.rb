# frozen_string_literal: true

require "rbconfig"
require "knocker"
require_relative "requests"

# How long small write transactions of another process wait beside a worker with a backlog. What is measured, and what the worker's process is to do, says
# extension/bench/other-writers.
class OtherWriters
  TABLE = File.expand_path("../../../extension/bench/other-writers", __dir__)
  EVENTS = 16_000
  ONE_IN = 20
  SLOW_S = 0.05

  def initialize(folder)
    @folder = folder
  end

  # Prints the table, and which goals were missed.
  def run
    $stdout.flush
    system(TABLE, @folder, RbConfig.ruby, "-I#{File.expand_path("../lib", __dir__)}", __FILE__, exception: true)
  end

  # The worker's process.
  def self.work(way, path)
    hooks = Knocker.open(path, logger: false)
    hooks.database.rows("CREATE TABLE notes (text TEXT)")
    hooks.database.rows("CREATE TABLE handled (id INTEGER)")
    inbox = hooks.endpoint("inbox")
    slow = way.start_with?("slow")
    fill(hooks.database) { |number| slow && (number % ONE_IN).zero? ? "slow" : "quick" }
    inbox.on("*") do |event, tx|
      sleep(SLOW_S) if event.type == "slow"
      tx.execute("INSERT INTO handled VALUES (?)", [event.id])
    end
    $stdout.puts("ready")
    $stdout.flush
    hooks.start_worker(share_commits: way.end_with?("shared")) if $stdin.gets
    $stdin.read
    hooks.close
  end

  # A backlog in one commit, of the types that the block gives.
  def self.fill(database)
    body = ("x" * 1000).b
    database.connection do |connection|
      connection.transaction do
        EVENTS.times { |number| connection.call("knocker_ingest", "inbox", JSON.generate(valid: true, type: yield(number)), body) }
      end
      # Receipts one by one would have done so all along.
      connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    end
  end
  private_class_method :fill
end

OtherWriters.work(*ARGV) if $PROGRAM_NAME == __FILE__
