# frozen_string_literal: true

# The Ruby package as a participant: the line protocol of ../README.md over its public API.

require "json"
require "knocker"

# One file after the other, and what is asked about it.
class Participant
  WRITTEN = "INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, 'ruby', sqlite_version())"
  RECORDS = { "endpoints" => :stored_endpoints }.freeze

  def initialize
    @speaking = Mutex.new
    @gate = Mutex.new
    @opened = ConditionVariable.new
  end

  def answer(line)
    asked = JSON.parse(line, symbolize_names: true)
    number = asked.delete(:id)
    begin
      say(id: number, gives: plain(perform(asked.delete(:op), asked)))
    rescue Knocker::Error => e
      say(id: number, error: e.code, says: e.message)
    end
  end

  private

  def say(line) = @speaking.synchronize { $stdout.puts(JSON.generate(line)) }

  def perform(operation, given)
    case operation
    when "open" then open(**given)
    when "receive" then @hooks.endpoints.fetch(given[:endpoint]).receive(request(**given[:request], body: given[:body]))
    when "work" then work(given[:lease_s])
    when "rest" then @worker.stop
    when "go" then go
    when "list" then @hooks.public_send(RECORDS.fetch(given[:view], given[:view])).to_a
    when "ignore" then @hooks.ignore(given[:event_id], given[:reason])
    when "replay", "requeue", "replay_delivery" then @hooks.public_send(operation, given.values.first)
    when "replay_where", "requeue_where", "ignore_where" then @hooks.public_send(operation, **given[:filter])
    when "stats" then @hooks.stats
    when "close" then @hooks.close
    end
  end

  def open(file:, endpoints:)
    @hooks = Knocker.open(file, busy_timeout_s: 60, logger: false)
    endpoints.each do |endpoint|
      made = @hooks.endpoint(endpoint[:name], secrets: endpoint[:secret], **endpoint[:settings])
      made.on("*") { |event, tx| handle(event, tx) }
    end
    nil
  end

  def request(method:, url:, headers:, body:)
    Knocker::WebhookRequest.new(body, method: method, url: url, headers: headers.transform_keys(&:to_s))
  end

  def work(lease_s)
    @is_open = false
    @worker = @hooks.start_worker(concurrency: 2, lease_s: lease_s)
    nil
  end

  def go
    @gate.synchronize do
      @is_open = true
      @opened.broadcast
    end
    nil
  end

  def handle(event, tx)
    content = event.json
    first = event.attempt == 1
    hold(event) if content["plan"] == "hold" && first
    order = content["order"]
    tx.execute(WRITTEN, [event.endpoint, event.key, event.type, order["customer"], order["total"], event.attempt])
    case content["plan"]
    when "fail" then raise "no stock yet" if first
    when "retry" then raise Knocker::Retry.new("the till is closed", after: 0) if first
    when "ignore" then raise Knocker::Ignore, "a test order"
    when "dead" then raise Knocker::Dead, "no such customer"
    end
  end

  def hold(event)
    say(held: event.key)
    @gate.synchronize { @opened.wait(@gate) until @is_open }
  end

  # Records as SQL has them: times as Unix milliseconds, and no bodies.
  def plain(value)
    case value
    when Knocker::Record then plain(value.to_h.except(:body))
    when Knocker::Headers then value.names.to_h { |name| [name, value.get_all(name)] }
    when Time then (value.to_r * 1000).round
    when Hash then value.transform_values { |one| plain(one) }
    when Array then value.map { |one| plain(one) }
    when nil, true, false, Numeric, String, Symbol then value
    end
  end
end

# Whoever asks finds this process gone where it fails, and why in its log.
Thread.abort_on_exception = true
$stdout.sync = true
participant = Participant.new
$stdin.each_line { |line| Thread.new { participant.answer(line) } }
