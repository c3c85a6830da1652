# frozen_string_literal: true

require "test_helper"
require "servers"

# The app under puma, alone and as a cluster, as it is served in production.
class PumaTest < KnockerTest
  CLUSTER = ["-C", File.join(Servers::APPS, "cluster_puma.rb")].freeze

  def setup
    super
    @hooks = open_hooks
    @hooks.database.rows("CREATE TABLE orders (id TEXT PRIMARY KEY)")
  end

  # Zeros alone are nobody's identity.
  def keys_of(count) = Array.new(count) { |n| "push-#{n}" }

  def push(key, secret = "test-secret")
    sign("github", { n: key }, secret, headers: { "X-GitHub-Event" => "push", "X-GitHub-Delivery" => key })
  end

  # None where the connection went to the process that was killed.
  def pid_of(server)
    server.get("/pid")
  rescue SystemCallError, EOFError
    nil
  end

  def serving(*options, **environment, &)
    Servers.puma("shop.ru", *options, environment: { "SHOP_DATABASE" => @path, **environment.transform_keys(&:to_s) }, &)
  end

  # Sends from several threads; the keys that were acknowledged.
  def send_all(server, keys, threads: 8)
    left = Queue.new(keys).tap(&:close)
    acknowledged = Queue.new
    senders = Array.new(threads) do
      Thread.new do
        while (key = left.pop)
          begin
            acknowledged.push(key) if server.post("/webhooks/github", push(key)).code == "200"
          rescue SystemCallError, EOFError, Net::ReadTimeout
            # A process that is killed takes its connections with it.
            nil
          end
        end
      end
    end
    senders.each(&:join)
    Array.new(acknowledged.size) { acknowledged.pop }
  end

  def test_requests_from_many_connections
    keys = keys_of(60)
    serving("-t", "5:5") do |server|
      assert_equal keys.sort, send_all(server, keys).sort
      assert_equal "401", server.post("/webhooks/github", push("forged", "other-secret")).code
      assert_equal "404", server.post("/webhooks/gitlab", push("elsewhere")).code
    end
    assert_equal keys.sort, @hooks.events.map(&:key).sort
    assert_equal({ accepted: 60, invalid: 1 }, @hooks.deliveries.map(&:outcome).tally)
  end

  def test_a_parser_in_front_that_reads_the_body_does_no_harm
    serving("-t", "5:5") do |server|
      request = push("1")
      headers = Knocker::Headers.pairs(request.headers) + [["Content-Type", "application/x-www-form-urlencoded"]]
      form = Knocker::WebhookRequest.new(request.body, headers: headers)
      assert_equal "200", server.post("/parsed/github", form).code
    end
    assert_equal push("1").body, @hooks.event(1).body
  end

  def test_a_cluster_that_preloads_the_app
    keys = keys_of(100)
    serving(*CLUSTER, SHOP_WORKS: "after the fork") do |server|
      wait_until("both processes") { Array.new(20) { server.get("/pid") }.uniq.size == 2 }
      assert_equal keys.sort, send_all(server, keys).sort
      wait_until("the orders") { orders.size == keys.size }
    end
    assert_equal keys.sort, orders.sort
    assert_equal({ handled: keys.size }, @hooks.events.map(&:status).tally)
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end

  def test_a_worker_that_was_started_while_the_app_loads_works_beside_children_that_come_and_go
    keys = keys_of(160)
    serving(*CLUSTER, SHOP_WORKS: "before the fork") do |server|
      8.times do |round|
        before = nil
        wait_until("a process") { before = pid_of(server) }
        Process.kill(round.even? ? :TERM : :KILL, Integer(before))
        some = keys[round * 20, 20]
        # A connection may go to the process that ends: as a provider does, again.
        wait_until("the acknowledgements") { (some -= send_all(server, some)).empty? }
        wait_until("both processes") { Array.new(20) { pid_of(server) }.compact.uniq.then { |pids| pids.size == 2 && !pids.include?(before) } }
      end
      wait_until("the orders") { orders.size == keys.size }
      refute_includes server.output, "forked"
    end
    assert_equal keys.sort, orders.sort
    assert_equal({ handled: keys.size }, @hooks.events.map(&:status).tally)
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end

  def test_a_process_of_the_cluster_that_is_killed_loses_nothing_that_it_acknowledged
    acknowledged = []
    serving(*CLUSTER) do |server|
      pids = []
      wait_until("both processes") { (pids |= [server.get("/pid")]).size == 2 }
      sending = Thread.new { send_all(server, keys_of(200)) }
      wait_until("some receipts") { @hooks.events.count >= 20 }
      Process.kill(:KILL, pids.first.to_i)
      acknowledged = sending.value
      wait_until("a new process") { pid_of(server).then { |pid| pid && !pids.include?(pid) } }
      assert_equal "200", server.post("/webhooks/github", push("after")).code
    end
    assert_empty acknowledged - @hooks.events.map(&:key)
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end
end
