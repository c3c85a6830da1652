# frozen_string_literal: true

require "test_helper"

# Shared commits, where the shared data does not reach: other writers, other threads, a commit that fails, and what a worker learns.
class SharedCommitsTest < KnockerTest
  MOST_EVENTS = Knocker::SharedCommit::MOST_EVENTS
  MOST_MS = Knocker::SharedCommit::MOST_MS

  def setup
    super
    @inbox = open_inbox
  end

  # The same with the system's clock, by which handlers really take time.
  def open_live
    @hooks = Knocker.open(@path, logger: Logger.new(@log), busy_timeout_s: PATIENCE_S)
    @opened << @hooks
    @inbox = @hooks.endpoint("inbox")
  end

  def receive(total, type: "order") = total.times { @inbox.ingest("{}", valid: true, type: type) }

  # How many attempts have ended, as others see it.
  def ended = @hooks.database.rows("SELECT count(*) FROM knocker_attempts").first.first

  # How many the write-ahead log holds: the last page of each says how large the file is then.
  def commits
    log = File.binread("#{@path}-wal")
    return 0 if log.empty?

    page = log[8, 4].unpack1("N") + 24
    (32...log.bytesize).step(page).count { |at| log[at + 4, 4].unpack1("N").positive? }
  end

  def write(event, tx) = tx.execute("INSERT INTO orders VALUES (?)", [event.id.to_s])

  def test_no_more_than_so_many_events_share_a_commit
    seen = []
    @inbox.on("*") do |event, tx|
      seen << ended
      write(event, tx)
    end
    receive(200)
    assert_equal [:handled] * 200, statuses
    assert_equal 200, orders.size
    together = seen.tally.values
    assert_equal MOST_EVENTS, together.max
    assert_operator together.size, :<, 12
  end

  # Where a full commit claimed nothing, the claim after it would cost another sync.
  def test_a_commit_that_is_full_claims_what_comes_next
    receive(134)
    # So that no checkpoint is due before the last ones run.
    @opened.delete(@hooks).close
    @inbox = open_inbox
    before = commits
    seen = []
    @inbox.on("*") do |event, tx|
      seen << (commits - before)
      write(event, tx)
    end
    assert_equal [:handled] * 134, statuses
    # Behind the claim and the commit of the first event and the claim of two more: 2, 4, 8, 16, 32, 64 and the last 7.
    assert_equal({ 1 => 1, 3 => 2, 4 => 4, 5 => 8, 6 => 16, 7 => 32, 8 => 64, 9 => 7 }, seen.tally)
  end

  # Another thread that claims beside the commit finds it leased still.
  def test_a_job_whose_verdict_is_being_committed_is_not_handed_out_again
    @inbox.on("*") { nil }
    receive(2)
    keeper = Knocker::LeaseKeeper.new(@hooks.database, "worker", 60, @hooks.endpoints, ->(*) {})
    job = keeper.take(0)
    other = keeper.settling([job.id]) { keeper.take(0) }
    refute_equal job.id, other.id
    refute_predicate keeper, :ready?
  ensure
    keeper.release
    keeper.close
  end

  # As a handler that calls an API: others write meanwhile, and what was done before it is committed.
  def test_a_handler_that_becomes_slow_before_it_uses_tx_holds_no_lock
    open_live
    slow = Thread::Queue.new
    written = Thread::Queue.new
    committed = []
    @inbox.on("*") do |event, tx|
      if event.id == 6
        slow.push(true)
        Timeout.timeout(PATIENCE_S) { written.pop }
        committed << ended
      end
      write(event, tx)
    end
    receive(7)
    writer = Thread.new do
      slow.pop
      @hooks.database.rows("INSERT INTO orders VALUES ('another')")
      written.push(true)
    end
    assert_equal [:handled] * 7, statuses
    writer.join
    assert_equal [5], committed
    assert_equal %w[1 2 3 4 5 another 6 7], orders
  end

  def test_verdicts_that_wait_are_committed_beside_a_slow_handler_too
    open_live
    slow = Thread::Queue.new
    seen = Thread::Queue.new
    @inbox.on("quiet") { nil }
    @inbox.on("slow") do |event|
      slow.push(true) && seen.pop if event.id == 6
    end
    receive(1, type: "slow")
    receive(4, type: "quiet")
    receive(1, type: "slow")
    looking = Thread.new do
      slow.pop
      wait_until("the others' verdicts") { ended == 5 }
      seen.push(true)
    end
    assert_equal [:handled] * 6, statuses
    looking.join
  end

  def test_a_slow_type_is_committed_alone_until_it_is_quick_again
    seen = []
    @inbox.on("*") do |event, tx|
      write(event, tx)
      @clock.advance((MOST_MS / 1000) + 0.001) if event.type == "slow"
      seen << [event.type, ended]
    end
    8.times { %w[slow quick].each { |type| receive(1, type: type) } }
    statuses
    # Whoever runs slow sees all of those before, and so does who comes after it.
    assert_equal((0...8).flat_map { |n| [["slow", 2 * n], ["quick", (2 * n) + 1]] }, seen)
  end

  def test_handlers_that_do_not_use_tx_never_run_while_others_hold_the_lock
    free = 0
    @inbox.on("elsewhere") do |event|
      other = SQLite3::Database.new(@path)
      other.execute("INSERT INTO orders VALUES (?)", [event.id.to_s])
      free += 1
    ensure
      other.close
    end
    @inbox.on("inside") { |event, tx| write(event, tx) }
    20.times { %w[inside elsewhere].each { |type| receive(1, type: type) } }
    assert_equal [:handled], statuses.uniq
    assert_equal 20, free
  end

  # The gem runs several statements of one text, of which the guards see the first.
  ["SELECT 1; COMMIT", "SELECT 1; ROLLBACK", "SELECT 1; COMMIT; BEGIN IMMEDIATE", "SELECT 1; RELEASE knocker_attempt"].each do |ending|
    define_method("test_a_transaction_ended_by_#{ending.tr(" ;", "_")}_costs_nobody_else_anything") do
      @inbox.on("*") do |event, tx|
        tx.execute_batch2(ending) if event.id == 6
        write(event, tx)
      end
      receive(7)
      results = statuses
      assert_equal [:handled] * 6, results[0, 5] + results[6..]
      refute_equal :handled, results[5]
      assert_equal %w[1 2 3 4 5 7], orders - ["6"]
      assert_equal [:handled], @hooks.attempts(event_id: 5).map(&:result)
    end
  end

  def test_a_savepoint_of_the_worker_s_name_behind_another_statement_keeps_nothing_of_a_handler_that_fails
    @inbox.on("*") do |event, tx|
      write(event, tx)
      next unless event.id == 6

      tx.execute_batch2("SELECT 1; SAVEPOINT knocker_attempt")
      raise "after it"
    end
    receive(7)
    assert_equal ([:handled] * 5) + %i[failed handled], statuses
    assert_equal %w[1 2 3 4 5 7], orders
  end

  def test_a_commit_that_fails_makes_nothing_count_and_is_the_failure_of_its_culprit_alone
    @hooks.database.rows("CREATE TABLE lines (of TEXT REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)")
    calls = Hash.new(0)
    told = []
    @inbox.on("*") do |event, tx|
      calls[event.id] += 1
      write(event, tx)
      tx.execute("INSERT INTO lines VALUES ('of none')") if event.id == 5
    end
    receive(7)
    worker = @hooks.worker(on_error: ->(_, event) { told << event.id })
    assert_equal %i[handled handled handled handled failed handled handled], worker.drain.map(&:last)
    assert_equal %w[1 2 3 4 6 7], orders
    assert_equal [5], told
    # 4 to 7 shared the commit that failed.
    assert_equal({ 1 => 1, 2 => 1, 3 => 1, 4 => 2, 5 => 2, 6 => 2, 7 => 2 }, calls)
    assert_equal [1] * 7, @hooks.events.map(&:attempts)
  end

  # As on a disk that is full: the commit before an attempt finds out, and what comes after it is neither lost nor held for good.
  def test_an_attempt_behind_a_verdict_that_cannot_be_written_is_committed
    @hooks.database.rows("CREATE TRIGGER full BEFORE INSERT ON _knocker_attempts WHEN NEW.event_id = 4 BEGIN SELECT RAISE(FAIL, 'full'); END")
    # They are claimed as 1, 2 and 4. Three take longer than a transaction stays open, so the third of those comes after the commit of the two before.
    @inbox.on("*") { @clock.advance(0.015) }
    receive(7)
    assert_equal (1..7).map { |id| [id, id == 4 ? :unwritten : :handled] }, @hooks.worker.drain.map { |event, status| [event.id, status] }.sort
  end

  def test_stopping_commits_what_was_done
    worker = @hooks.worker
    @inbox.on("*") do |event, tx|
      write(event, tx)
      worker.stop if event.id == 6
    end
    receive(20)
    worker.run
    assert_equal (1..6).map(&:to_s), orders
    assert_equal [6, 14], [@hooks.stats.events.handled, @hooks.stats.events.received]
    assert_empty @hooks.attempts.reject { |attempt| attempt.result == :handled }
  end

  def test_a_drain_at_its_limit_commits_what_was_done
    @inbox.on("*") { |event, tx| write(event, tx) }
    receive(10)
    assert_raises(Knocker::UsageError) { drain(@hooks, limit: 6) }
    assert_equal [(1..6).map(&:to_s), 6], [orders, ended]
    assert_equal [:handled] * 4, statuses
  end

  # The commit of a verdict that asks for another attempt at once claims that attempt too.
  def test_an_attempt_that_is_due_at_once_is_not_left_to_its_lease
    @inbox.on("*") do |event, tx|
      raise Knocker::Retry.new(after: 0) if event.id == 3 && event.attempt == 1

      write(event, tx)
    end
    receive(3)
    assert_equal %i[handled handled failed handled], drain(@hooks).map(&:status)
  end

  def test_a_handler_that_ends_its_thread_takes_nothing_of_the_others_with_it
    @inbox.on("*") do |event, tx|
      write(event, tx)
      Thread.exit if event.id == 6
    end
    receive(7)
    worker = @hooks.start_worker
    wait_until("the others") { ended == 6 }
    worker.stop
    assert_equal %w[1 2 3 4 5 7], orders
    refute_equal :handled, @hooks.event(6).status
  end

  def test_a_signal_that_ends_a_drain_takes_nothing_of_the_others_with_it
    @inbox.on("*") do |event, tx|
      write(event, tx)
      raise Interrupt if event.id == 6
    end
    receive(7)
    assert_raises(Interrupt) { drain(@hooks) }
    assert_equal (1..5).map(&:to_s), orders
    assert_equal [[:received, 0]] * 2, @hooks.events.to_a.last(2).map { |event| [event.status, event.attempts] }
  end

  # The transaction is the parent's.
  def test_a_child_that_is_forked_in_a_handler_touches_nothing_of_the_others
    said = nil
    @inbox.on("*") do |event, tx|
      said = in_child { @inbox.ingest("{}", valid: true) } if event.id == 6
      write(event, tx)
    end
    receive(7)
    assert_equal [:handled] * 7, statuses
    assert_includes said.join, "Knocker::ForkedError"
    assert_equal (1..7).map(&:to_s), orders
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end

  # Leases are extended while the attempts of a commit are told of, one after the other.
  def test_leases_that_a_commit_has_ended_are_not_lost
    told = Thread::Queue.new
    worker = nil
    on_error = lambda do |*|
      worker.instance_variable_get(:@keeper).extend
      told.push(true)
    end
    worker = @hooks.worker(on_error: on_error)
    @inbox.on("*") do |event, tx|
      tx.execute("SELECT 1")
      raise "broken" if event.id == 12
    end
    receive(20)
    worker.start
    told.pop
    worker.stop
    refute_includes @log.string, "is lost"
  end

  def test_another_writer_gets_its_turn_between_the_commits_of_a_backlog
    @hooks.database.rows("DROP TABLE orders")
    @hooks.database.rows("CREATE TABLE orders (id TEXT)")
    @inbox.on("*") { |event, tx| write(event, tx) }
    receive(300)
    worker = @hooks.start_worker
    written = 0
    until @hooks.stats.events.handled == 300
      @hooks.database.rows("INSERT INTO orders VALUES ('another')")
      written += 1
    end
    worker.stop
    assert_equal written, orders.count("another")
    assert_equal 300 + written, orders.size
  end

  def test_it_can_be_turned_off_and_only_with_a_flag
    error = assert_raises(Knocker::UsageError) { @hooks.worker(share_commits: "no") }
    assert_includes error.message, 'share_commits must be true or false, not "no"'
  end
end

# What is to be expected of a type.
class PaceTest < KnockerTest
  EVENT = Struct.new(:endpoint, :type)

  def run_of(took_ms, begun_after_ms = nil, **how) = Knocker::Run.new(took_ms, begun_after_ms, **how)

  def test_it_is_unknown_before_the_first_run_and_notices_slowness_at_once
    paces = Knocker::Paces.new(nil)
    event = EVENT.new("inbox", "a")
    assert_nil paces.of(event)
    paces.note(event, run_of(0.3, 0.1))
    assert_equal [0.3, 0, false], [paces.of(event).expected_ms, paces.of(event).unused, paces.of(event).apart?]
    paces.note(event, run_of(50.0, 0.1))
    assert_in_delta 50.0, paces.of(event).expected_ms
    10.times { paces.note(event, run_of(0.3, 0.1)) }
    assert_operator paces.of(event).expected_ms, :<, Knocker::SharedCommit::MOST_MS
  end

  def test_a_type_uses_tx_where_it_sometimes_does_and_soon
    pace = Knocker::Pace.new(0.0, 0)
    assert_predicate pace, :uses_tx?
    assert_predicate pace.after(run_of(0.1)), :uses_tx?
    assert_equal 0, pace.after(run_of(0.1, raised: true)).unused
    refute_predicate pace.after(run_of(9.0, 8.0)), :uses_tx?
    refute_predicate 8.times.inject(pace) { |before, _| before.after(run_of(0.1)) }, :uses_tx?
  end

  def test_what_is_known_of_types_is_bounded
    paces = Knocker::Paces.new(nil)
    1500.times { |number| paces.note(EVENT.new("inbox", "type-#{number}"), run_of(0.1, 0.0)) }
    assert_nil paces.of(EVENT.new("inbox", "type-0"))
    refute_nil paces.of(EVENT.new("inbox", "type-1499"))
  end
end
