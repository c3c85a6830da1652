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

  def test_a_child_of_a_process_with_a_worker_is_refused_and_told_why
    inbox = open_inbox
    inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
    worker = @hooks.start_worker
    kind, said = in_child { ingest(inbox) }
    assert_equal :raised, kind
    assert_includes said, "Knocker::ForkedError"
    assert_includes said, "a worker was using"
    # Neither the parent nor its worker notice.
    ingest(inbox, "parent")
    wait_until("the order") { orders == ["parent"] }
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
