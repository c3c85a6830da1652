# frozen_string_literal: true

require "test_helper"
require "English"

# Handlers that end as no handler should: their event is tried again or dead, and the worker goes on with the next one.
class UnrulyHandlersTest < KnockerTest
  # What reports are made of raises.
  class Mute < StandardError
    def to_s = raise(NoMemoryError)
    def backtrace = exit
  end

  class Nameless < StandardError
    def self.name = raise("none")
    def backtrace = ["\xff\nERROR a line of its own"]
  end

  def setup
    super
    @inbox = open_inbox
    @inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
  end

  # Runs one event by that handler in a worker, and another event after it.
  # @return [EventRecord] the first one
  def beside_an_order(&)
    @inbox.on("unruly", &)
    id = ingest(@inbox, "unruly", type: "unruly")
    worker = @hooks.start_worker
    wait_until("the attempt") { @hooks.event(id).attempts == 1 }
    ingest(@inbox, "next")
    wait_until("the next order") { orders.include?("next") }
    @hooks.event(id)
  ensure
    worker.stop
  end

  def test_whatever_a_handler_raises_is_a_failed_attempt
    {
      Interrupt.new("by a library") => "Interrupt: by a library", SignalException.new("TERM") => "SignalException: SIGTERM",
      SystemExit.new(1, "bye") => "SystemExit: bye", NoMemoryError.new("all used") => "NoMemoryError: all used",
      Mute.new => "UnrulyHandlersTest::Mute", Nameless.new("a") => "UnrulyHandlersTest::Nameless: a"
    }.each_with_index do |(error, said), n|
      @inbox.on("unruly-#{n}") { raise error }
      id = ingest(@inbox, n.to_s, type: "unruly-#{n}")
      worker = @hooks.start_worker
      wait_until(said) { @hooks.attempts(event_id: id).any? }
      assert_equal said, @hooks.attempts(event_id: id).first.error
      worker.stop
    end
    assert(@log.string.lines.all? { |line| line.match?(/\A[A-Z], /) })
  end

  # Nor the rollback, the result and the next event.
  def test_what_a_handler_sets_to_stop_statements_stops_none_of_the_workers
    {
      "authorizer" => ->(tx) { tx.authorizer { 1 } },
      "trace" => ->(tx) { tx.trace { raise "of a trace" } }
    }.each do |name, set|
      @inbox.on(name) do |event, tx|
        tx.execute("INSERT INTO orders VALUES (?)", [event.key])
        set.call(tx)
        raise Knocker::Dead, "after it"
      end
      id = ingest(@inbox, name, type: name)
      ingest(@inbox, "after #{name}")
      drain(@hooks)
      assert_equal [:dead, "after it"], [@hooks.event(id).status, @hooks.event(id).reason]
    end
    assert_equal ["after authorizer", "after trace"], orders
  end

  def test_a_handler_that_ends_its_thread
    event = beside_an_order do |_, tx|
      tx.execute("INSERT INTO orders VALUES ('unruly')")
      Thread.exit
    end
    # The attempt counts when its lease runs out; here the worker has given it back.
    refute_equal :handled, event.status
    assert_equal ["next"], orders
  end

  def test_a_worker_all_of_whose_threads_are_killed_goes_on_and_stops
    worker = @hooks.start_worker(concurrency: 3)
    Thread.list.select { |thread| thread.name&.start_with?("knocker-") }.each(&:kill).each(&:join)
    ingest(@inbox, "1")
    wait_until("the order") { orders == ["1"] }
    worker.stop
    assert_empty(Thread.list.select { |thread| thread.name&.start_with?("knocker-") })
  end

  # The connection and the worker are the parent's: a child that went on with them would write into the parent's transaction.
  def test_a_child_that_comes_out_of_a_handler_ends
    statuses = [-> {}, -> { exit(3) }, -> { raise IOError, "the child's" }, -> { throw(:nowhere) }, -> { Thread.exit }].map do |ending|
      child = nil
      @inbox.on(type = "fork-#{ending.object_id}") do |_, tx|
        tx.execute("INSERT INTO orders VALUES (?)", [type])
        child = fork
        next Process.wait(child) if child

        $stderr.reopen(File::NULL)
        ending.call
      end
      ingest(@inbox, type, type: type)
      assert_equal [:handled], drain(@hooks).map(&:status)
      $CHILD_STATUS.exitstatus
    end
    assert_equal [0, 3, 1, 1, 0], statuses
    assert_equal 5, orders.size
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end

  def test_tx_is_refused_in_a_child
    said = nil
    @inbox.on("fork") do |_, tx|
      tx.execute("INSERT INTO orders VALUES ('parent')")
      said = in_child { tx.execute("INSERT INTO orders VALUES ('child')") }
    end
    ingest(@inbox, type: "fork")
    assert_equal [:handled], statuses
    assert_includes said.join, "Knocker::ForkedError"
    assert_equal ["parent"], orders
  end
end
