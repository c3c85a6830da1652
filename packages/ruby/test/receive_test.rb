# frozen_string_literal: true

require "test_helper"

# Receipts from many threads, and what becomes of each.
class ReceiveTest < KnockerTest
  # The commits of the connections that are opened from here on.
  def counting_commits(hooks)
    commits = Thread::Queue.new
    hooks.database.define_singleton_method(:open) do |**settings|
      super(**settings).tap do |connection|
        connection.define_singleton_method(:exec) do |sql|
          super(sql)
          commits.push(sql) if sql == "COMMIT"
        end
      end
    end
    commits
  end

  # Runs the block while another connection holds the write lock, and gives it back when all threads that it made wait.
  def while_locked
    other = SQLite3::Database.new(@path)
    other.execute("BEGIN IMMEDIATE")
    threads = yield
    wait_until("all of them") { threads.all?(&:stop?) }
    other.execute("ROLLBACK")
    other.close
    threads.map(&:value)
  end

  def test_a_signed_request_becomes_an_event_once
    hooks = open_hooks
    github = hooks.endpoint("github", provider: "github", secrets: ["test-secret"])
    request = sign("github", { ref: "main" }, "test-secret", headers: { "X-GitHub-Event" => "push", "X-GitHub-Delivery" => "7" }, now: @clock.call)
    first = github.receive(request)
    again = github.receive(request)
    assert_equal %i[accepted duplicate], [first.outcome, again.outcome]
    assert_equal [first.event_id], hooks.events.map(&:id)
    assert_equal '{"ref":"main"}'.b, hooks.event(first.event_id).body
  end

  def test_callers_that_wait_together_share_one_commit
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    commits = counting_commits(@hooks)
    receipts = while_locked { Array.new(20) { |n| Thread.new { inbox.ingest("{}", valid: true, key: n.to_s) } } }
    assert_equal (1..20).to_a, receipts.map(&:event_id).sort
    # How many are shared depends on who came first: a thread that waits may wait for something else.
    assert_operator commits.size, :<, receipts.size
  end

  def test_an_error_in_a_shared_commit_is_its_callers_alone
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    answers = while_locked do
      threads = Array.new(5) { |n| Thread.new { inbox.ingest("{}", valid: true, key: n.to_s).outcome } }
      threads << Thread.new do
        @hooks.database.writer.call("knocker_store", "inbox", "no judgement".b)
      rescue Knocker::Error => e
        e.code
      end
    end
    assert_equal ([:accepted] * 5) + ["invalid_argument"], answers
  end

  def test_waiting_for_the_write_lock_leaves_the_interpreter_to_other_threads
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    # The lock is given back by another thread of this process, which could not run where the wait held the interpreter.
    assert_equal [:accepted], while_locked { [Thread.new { inbox.ingest("{}", valid: true).outcome }] }
  end

  def test_a_lock_that_nobody_gives_back_is_an_error_that_may_pass
    inbox = open_inbox(busy_timeout_s: 0.05)
    other = SQLite3::Database.new(@path)
    other.execute("BEGIN IMMEDIATE")
    error = assert_raises(Knocker::BusyError) { inbox.ingest("{}", valid: true) }
    assert_predicate error, :retryable?
    other.close
    assert_equal :accepted, inbox.ingest("{}", valid: true).outcome
    assert_equal 1, @hooks.events.count
  end

  def test_each_waits_for_its_own_time_alone
    inbox = open_inbox(busy_timeout_s: 0.3)
    other = SQLite3::Database.new(@path)
    other.execute("BEGIN IMMEDIATE")
    callers = Array.new(6) do
      Thread.new do
        inbox.ingest("{}", valid: true)
      rescue Knocker::BusyError => e
        e
      end
    end
    errors = callers.map(&:value)
    assert_equal [Knocker::BusyError] * 6, errors.map(&:class)
    assert_equal 6, errors.map(&:object_id).uniq.size, "an error of its own for each"
    other.close
  end

  def test_a_caller_that_is_killed_holds_up_nobody
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    answers = while_locked do
      # The first leads, the others wait for it.
      threads = Array.new(6) do |n|
        Thread.new { inbox.ingest("{}", valid: true, key: n.to_s).outcome }.tap { |thread| wait_until("it") { thread.stop? } }
      end
      threads[1].kill
      threads[2].raise(Timeout::Error)
      threads[2].report_on_exception = false
      wait_until("their end") { !threads[1].alive? && !threads[2].alive? }
      threads - threads[1, 2]
    end
    assert_equal [:accepted] * 4, answers
    assert_equal 4, @hooks.events.count
    assert_equal :accepted, inbox.ingest("{}", valid: true, key: "after").outcome
  end

  def test_a_leader_that_is_killed_comes_to_its_end_first
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    leader = nil
    while_locked do
      leader = Thread.new { inbox.ingest("{}", valid: true, key: "leader") }
      wait_until("the leader") { leader.stop? }
      leader.kill
      [Thread.new { inbox.ingest("{}", valid: true, key: "follower") }]
    end
    leader.join
    assert_equal %w[follower leader], @hooks.events.map(&:key).sort
  end

  # Memory that runs out, say, or a stack that is as deep as it goes: it meets whoever leads, and the others as well.
  def test_a_leader_whose_commit_fails_beyond_all_errors_leaves_nobody_waiting
    inbox = open_inbox(busy_timeout_s: PATIENCE_S)
    failing = true
    @hooks.database.define_singleton_method(:open) do |**settings|
      super(**settings).tap do |connection|
        connection.define_singleton_method(:exec) do |sql|
          raise NoMemoryError if sql == "COMMIT" && failing

          super(sql)
        end
      end
    end
    @hooks.database.writer.disconnect
    answers = while_locked do
      Array.new(5) do |n|
        Thread.new do
          ingest(inbox, n.to_s)
        rescue NoMemoryError, Knocker::Error => e
          e.class
        end
      end
    end
    # The first one was alone, and needed no commit of a group.
    assert_equal [Knocker::IoError, NoMemoryError], answers.grep(Class).uniq.sort_by(&:name)
    assert_equal answers.grep(Integer).size, @hooks.events.count
    failing = false
    assert_kind_of Integer, ingest(inbox, "after")
  end

  def test_a_thread_that_is_killed_while_it_opens_a_connection_leaves_none_open
    inbox = open_inbox
    opened = Thread::Queue.new
    go = Thread::Queue.new
    @hooks.database.define_singleton_method(:open) { |**settings| super(**settings).tap { |connection| opened.push(connection) && go.pop } }
    # What is idle is in use here, so that the threads open others.
    kept = @hooks.database.connection do
      [-> { ingest(inbox) }, -> { @hooks.stats }].map do |use|
        thread = Thread.new(&use)
        connection = opened.pop
        thread.kill
        go.push(true)
        thread.join
        connection
      end
    end
    @hooks.close
    assert(kept.all? { |connection| connection.db.closed? })
  end

  def test_settings_that_another_process_changes_count_at_once
    inbox = open_inbox
    assert_equal :accepted, inbox.ingest("{}", valid: true).outcome
    other = Knocker.open(@path, clock: @clock, logger: false)
    other.update_endpoint("inbox", enabled: false)
    other.close
    assert_equal :disabled, inbox.ingest("{}", valid: true).outcome
  end

  def test_closed_hooks_refuse
    inbox = open_inbox
    @hooks.close
    assert_raises(Knocker::ClosedError) { inbox.ingest("{}", valid: true) }
    assert_raises(Knocker::ClosedError) { @hooks.stats }
    @hooks.close
  end

  def test_mistakes_are_named_where_they_are_made
    hooks = open_hooks
    assert_raises(Knocker::UsageError) { Knocker::WebhookRequest.new(nil) }
    assert_raises(Knocker::UsageError) { hooks.endpoint("a", provider: "github") }
    assert_raises(Knocker::UsageError) { hooks.endpoint("a", provider: "github", secrets: [""]) }
    assert_raises(Knocker::UsageError) { hooks.endpoint("a", provider: "github", secrets: [nil]) }
    assert_raises(Knocker::UsageError) { hooks.endpoint("a", max_atempts: 3) }
    assert_raises(Knocker::UnknownProviderError) { hooks.endpoint("a", provider: "githup", secrets: "s") }
    assert_raises(Knocker::UnknownEndpointError) { hooks.existing_endpoint("a") }
    endpoint = hooks.endpoint("a")
    assert_raises(Knocker::UsageError) { hooks.endpoint("a") }
    assert_raises(ArgumentError) { endpoint.ingest("{}") }
    assert_raises(Knocker::UsageError) { endpoint.on { |_event, _tx| nil } }
    assert_raises(Knocker::UsageError) { endpoint.on("a*b") { |_event, _tx| nil } }
    assert_raises(Knocker::UsageError) { endpoint.on("order", ->(event) { event }) }
    assert_raises(Knocker::UsageError) { endpoint.on("order", 7) }
  end

  def test_what_is_of_another_kind_is_refused_with_words
    inbox = open_inbox
    [
      -> { Knocker.open(nil) }, -> { Knocker.open(1) }, -> { Knocker.open("a\0b") }, -> { Knocker.open(@path, clock: 5) },
      -> { inbox.receive(nil) }, -> { inbox.receive("{}") }, -> { inbox.receive(Knocker::WebhookRequest.new("", headers: nil)) },
      -> { inbox.ingest("", valid: true, headers: 1) }, -> { Knocker::Headers.new(nil) }, -> { Knocker::Retry.new(after: Float::NAN) },
      -> { @hooks.retention("inbox", delete_handled_after_s: Float::INFINITY) }, -> { @hooks.update_endpoint("inbox", backoff: 5) }
    ].each { |call| assert_raises(Knocker::UsageError, &call) }
  end

  def test_secrets_are_in_nothing_that_is_shown
    secret = "a-secret-of-this-test"
    hooks = open_hooks
    endpoint = hooks.endpoint("token", provider: "token", secrets: [secret])
    request = Knocker::WebhookRequest.new(secret, headers: { "X-Webhook-Token" => secret })
    receipt = endpoint.receive(request)
    shown = [hooks, endpoint, request, receipt, hooks.delivery(1), Knocker::Headers.new(request.headers)].map(&:inspect).join
    refute_includes shown, secret
    refute_includes @log.string, secret
    # The body is the sender's own.
    refute_includes hooks.database.rows("SELECT headers FROM knocker_deliveries").to_s, secret
  end

  def test_one_line_a_minute_tells_of_refused_requests
    hooks = open_hooks
    endpoint = hooks.endpoint("token", provider: "token", secrets: ["right"])
    3.times { endpoint.receive(Knocker::WebhookRequest.new("{}", headers: { "X-Webhook-Token" => "wrong" })) }
    @clock.advance(60)
    endpoint.receive(Knocker::WebhookRequest.new("{}", headers: { "X-Webhook-Token" => "wrong" }))
    lines = @log.string.lines.grep(/request refused/)
    assert_equal 2, lines.size
    assert_includes lines.last, "2 more since the last warning"
  end
end
