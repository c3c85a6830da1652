# frozen_string_literal: true

require "test_helper"

# Other writers beside a worker with a backlog: when the write lock is left to them, and for how long.
class GivingWayTest < KnockerTest
  def setup
    super
    @inbox = open_inbox
    @hooks.database.rows("CREATE TABLE notes (text TEXT)")
    # Another program's connection, which does not wait.
    @other = SQLite3::Database.new(@path)
    @pauses = []
    @held = []
  end

  def teardown
    @other.close
    super
  end

  # Raises where the lock is held.
  def write_beside
    @other.transaction(:immediate) { @other.execute("INSERT INTO notes VALUES ('other')") }
  end

  # A worker whose pauses are noted. Handlers hold the lock for so long by the test's clock, and what the block does comes before.
  def work_off(total, held_s: 0.02, **settings)
    @inbox.on("*") do |event, tx|
      yield event.id if block_given?
      tx.execute("INSERT INTO orders VALUES (?)", [event.id.to_s])
      @clock.advance(held_s)
    end
    total.times { @inbox.ingest("{}", valid: true, type: "order") }
    worker = @hooks.worker(share_commits: false, **settings)
    record_pauses(worker)
    worker.start
    wait_until("the end of the backlog") { @hooks.stats.events.handled == total && worker.idle? }
    @keep.close
    worker.stop
    assert_empty @held unless settings.key?(:concurrency)
  end

  def record_pauses(worker)
    note = method(:note_pause)
    kept = @kept = Thread::Queue.new
    keep = @keep = Thread::Queue.new
    worker.instance_variable_get(:@stopping).define_singleton_method(:wait_for) do |seconds|
      if seconds < 1
        note.call(seconds)
      else
        # Of the thread that extends leases, which does so when the test says it.
        kept.push(true)
        return set? if keep.pop
      end
      super(seconds)
    end
  end

  # Has the worker extend its leases, and waits until that is done.
  def extend_leases
    @kept.pop
    @keep.push(true)
    @kept.pop
  end

  # The lock is to be free meanwhile, but for what other threads of the worker do.
  def note_pause(seconds)
    @pauses << (seconds * 1000).round(3)
    @other.transaction(:immediate) { nil }
  rescue SQLite3::BusyException => e
    @held << e
  end

  def test_a_part_of_the_time_is_left_to_whoever_may_wait
    work_off(3)
    assert_equal [2.0] * 3, @pauses
  end

  def test_others_that_write_get_turns_as_long_as_between_two_looks_of_theirs
    work_off(10) { |event_id| write_beside if event_id == 1 }
    assert_equal [2.0, 25.0, 25.0, 25.0], @pauses
  end

  def test_others_are_forgotten_that_have_not_written_for_a_while
    work_off(6) do |event_id|
      write_beside if event_id == 1
      @clock.advance(10) if event_id == 5
    end
    assert_equal [2.0, 25.0, 2.0, 2.0], @pauses
  end

  # What each claim commits, and what ran before it, is the worker's own.
  def test_the_worker_is_none_of_the_others
    work_off(40)
    assert_equal [2.0] * 40, @pauses
  end

  def test_the_extension_of_its_leases_is_the_workers_own
    work_off(6) { |event_id| extend_leases if event_id == 2 }
    assert_equal [2.0] * 6, @pauses
  end

  def test_threads_of_a_worker_are_none_of_the_others_for_each_other
    work_off(60, concurrency: 3)
    assert_operator @pauses.max, :<=, 5.0
  end

  # Those have room for one of them alone, so that the commit of each is followed at once by the handlers of the next.
  def test_the_lock_is_free_meanwhile_where_commits_are_shared
    work_off(40, held_s: 0.012, share_commits: true)
    assert_operator @pauses.size, :>, 3
  end
end
