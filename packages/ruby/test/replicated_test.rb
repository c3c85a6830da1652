# frozen_string_literal: true

require "test_helper"
require "rack"
require "litestream_socket"

# Receipts that wait until the replica has them; what does not answer like Litestream is 503, and the retry a duplicate.
class ReplicatedTest < KnockerTest
  # Enough for what answers at once, on a machine that is busy with other things.
  TIMEOUT_S = 30

  def setup
    super
    # The path of a socket holds about a hundred bytes.
    @sockets = Dir.mktmpdir("knocker-")
    @socket = File.join(@sockets, "socket")
  end

  def teardown
    super
    @litestream&.stop
    FileUtils.remove_entry(@sockets)
  end

  def litestream = @litestream = LitestreamSocket.new(@socket)

  def replicated_inbox(**settings) = open_inbox(replicated: @socket, replicated_timeout_s: TIMEOUT_S, busy_timeout_s: PATIENCE_S, **settings)

  def test_a_receipt_is_answered_once_the_replica_has_it
    inbox = replicated_inbox
    running = litestream
    running.hold
    receiving = Thread.new { inbox.ingest("{}", valid: true, key: "1") }
    running.wait_for_question
    # It is committed, and nobody has been told.
    assert_equal 1, @hooks.events.count
    assert_predicate receiving, :alive?
    running.release
    assert_equal :accepted, receiving.value.outcome
    assert_equal [{ "path" => @path, "wait" => true, "timeout" => TIMEOUT_S }], running.asked
  end

  def test_those_who_come_together_wait_together
    inbox = replicated_inbox
    running = litestream
    running.hold
    first = Thread.new { inbox.ingest("{}", valid: true, key: "0") }
    running.wait_for_question
    others = Array.new(20) { |n| Thread.new { inbox.ingest("{}", valid: true, key: (n + 1).to_s) } }
    wait_until("all of them") { others.all?(&:stop?) }
    running.release
    assert_equal [:accepted] * 21, [first, *others].map { |thread| thread.value.outcome }
    # How many are shared depends on who came first: a thread that waits may wait for something else.
    assert_operator running.asked.size, :<, 21
    assert_equal 1, running.connections
  end

  def test_what_was_said_twice_is_no_answer_to_the_next_question
    inbox = replicated_inbox
    running = litestream
    running.times = 2
    assert_equal :accepted, inbox.ingest("{}", valid: true, key: "1").outcome
    running.answer = [500, '{"error": "no space left"}']
    running.times = 1
    error = assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "2") }
    assert_match(/no space left/, error.message)
  end

  def test_what_it_says_is_one_line_of_the_message
    inbox = replicated_inbox
    litestream.answer = [500, JSON.generate({ error: "no\r\nspace\e[1m left" })]
    error = assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") }
    assert_match(/500: no space \[1m left/, error.message)
    refute_match(/[[:cntrl:]]/, error.message)
  end

  {
    "it fails" => [500, '{"error": "sync database: no space left"}', /500: sync database: no space left/],
    "it is stopped" => [409, '{"error": "database not open"}', /409: database not open/],
    "it knows nothing of the file" => [404, '{"error": "database not found"}', /404: database not found/],
    "it has synced to its own folder alone" => [200, '{"status": "synced_local", "txid": 9, "replicated_txid": 8}', /200: synced_local/],
    "it has not begun" => [200, '{"status": "no_change", "txid": 0, "replicated_txid": 0}', /200: no_change/],
    "it counts in text" => [200, '{"status": "synced", "txid": 7, "replicated_txid": "7"}', /200: synced/],
    "it counts in nothing" => [200, '{"status": "synced", "txid": 7, "replicated_txid": true}', /200: synced/],
    "it says something else" => [200, '["synced"]', /200: no reason/],
    "it speaks no JSON" => [200, "<html>synced</html>", /cannot be asked/]
  }.each do |what, (status, body, message)|
    define_method(:"test_a_receipt_is_stored_where_#{what.tr(" ", "_")}_and_the_retry_is_a_duplicate") do
      inbox = replicated_inbox
      running = litestream
      running.answer = [status, body]
      error = assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") }
      assert_match message, error.message
      assert_equal ["not_replicated", true], [error.code, error.retryable?]
      running.answer = LitestreamSocket::SYNCED
      assert_equal :duplicate, inbox.ingest("{}", valid: true, key: "1").outcome
      assert_equal 1, @hooks.events.count
    end
  end

  def test_a_replica_that_does_not_answer_in_time_is_given_up
    inbox = replicated_inbox(replicated_timeout_s: 0.05)
    running = litestream
    running.hold
    error = assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") }
    assert_match(/did not sync in 0.05 s/, error.message)
    running.release
  end

  {
    "line" => ["HTTP/1.1 200 OK\r\nX: ", "a", 0.01, /did not sync/],
    "row of interim answers" => ["", "HTTP/1.1 100 Continue\r\n\r\n", 0.01, /did not sync/],
    "flood of headers" => ["HTTP/1.1 200 OK\r\n", "X: y\r\n" * 1000, 0, /none of Litestream's/],
    "body" => ["HTTP/1.1 200 OK\r\n\r\n", " " * 10_000, 0, /none of Litestream's/]
  }.each do |what, (first, again, pause_s, message)|
    define_method(:"test_a_#{what.tr(" ", "_")}_without_an_end_is_given_up") do
      inbox = replicated_inbox(replicated_timeout_s: pause_s.zero? ? TIMEOUT_S : 0.05)
      answering = endless(first, again, pause_s)
      receiving = Thread.new { assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") } }
      assert receiving.join(PATIENCE_S), "it waits for ever"
      assert_match message, receiving.value.message
      answering.join
    end
  end

  # Answers once, with what begins so and goes on for as long as somebody listens.
  def endless(first, again, pause_s)
    server = UNIXServer.new(@socket)
    Thread.new do
      client = server.accept
      client.write(first)
      loop do
        client.write(again)
        sleep(pause_s)
      end
    rescue SystemCallError
      # The one who asked has gone.
    ensure
      server.close
    end
  end

  def test_one_that_takes_no_connections_is_given_up
    inbox = replicated_inbox
    server = Socket.new(:UNIX, :STREAM)
    server.bind(Addrinfo.unix(@socket))
    server.listen(0)
    waiting = UNIXSocket.new(@socket)
    receiving = Thread.new { assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") } }
    assert receiving.join(PATIENCE_S), "it waits for ever"
    [waiting, server].each(&:close)
  end

  def test_a_path_that_no_socket_has_is_said_with_each_receipt
    inbox = open_inbox(replicated: File.join(@sockets, "s" * 200))
    assert_match(/cannot be asked: too long/, assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") }.message)
  end

  # Each group has 128 at most, and whoever came before the question that nobody answers has waited as long as its askers.
  def test_many_do_not_wait_one_group_after_the_other
    inbox = replicated_inbox(replicated_timeout_s: 0.3)
    running = litestream
    running.hold
    all = Array.new(400) { |n| Thread.new { assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: n.to_s) } } }
    all.each { |thread| assert thread.join(PATIENCE_S), "it waits for ever" }
    assert_operator running.asked.size, :<=, 3
    running.release
  end

  def test_litestream_may_go_and_come_back
    inbox = replicated_inbox
    assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "1") }
    2.times do
      running = litestream
      2.times { assert_equal :duplicate, inbox.ingest("{}", valid: true, key: "1").outcome }
      assert_equal 2, running.asked.size
      running.stop
    end
  end

  def test_the_sender_is_told_to_try_again
    replicated_inbox
    @hooks.endpoint("token", provider: "token", secrets: ["test-token"])
    post = lambda do
      Rack::MockRequest.new(@hooks.rack).post("/token", "HTTP_HOST" => "shop.example", "HTTP_X_WEBHOOK_TOKEN" => "test-token", input: "{}")
    end
    refused = post.call
    assert_equal [503, "5", "try again later"], [refused.status, refused["retry-after"], refused.body]
    assert_match(/receipt not replicated, answered 503/, @log.string)
    litestream
    assert_equal 200, post.call.status
  end

  def test_the_file_may_have_another_name_there
    Dir.mkdir(File.join(@folder, "real"))
    File.symlink(File.join(@folder, "real"), File.join(@folder, "link"))
    @path = File.join(@folder, "link/app.db")
    real = File.join(File.realpath(@folder), "real/app.db")
    hooks = open_hooks(@path, replicated: @socket, replicated_timeout_s: TIMEOUT_S)
    inbox = hooks.endpoint("inbox")
    known = nil
    litestream.answer = ->(path) { path == known ? LitestreamSocket::SYNCED : [404, '{"error": "database not found"}'] }
    assert_raises(Knocker::NotReplicatedError) { inbox.ingest("{}", valid: true, key: "0") }
    # One that is known is asked for first from then on.
    [real, @path].each do |name|
      known = name
      2.times { assert_equal :duplicate, inbox.ingest("{}", valid: true, key: "0").outcome }
    end
    assert_equal [@path, real, @path, real, real, real, @path, @path], @litestream.asked.map { |question| question["path"] }
  end

  def test_options_that_cannot_be_meant
    [{ replicated: "" }, { replicated: 5 }, { replicated: "socket", replicated_timeout_s: 0 }].each do |settings|
      assert_match(/replicated/, assert_raises(Knocker::UsageError) { open_hooks(**settings) }.message)
    end
  end

  def test_the_idempotency_key_of_an_event
    data = JSON.parse(File.read(File.expand_path("../../../extension/conformance/idempotency_keys.json", __dir__)))
    data["cases"].each do |given|
      event = Knocker::Event.new(
        id: given["id"] || 1, endpoint: given["endpoint"], type: nil, key: given["key"], body: given["body"].to_s.b, attempt: 1, max_attempts: 10,
        received_at: Time.at(0, given["received_at"] || 0, :millisecond).utc, delivery: nil
      )
      assert_equal given["is"], event.idempotency_key
    end
  end
end
