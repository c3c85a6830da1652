# frozen_string_literal: true

# The Ruby package at work, for the crash tests to record: `driver.rb <file> <name> <seed> <steps>`.
#
# It does what `src/crash/workload.rs` does, through the package's public interface, and writes the same marks.

require "json"
require "set"
require "knocker"

SECRET = "test-secret"
SETTINGS = { provider: "token", options: { header: "x-shop-token", id_path: "id", type_path: "kind" }, max_attempts: 1000,
             invalid_per_hour: 1_000_000_000, secrets: [SECRET] }.freeze
OPENINGS = 20
# A little more than the package waits before it tries a failed disk again.
PAUSE_S = 0.3

# So that there are many in a short life.
Knocker::Checkpoints.send(:remove_const, :LOG_PAGES)
Knocker::Checkpoints.const_set(:LOG_PAGES, 60)

# One life of a process.
class Driver
  def initialize(path, name, seed, steps)
    @path = path
    @name = name
    @choose = Random.new(seed)
    @drains = seed.even?
    @steps = steps
    @number = 0
    # The events of `orders` in the running drain: what is scrap may be pruned at once by another process.
    @attempted = Set.new
    @marks = File.open(ENV.fetch("KNOCKER_RECORDER_MARKS"), File::WRONLY | File::APPEND | File::CREAT)
  end

  def run
    return unless opened?

    say("prepared")
    say("armed")
    # In every second life a worker of two threads beside the senders: what it has handled is not said, but checked all the same.
    worker = @drains ? nil : @hooks.start_worker(concurrency: 2, poll: 0.05)
    @steps.times do
      step
    rescue Knocker::DatabaseError
      say("refused")
    ensure
      sleep(PAUSE_S) if @hooks.database.checkpoints.trouble?
    end
    worker&.stop
    @hooks.close
  end

  private

  def say(line) = @marks.syswrite("#{line}\n")

  def opened?
    OPENINGS.times do
      prepare
      return true
    rescue Knocker::Error, SQLite3::Exception
      sleep(PAUSE_S)
    end
    false
  end

  def prepare
    @hooks = Knocker.open(@path, busy_timeout_s: 60, logger: false)
    @hooks.database.rows("CREATE TABLE IF NOT EXISTS orders (event_id INTEGER NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL)")
    @orders = @hooks.endpoint("orders", **SETTINGS)
    @scrap = @hooks.endpoint("scrap", **SETTINGS)
    @orders.on("*") { |event, tx| handle(event, tx) }
    @scrap.on("*") { nil }
  rescue Knocker::Error, SQLite3::Exception
    @hooks&.close
    raise
  end

  def handle(event, transaction)
    @attempted.add(event.id)
    raise Knocker::Retry.new(after: 0) if ((event.id + event.attempt) % 7).zero?
    raise Knocker::Ignore, "a test order" if (event.id % 11).zero?

    transaction.execute("INSERT INTO orders VALUES (?, ?, ?)", [event.id, event.attempt, @name])
  end

  # An endpoint, and a request to it.
  def sender
    key = "#{@name}-#{@number += 1}"
    token = @choose.rand < 0.1 ? "forged" : SECRET
    length = @choose.rand(@choose.rand < 0.1 ? 9_000 : 600)
    body = JSON.generate(id: key, kind: "order.paid", note: "x" * length)
    request = Knocker::WebhookRequest.new(body, url: "/webhooks", headers: { "X-Shop-Token" => token, "Content-Type" => "application/json" })
    [@choose.rand < 0.25 ? @scrap : @orders, key, request]
  end

  def receive(endpoint, key, request)
    receipt = endpoint.receive(request)
    word = endpoint.name == "scrap" && receipt.event_id ? "scrap" : receipt.outcome
    say("#{word} #{receipt.delivery_id || "None"} #{receipt.event_id || "None"} #{key}")
  rescue Knocker::DatabaseError
    say("refused")
  end

  def step
    case @choose.rand(100)
    when 0...35 then receive(*sender)
    when 35...60 then Array.new(@choose.rand(2..8)) { sender }.map { |one| Thread.new { receive(*one) } }.each(&:join)
    when 60...90 then @drains ? work : prune
    else prune
    end
  end

  def work
    words = { handled: "handled", failed: "failed", ignored: "skipped" }
    @attempted.clear
    @hooks.worker.drain.each { |event, status| say("#{words[status]} #{event.id}") if words.key?(status) && @attempted.include?(event.id) }
  end

  def prune
    say("pruning")
    pruned = @hooks.prune_events(endpoint: "scrap", before: Time.now + 86_400, status: :handled, limit: @choose.rand(1...20))
    say("pruned #{pruned.events}")
  end
end

path, name, seed, steps = ARGV
Driver.new(path, name, Integer(seed), Integer(steps)).run
