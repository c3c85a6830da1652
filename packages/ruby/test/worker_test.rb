# frozen_string_literal: true

require "test_helper"
require "rbconfig"

# A worker beside receipts: it wakes, keeps its leases, and never stands in the way.
class WorkerTest < KnockerTest
  # Without a wake-up nothing would happen in time.
  ASLEEP_S = 3600.0

  def setup
    super
    @inbox = open_inbox
  end

  def insert = @inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }

  def working(**settings)
    worker = @hooks.start_worker(**settings)
    yield worker
  ensure
    worker.stop
  end

  def test_a_receipt_of_this_process_wakes_it
    insert
    working(poll: ASLEEP_S) do
      3.times do |n|
        ingest(@inbox, n.to_s)
        wait_until("the order") { orders.size == n + 1 }
      end
    end
  end

  def test_a_receipt_of_another_process_wakes_it
    insert
    working(poll: ASLEEP_S) do
      path = @path
      3.times do |n|
        script = <<~RUBY
          require "knocker"
          hooks = Knocker.open(#{path.dump}, logger: false)
          hooks.existing_endpoint("inbox").ingest("{}", valid: true, type: "order", key: #{n.to_s.dump})
        RUBY
        assert system({ "RUBYLIB" => File.expand_path("../lib", __dir__) }, RbConfig.ruby, "-e", script)
        wait_until("the order") { orders.size == n + 1 }
      end
    end
  end

  def test_a_slow_handler_holds_up_no_receipt
    go = Thread::Queue.new
    begun = Thread::Queue.new
    @inbox.on("order") do |event, tx|
      begun.push(true)
      go.pop
      tx.execute("INSERT INTO orders VALUES (?)", [event.key])
    end
    working(concurrency: 2) do
      ingest(@inbox, "slow")
      begun.pop
      # Nobody has the write lock: a receipt that does not wait at all finds it free.
      hasty = Knocker.open(@path, busy_timeout_s: 0, clock: @clock, logger: false)
      assert_equal :accepted, hasty.existing_endpoint("inbox").ingest("{}", valid: true, type: "order", key: "quick").outcome
      hasty.close
      begun.pop
      2.times { go.push(true) }
      wait_until("both orders") { orders.sort == %w[quick slow] }
    end
  end

  def test_a_lease_is_extended_while_its_handler_runs
    go = Thread::Queue.new
    @inbox.on("order") { go.pop }
    working(lease_s: 1) do |worker|
      ingest(@inbox)
      lease = -> { @hooks.leases(worker.name).jobs.first&.lease_expires_at }
      wait_until("a lease") { lease.call }
      before = lease.call
      @clock.advance(30)
      wait_until("its extension") { lease.call > before }
      go.push(true)
      wait_until("the end") { @hooks.event(1).status == :handled }
      assert_equal 1, @hooks.event(1).attempts
    end
  end

  def test_several_handlers_run_at_once
    go = Thread::Queue.new
    running = Thread::Queue.new
    @inbox.on("order") do
      running.push(true)
      go.pop
    end
    4.times { |n| ingest(@inbox, n.to_s) }
    working(concurrency: 4) do
      4.times { running.pop }
      4.times { go.push(true) }
      wait_until("all of them") { @hooks.stats.events.handled == 4 }
    end
  end

  def test_stopping_gives_back_what_was_not_begun_with_its_attempt_uncounted
    go = Thread::Queue.new
    begun = Thread::Queue.new
    @inbox.on("order") do
      begun.push(true)
      go.pop
    end
    2.times { |n| ingest(@inbox, n.to_s) }
    worker = @hooks.start_worker
    begun.pop
    stopping = Thread.new { worker.stop }
    wait_until("the stop") { !worker.running? }
    2.times { go.push(true) }
    stopping.join
    statuses = @hooks.events.map { |event| [event.status, event.attempts] }
    assert_includes statuses, [:handled, 1]
    assert_empty(statuses.reject { |status, attempts| [[:handled, 1], [:received, 0]].include?([status, attempts]) })
  end

  def test_a_worker_that_stops_does_not_wait_for_the_next_look_at_the_file
    watch_s = Knocker::Worker.send(:remove_const, :WATCH_S)
    Knocker::Worker.const_set(:WATCH_S, 600)
    go = Thread::Queue.new
    begun = Thread::Queue.new
    @inbox.on("order") do
      begun.push(true)
      go.pop
    end
    idle = @hooks.start_worker
    wait_until("it to have nothing to do") { @hooks.database.changed.waiting == 1 }
    assert Thread.new { idle.stop }.join(30), "the idle worker still stops"

    ingest(@inbox)
    busy = @hooks.start_worker
    begun.pop
    stopping = Thread.new { busy.stop }
    go.push(true)
    assert stopping.join(30), "the busy worker still stops"
  ensure
    Knocker::Worker.send(:remove_const, :WATCH_S)
    Knocker::Worker.const_set(:WATCH_S, watch_s)
  end

  def test_a_process_that_ends_finishes_what_runs_and_gives_back_the_rest
    3.times { |n| ingest(@inbox, n.to_s) }
    script = <<~RUBY
      require "knocker"
      hooks = Knocker.open(#{@path.dump})
      begun = Queue.new
      hooks.endpoint("inbox").on("order") do
        begun.push(true)
        sleep(0.05)
      end
      hooks.start_worker
      begun.pop
      exit
    RUBY
    assert system({ "RUBYLIB" => File.expand_path("../lib", __dir__) }, RbConfig.ruby, "-e", script)
    left = @hooks.events.map { |event| [event.status, event.attempts] }.uniq
    assert_includes left, [:handled, 1]
    assert_empty left - [[:handled, 1], [:received, 0]]
  end

  def test_a_handler_may_stop_its_worker
    worker = nil
    @inbox.on("order") { worker.stop }
    ingest(@inbox)
    worker = @hooks.worker
    worker.start
    wait_until("the stop") { !worker.running? }
    worker.stop
    assert_equal :handled, @hooks.event(1).status
  end

  def test_what_comes_again_later_comes_at_its_time
    calls = 0
    @inbox.on("order") do
      calls += 1
      raise "not yet" if calls == 1
    end
    ingest(@inbox)
    working do
      wait_until("the failure") { @hooks.event(1).status == :failed }
      @clock.advance(60)
      wait_until("the other attempt") { @hooks.event(1).status == :handled }
    end
  end

  def test_a_worker_runs_once_and_with_handlers
    assert_raises(Knocker::UsageError) { @hooks.start_worker }
    insert
    worker = @hooks.start_worker
    assert_raises(Knocker::UsageError) { worker.start }
    worker.stop
    assert_raises(Knocker::UsageError) { worker.start }
    assert_raises(Knocker::UsageError) { @hooks.worker(concurrency: 0) }
    assert_raises(Knocker::UsageError) { @hooks.worker(lease_s: 0.5) }
    assert_raises(Knocker::UsageError) { @hooks.worker(on_error: "no function") }
  end

  def test_retention_policies_are_run_when_they_are_asked_for
    insert
    ingest(@inbox)
    drain(@hooks)
    @hooks.retention(handled_s: 60)
    @clock.advance(3600)
    assert_equal 1, @hooks.retain.events
    assert_equal 0, @hooks.events.count
  end
end

# What handlers may do with tx, beyond what the conformance data says in every language.
class TransactionTest < KnockerTest
  def attempt(&handler)
    inbox = open_inbox
    inbox.on("order", &handler)
    ingest(inbox)
    drain(@hooks).first
  end

  def test_tx_is_the_gems_own_database
    kinds = nil
    attempt do |_event, tx|
      kinds = [tx.is_a?(SQLite3::Database), tx.get_first_value("SELECT 1"), tx.query("SELECT 2").to_a, tx.execute_batch("SELECT 3;")]
    end
    assert_equal [true, 1, [[2]]], kinds.first(3)
  end

  def test_a_transaction_in_it_is_a_savepoint
    result = attempt do |_event, tx|
      tx.execute("INSERT INTO orders VALUES ('outer')")
      begin
        tx.transaction do
          tx.execute("INSERT INTO orders VALUES ('inner')")
          raise "taken back"
        end
      rescue RuntimeError
        tx.transaction { tx.execute("INSERT INTO orders VALUES ('again')") }
      end
    end
    assert_equal :handled, result.status
    assert_equal %w[outer again], orders
  end

  def test_what_is_the_workers_is_refused
    refused = []
    result = attempt do |_event, tx|
      tx.execute("INSERT INTO orders VALUES ('kept')")
      [-> { tx.commit }, -> { tx.rollback }, -> { tx.close }, -> { tx.transaction }, -> { tx.execute("/* x */ COMMIT") },
       -> { tx.execute("\uFEFFCOMMIT") }].each do |use|
        use.call
      rescue Knocker::UsageError => e
        refused << e.code
      end
    end
    assert_equal ["usage"] * 6, refused
    assert_equal :handled, result.status
    assert_equal ["kept"], orders
  end

  # SQLite takes back the whole transaction there, and what is written after it would be committed by itself.
  def test_nothing_is_written_once_the_transaction_is_lost
    result = attempt do |_event, tx|
      statement = tx.prepare("INSERT INTO orders VALUES (?)")
      statement.execute("first")
      assert_raises(SQLite3::ConstraintException) { tx.execute("INSERT OR ROLLBACK INTO orders VALUES ('first')") }
      assert_raises(Knocker::UsageError) { statement.execute("torn") }
    end
    assert_equal :failed, result.status
    assert_empty orders
  end

  def test_a_thread_of_the_handlers_own_is_refused
    result = attempt do |_event, tx|
      thread = Thread.new { tx.execute("INSERT INTO orders VALUES ('elsewhere')") }
      thread.report_on_exception = false
      thread.join
    end
    assert_kind_of Knocker::UsageError, result.error
    assert_empty orders
  end

  def test_rows_come_as_the_driver_makes_them_to_the_next_handler
    inbox = open_inbox
    shapes = []
    inbox.on("order") do |_event, tx|
      shapes << tx.execute("SELECT 1 AS one").first.class
      tx.results_as_hash = true
    end
    2.times { |n| ingest(inbox, n.to_s) }
    assert_equal %i[handled handled], statuses
    assert_equal 1, shapes.uniq.size
  end

  def test_files_and_tables_of_one_handlers_own_are_not_there_for_the_next
    inbox = open_inbox
    found = []
    inbox.on("order") do |_event, tx|
      found << tx.execute("PRAGMA database_list").size
      tx.execute_batch2("SELECT 1; CREATE TEMP TABLE mine (id)")
    end
    3.times { |n| ingest(inbox, n.to_s) }
    assert_equal %i[handled handled handled], statuses
    assert_equal [1, 1, 1], found
  end

  def test_functions_of_one_handler_are_not_there_for_the_next
    inbox = open_inbox
    found = []
    inbox.on("order") do |event, tx|
      found << (tx.get_first_value("SELECT mine()") rescue nil) # rubocop:disable Style/RescueModifier
      tx.create_function("mine", 0) { |function| function.result = event.key }
    end
    2.times { |n| ingest(inbox, n.to_s) }
    assert_equal %i[handled handled], statuses
    assert_equal [nil, nil], found
  end

  def test_what_a_duration_of_seconds_may_be
    assert_equal 60, Knocker::Retry.new(after: 60).after
    assert_raises(Knocker::UsageError) { Knocker::Retry.new(after: -1) }
    assert_raises(Knocker::UsageError) { Knocker::Retry.new(after: "60") }
    assert_equal "KeyError: gone", Knocker::Dead.new(KeyError.new("gone")).reason
  end
end
