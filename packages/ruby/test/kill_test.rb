# frozen_string_literal: true

require "test_helper"

# SIGKILL at any moment: nothing that was acknowledged is lost, and no write of a handler stands without its event.
class KillTest < KnockerTest
  ROUNDS = 6
  ORDERS = 600
  RANDOM = Random.new(Integer(ENV.fetch("KNOCKER_TEST_SEED", Random.new_seed)))

  def setup
    super
    puts "KNOCKER_TEST_SEED=#{RANDOM.seed}"
  end

  def test_what_was_acknowledged_is_there
    open_inbox.ingest("{}", valid: true, key: "first")
    acknowledged = ["first"]
    ROUNDS.times { |round| acknowledged.concat(killed_after(RANDOM.rand(1..60)) { |tell| receive(round, tell) }) }
    assert_operator acknowledged.size, :>, ROUNDS
    assert_empty acknowledged - @hooks.events.map(&:key)
    sound
  end

  def test_a_handlers_writes_and_its_event_go_together
    inbox = open_inbox
    ORDERS.times { |n| ingest(inbox, n.to_s) }
    shared = Array.new(ROUNDS) { killed_after(RANDOM.rand(1..20)) { |tell| work(tell) } }.count { |told| told.uniq != told }
    puts "shared commits in #{shared} of #{ROUNDS} rounds"
    assert_operator shared, :>, 0
    # The rest, and what the killed ones held.
    register(inbox)
    worker = @hooks.start_worker(concurrency: 2, lease_s: 1)
    wait_until("all of them") do
      @clock.advance(60)
      @hooks.stats.events.handled == ORDERS
    end
    worker.stop
    assert_equal (0...ORDERS).map(&:to_s).sort, orders.sort
    assert_equal [1], @hooks.attempts(result: :handled).map(&:event_id).tally.values.uniq
    sound
  end

  private

  # A process of its own with the hooks, killed once it has told so many things.
  def killed_after(count)
    reader, writer = IO.pipe
    child = fork do
      reader.close
      yield(->(said) { writer.write("#{said}\n") })
    ensure
      exit!(1)
    end
    writer.close
    told = []
    while told.size < count && (line = reader.gets)
      told << line.chomp
    end
    Process.kill(:KILL, child)
    Process.wait(child)
    # What it told before it died was acknowledged, too. The last line may be cut.
    told + reader.read.lines.select { |rest| rest.end_with?("\n") }.map(&:chomp)
  end

  def receive(round, tell)
    inbox = @hooks.endpoints["inbox"]
    threads = Array.new(4) do |n|
      Thread.new do
        (0..).each do |i|
          key = "#{round}-#{n}-#{i}"
          inbox.ingest("{}", valid: true, key: key)
          tell.call(key)
        end
      end
    end
    threads.each(&:join)
  end

  def register(inbox, tell = nil)
    inbox.on("order") do |event, tx|
      # A thread that finds as many ended attempts as before has not committed the last one.
      ended = tell && @hooks.database.rows("SELECT count(*) FROM knocker_attempts").first.first
      tx.execute("INSERT INTO orders VALUES (?)", [event.key])
      tell&.call("#{Thread.current.name} #{ended}")
    end
  end

  def work(tell)
    register(@hooks.endpoints["inbox"], tell)
    @hooks.work(concurrency: 2)
  end

  def sound
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
    handled = @hooks.events(status: :handled).map(&:key)
    assert_empty orders - handled
  end
end
