# frozen_string_literal: true

require "test_helper"

# Hooks in a process that forks, as puma does with preload_app!.
class ForkTest < KnockerTest
  def test_parent_and_child_go_on_with_the_hooks_that_were_opened_before
    inbox = open_inbox
    ingest(inbox, "before")
    assert_equal [:returned, 2], in_child { ingest(inbox, "child") }
    assert_equal 3, ingest(inbox, "parent")
    assert_equal %w[before child parent], @hooks.events.map(&:key)
  end

  def test_nothing_is_open_while_the_process_forks
    inbox = open_inbox
    ingest(inbox)
    descriptors = -> { Dir.children("/proc/self/fd").filter_map { |fd| File.readlink("/proc/self/fd/#{fd}") rescue nil }.grep(/app\.db/) } # rubocop:disable Style/RescueModifier
    refute_empty descriptors.call
    assert_equal [:returned, []], in_child { descriptors.call }
  end

  def test_forks_beside_receiving_threads_lose_nothing
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    stop = false
    threads = Array.new(4) do |n|
      Thread.new do
        keys = []
        ingest(inbox, keys.push("#{n}-#{keys.size}").last) until stop
        keys
      end
    end
    children = Array.new(8) { |n| in_child { ingest(inbox, "child-#{n}") } }
    stop = true
    expected = threads.flat_map(&:value) + Array.new(8) { |n| "child-#{n}" }
    assert_equal [:returned], children.map(&:first).uniq
    assert_equal expected.sort, @hooks.events.map(&:key).sort
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end

  def test_each_child_works_on_its_own
    inbox = open_inbox
    inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
    2.times do |n|
      ingest(inbox, n.to_s)
      assert_equal [:returned, [:handled]], in_child { statuses }
    end
    assert_equal %w[0 1], orders
  end

  def test_a_child_of_a_process_with_a_running_worker_goes_on_without_it
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    parent = Process.pid
    inbox.on("*") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", ["#{event.key} in #{Process.pid}"]) }
    worker = @hooks.start_worker(concurrency: 2)
    keys = ["before"]
    ingest(inbox, "before")
    8.times do |child|
      mine = Array.new(5) { |n| "#{child}-#{n}" }
      keys.concat(mine)
      assert_equal [:returned, [false, nil]], in_child { mine.each { |key| ingest(inbox, key) } && [worker.running?, @hooks.close] }
    end
    assert_predicate worker, :running?
    wait_until("the orders") { orders.size == keys.size }
    assert_equal keys.map { |key| "#{key} in #{parent}" }.sort, orders.sort
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
    worker.stop
  end

  def test_a_child_may_start_a_worker_of_its_own_beside_its_parents
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
    # The parent's has no handlers for it, and claims none of its events.
    of_child = @hooks.endpoint("of-child")
    worker = @hooks.start_worker
    result = in_child do
      handled = Queue.new
      of_child.on("*") { |event| handled.push(event.key) }
      own = @hooks.start_worker
      ingest(of_child, "1")
      handled.pop.tap { own.stop }
    end
    assert_equal [:returned, "1"], result
    worker.stop
  end

  def test_a_child_of_a_process_whose_handler_does_not_end_is_told_what_to_do
    inbox = open_inbox(busy_timeout_s: 0.1)
    entered = Queue.new
    leave = Queue.new
    inbox.on("order") { entered.push(true) && leave.pop }
    ingest(inbox)
    worker = @hooks.start_worker
    entered.pop
    [-> { ingest(inbox) }, -> { @hooks.stats }, -> { @hooks.start_worker }, -> { @hooks.database.connect }].each do |use|
      kind, said = in_child(&use)
      assert_equal :raised, kind
      assert_includes said, "Knocker::ForkedError: forked: a handler"
    end
    leave.close
    # Neither the parent nor its worker notice.
    wait_until("the event") { @hooks.stats.events.handled == 1 }
    assert_equal [:returned, 2], in_child { ingest(inbox, "2") }
    worker.stop
  end

  def test_a_handler_that_forks_does_not_wait_for_itself
    inbox = open_inbox(busy_timeout_s: PATIENCE_S * 10)
    said = Queue.new
    inbox.on("order") { said.push(in_child { @hooks.stats }) }
    ingest(inbox)
    worker = @hooks.start_worker
    kind, error = Timeout.timeout(PATIENCE_S) { said.pop }
    assert_equal :raised, kind
    assert_includes error, "Knocker::ForkedError"
    wait_until("the event") { @hooks.stats.events.handled == 1 }
    worker.stop
  end

  def test_a_process_that_becomes_a_daemon_goes_on_with_its_hooks_and_its_worker
    result = in_child do
      hooks = Knocker.open(@path, busy_timeout_s: PATIENCE_S)
      inbox = hooks.endpoint("inbox")
      handled = Queue.new
      inbox.on("*") { |event| handled.push([event.key, Process.pid]) }
      worker = hooks.start_worker
      before = Process.pid
      ingest(inbox, "before")
      handled.pop
      Process.daemon(true, true)
      ingest(inbox, "after")
      key, by = handled.pop
      [before == Process.pid, key, by == Process.pid, worker.running?].tap { worker.stop }
    end
    assert_equal [:returned, [false, "after", true, true]], result
  end

  def test_a_daemon_waits_for_a_handler_however_long_that_takes
    result = in_child do
      log = StringIO.new
      hooks = Knocker.open(@path, busy_timeout_s: 0.01, logger: Logger.new(log))
      inbox = hooks.endpoint("inbox")
      entered = Queue.new
      leave = Queue.new
      handled = Queue.new
      inbox.on("*") do |event|
        entered.push(true)
        leave.pop if event.key == "before"
        handled.push([event.key, Process.pid])
      end
      worker = hooks.start_worker
      before = Process.pid
      ingest(inbox, "before")
      entered.pop
      Thread.new do
        wait_until("the warning") { log.string.include?("Process.daemon waits") }
        leave.push(true)
      end
      Process.daemon(true, true)
      ingest(inbox, "after")
      seen = [handled.pop, handled.pop].map { |key, by| [key, by == before] }
      [seen, worker.running?].tap { worker.stop }
    end
    assert_equal [:returned, [[["before", true], ["after", false]], true]], result
  end

  def test_a_fork_in_a_trap_goes_by_and_its_child_is_refused
    inbox = open_inbox
    ingest(inbox)
    said = Queue.new
    before = trap("USR2") do
      reader, writer = IO.pipe
      child = fork do
        # A trap has no locks, a thread has.
        writer.write(Thread.new { assert_raises(Knocker::ForkedError) { ingest(inbox) } }.value.class.name)
        exit!(0)
      end
      writer.close
      said.push(reader.read)
      Process.wait(child)
    end
    Process.kill("USR2", Process.pid)
    assert_equal "Knocker::ForkedError", Timeout.timeout(PATIENCE_S) { said.pop }
    assert_equal 2, ingest(inbox, "2")
  ensure
    trap("USR2", before || "DEFAULT")
  end

  def test_a_fork_that_the_system_refuses_leaves_the_worker_running
    inbox = open_inbox
    inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
    worker = @hooks.start_worker
    assert_raises(Errno::EAGAIN) { Knocker::Forks.around_fork { raise Errno::EAGAIN } }
    ingest(inbox, "after")
    wait_until("the order") { orders == ["after"] }
    worker.stop
  end

  def test_a_child_may_close_what_it_was_given_and_the_parent_goes_on
    inbox = open_inbox
    ingest(inbox, "1")
    assert_equal [:returned, nil], in_child { @hooks.close }
    ingest(inbox, "2")
    assert_equal 2, @hooks.events.count
  end

  def test_grandchildren_too
    inbox = open_inbox
    assert_equal [:returned, [:returned, 1]], in_child { in_child { ingest(inbox) } }
    assert_equal 2, ingest(inbox, "2")
  end
end
