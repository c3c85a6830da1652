# frozen_string_literal: true

require "test_helper"

# Reading and acting on what is stored.
class OperateTest < KnockerTest
  def setup
    super
    @inbox = open_inbox
  end

  def fill(count, type: "order")
    count.times do |n|
      ingest(@inbox, "#{type}-#{n}", type: type)
      @clock.advance(1)
    end
  end

  def test_lists_are_enumerators_that_read_a_page_at_a_time
    fill(250)
    events = @hooks.events
    assert_kind_of Enumerator, events
    assert_equal (1..250).to_a, events.map(&:id)
    assert_equal [1, 2, 3], events.first(3).map(&:id)
    assert_equal [250, 249], @hooks.events(newest_first: true).lazy.map(&:id).first(2)
    assert_equal 120, @hooks.events(limit: 120).count
  end

  def test_a_cursor_goes_on_in_either_direction
    fill(5)
    assert_equal [4, 5], @hooks.events(after: 3).map(&:id)
    assert_equal [2, 1], @hooks.events(after: 3, newest_first: true).map(&:id)
    assert_equal [4], @hooks.events(after: 3, limit: 1).map(&:id)
  end

  def test_filters_by_keyword
    fill(3, type: "order.paid")
    fill(2, type: "refund")
    since = Time.at(0, START_MS + 2000, :millisecond)
    assert_equal [3, 4, 5], @hooks.events(since: since).map(&:id)
    assert_equal [1, 2], @hooks.events(until: since).map(&:id)
    assert_equal 3, @hooks.events(type: "order.*").count
    assert_equal [2], @hooks.events(key: "order.paid-1").map(&:id)
    drain(@hooks)
    assert_equal 0, @hooks.events(status: %i[handled dead]).count
    assert_equal 5, @hooks.events(status: "received", endpoint: :inbox).count
    assert_nil @hooks.events.first.body
    assert_equal "{}", @hooks.events(with_body: true).first.body
  end

  def test_lists_by_a_time_page_as_they_do_without
    # A second each, but for a stretch in which the clock was set back.
    130.times do |n|
      ingest(@inbox, "order-#{n}")
      @clock.advance(n == 100 ? -90 : 1)
    end
    times = @hooks.events.to_h { |event| [event.id, (event.received_at.to_r * 1000).to_i] }
    moments = [nil, *[0, 3, 50, 91, 131].map { |second| START_MS + (1000 * second) }]
    moments.product(moments, [nil, 7, 60], [false, true]) do |since, till, after, newest_first|
      met = times.select { |_, at| (since.nil? || at >= since) && (till.nil? || at < till) }.keys
      met.select! { |id| newest_first ? id < after : id > after } unless after.nil?
      listed = @hooks.events(since: since, until: till, after: after, newest_first: newest_first).map(&:id)
      assert_equal newest_first ? met.reverse : met, listed, [since, till, after, newest_first].inspect
    end
  end

  def test_what_no_row_can_match_is_refused_where_the_list_is_made
    assert_includes assert_raises(Knocker::UsageError) { @hooks.events(status: :handeld) }.message, "handled"
    assert_includes assert_raises(Knocker::UnknownEndpointError) { @hooks.events(endpoint: "inbx") }.message, "inbox"
    assert_raises(Knocker::UsageError) { @hooks.events(type: "a*") }
    assert_raises(Knocker::UsageError) { @hooks.events(limit: -1) }
    assert_raises(ArgumentError) { @hooks.events(statsu: :dead) }
    assert_raises(Knocker::UsageError) { @hooks.event(nil) }
    assert_raises(Knocker::UnknownEventError) { @hooks.event(7) }
    assert_raises(Knocker::UsageError) { @hooks.requeue_where(statsu: :dead) }
    assert_raises(Knocker::UsageError) { @hooks.event_deliveries }
  end

  def test_a_dead_event_comes_back
    failing = true
    @inbox.on("order") { raise Knocker::Dead, "no such customer" if failing }
    ingest(@inbox)
    assert_equal [:dead], statuses
    assert_raises(Knocker::UnknownEventError) { @hooks.requeue(7) }
    failing = false
    assert_equal [:received, true], @hooks.requeue(1).then { |done| [done.status, done.changed] }
    assert_equal [:handled], statuses
    assert_raises(Knocker::BadStateError) { @hooks.requeue(1) }
    assert_equal %i[dead handled], @hooks.attempts(event_id: 1).map(&:result)
  end

  def test_many_at_once_and_what_a_dry_run_tells
    @inbox.on("order") { raise Knocker::Dead }
    fill(4)
    drain(@hooks)
    assert_equal [4, 0], @hooks.requeue_where(status: :dead, dry_run: true).then { |told| [told.matched, told.changed] }
    assert_equal 4, @hooks.requeue_where(status: :dead, type: "order").changed
  end

  def test_stats_tell_what_waits
    fill(2)
    stats = @hooks.stats
    assert_equal [2, 2000], [stats.events.received, stats.oldest_waiting_ms]
    assert_equal 2, stats.last_hour.receipts
  end
end
