# frozen_string_literal: true

require "rbconfig"

# Runs again with every call of the package compared with its signature.
unless ENV["RBS_TEST_TARGET"]
  environment = { "RBS_TEST_TARGET" => "Knocker::*", "RBS_TEST_OPT" => "-I #{File.expand_path("../sig", __dir__)} -r pathname",
                  "RBS_TEST_LOGLEVEL" => "error", "RBS_TEST_RAISE" => "true" }
  exec(environment, RbConfig.ruby, "-W0", "-I", __dir__, "-I", File.expand_path("../lib", __dir__), "-rsqlite3", "-rrbs/test/setup", __FILE__)
end

require "test_helper"
require "rbs"
require "knocker/active_record"

# What the signatures say is there, takes that and gives that.
class SignaturesTest < KnockerTest
  # Made by hand or inside, and of nobody else's concern.
  INNER = { "Knocker::Hooks" => %i[database failure_hooks move_to inspect], "Knocker::Endpoint" => %i[handlers configure declare_again
                                                                                                      read_max_body_bytes move_to tell_short inspect],
            "Knocker::WebhookRequest" => %i[to_json inspect], "Knocker::Headers" => %i[inspect to_s], "Knocker::Reads" => %i[require_endpoint],
            "Knocker::Error" => [], "Knocker::Leases" => [], "Knocker::Worker" => %i[begin_again go_on idle? rest],
            "Knocker::Tenants" => %i[pattern inspect],
            "Knocker::Operations" => [], "Knocker::Event" => [],
            "Knocker::Record" => [], "Knocker::EventDelivery" => [], "Knocker::Job" => [], "Knocker::Retry" => [], "Knocker::Decision" => [] }.freeze

  def definitions
    loader = RBS::EnvironmentLoader.new
    loader.add(path: Pathname(File.expand_path("../sig", __dir__)))
    loader.add(library: "pathname", version: nil)
    RBS::DefinitionBuilder.new(env: RBS::Environment.from_loader(loader).resolve_type_names)
  end

  def test_every_public_method_has_a_signature_and_every_signature_a_method
    builder = definitions
    INNER.each do |name, inner|
      type = Object.const_get(name)
      signed = builder.build_instance(RBS::TypeName.new(name: name.split("::").last.to_sym, namespace: RBS::Namespace.parse("::Knocker"))).methods
      own = signed.select { |_, method| method.implemented_in.to_s == "::#{name}" && method.public? }.keys
      methods = type.public_instance_methods(false).reject { |method| method.to_s.include?("__RBS_TEST") }
      assert_equal (methods - inner).sort, (own - [:initialize]).sort, name
    end
  end

  def test_a_story_through_all_of_it
    hooks = open_hooks(on_error: ->(_error, _event) {}, on_dead: ->(_event, _reason) {}, public_url: "https://shop.example")
    stripe = hooks.endpoint("stripe", provider: "stripe", secrets: ["whsec_test"], max_attempts: 2, backoff: { base_s: 1 }, unhandled: :dead)
    inbox = hooks.endpoint(:inbox, secrets: [])
    stripe.on("checkout.*", "payout.*") { |event, tx| tx.execute("SELECT ?", [event.json["id"]]) }
    inbox.on("*", handler: ->(event, _tx) { raise Knocker::Retry.new("later", after: 1) if event.attempt == 1 && event.key == "again" })
    inbox.on("bad") { raise Knocker::Dead, "no" }

    body = { id: "evt_1", type: "checkout.session.completed" }
    request = sign("stripe", body, "whsec_test", now: @clock.now_ms)
    assert_equal [:accepted, :duplicate, true], [stripe.receive(request).outcome, stripe.receive(request).outcome, stripe.verify(request).valid]
    assert_equal :invalid, stripe.receive(sign("stripe", body, "whsec_other", headers: { "X-A" => %w[1 2] }, now: @clock.now_ms)).outcome
    refute_nil request.header("stripe-signature")
    ids = %w[again bad].map { |key| inbox.ingest("{}", valid: true, type: key, key: key, headers: { "A" => "b" }).event_id }
    assert_equal %i[handled failed dead], drain(hooks).map(&:status)
    @clock.advance(60)
    assert_equal [:handled], drain(hooks).map(&:status)

    reads(hooks, ids)
    operations(hooks, ids)
    leases(hooks, inbox)
    worker = hooks.start_worker(concurrency: 2)
    assert worker.running?
    worker.stop
    on_file(hooks) { |other| assert_empty other.events.to_a }
    tenants
  end

  def tenants
    tenants = Knocker.open_many(File.join(@folder, "of-*.db"), max_open: 2, logger: Logger.new(@log)) do |hooks, _|
      hooks.endpoint("inbox").on("*") { nil }
    end
    tenants.create("acme")
    assert_equal %w[acme], tenants.names
    assert_equal(:accepted, tenants.hooks(:acme) { |hooks| hooks.endpoints["inbox"].ingest("{}", valid: true, type: "t", key: "1").outcome })
    refute_nil tenants.rack(tenant: ->(_) {})
    worker = tenants.start_worker(concurrency: 2)
    assert worker.running?
    refute_empty worker.name
    tenants.stop_workers
    refute tenants.worker.running?
    tenants.close
  end

  def reads(hooks, ids)
    assert_equal 3, hooks.events(newest_first: true, with_body: true).count
    assert_equal ["bad"], hooks.events(status: [:dead], endpoint: "inbox", type: "bad", since: Time.at(0)).map(&:key)
    assert_equal 1, hooks.deliveries(outcome: :invalid).count
    assert_equal 4, hooks.attempts.count
    assert_equal 0, hooks.prunes.count + hooks.policies.size
    assert_equal 1, hooks.event_deliveries(event_id: ids.first).size
    assert_equal %w[inbox stripe], hooks.stored_endpoints.map(&:name).sort
    assert_equal "bad", hooks.event(ids.last).type
    assert_equal "POST", hooks.delivery(hooks.event(ids.last).delivery_id).method
    assert_equal %w[inbox stripe], hooks.endpoints.keys.sort
    assert_equal 2, hooks.stats.endpoints.size
  end

  def operations(hooks, ids)
    assert_equal :received, hooks.requeue(ids.last).status
    assert hooks.ignore(ids.last, "enough").changed
    assert hooks.replay(ids.last, force: true).changed
    hooks.replay_delivery(hooks.event(ids.first).delivery_id)
    assert hooks.requeue_where(status: %i[dead failed], since: Time.at(0), dry_run: true).dry_run
    hooks.replay_where(endpoint: "inbox", type: "b*".sub("*", ".*"), limit: 5)
    hooks.ignore_where(status: :received, endpoint: "inbox")
    hooks.prune_events(older_than_s: 0, status: [:ignored], limit: 1)
    hooks.prune_deliveries(before: Time.at(0), outcome: :invalid)
    assert_equal 60, hooks.retention("inbox", handled_s: 60).handled_s
    hooks.retain
    hooks.update_endpoint("inbox", enabled: true, backoff: { "factor" => 2 })
    error = assert_raises(Knocker::UnknownEventError) { hooks.event(999) }
    assert_equal ["unknown_event", false], [error.code, error.retryable?]
    refute_empty error.hint
  end

  def leases(hooks, inbox)
    own = hooks.leases("own")
    keys = %w[l1 l2 l3]
    keys.each { |key| inbox.ingest("{}", valid: true, type: "t", key: key) }
    assert_equal 0, own.next_due_ms
    assert_equal 3, own.claim(3, 60, endpoints: ["inbox"])
    first, second, third = own.jobs
    assert_operator own.extend(first.id, 120), :>, first.lease_expires_at
    own.handled(first.id, 1)
    assert_equal :failed, own.failed(second.id, "no", 1, retry_after_s: 5).status
    own.skipped(third.id, "why", 1)
    assert_equal 0, own.release
    assert_equal "t", first.event.type
    assert_equal first, first.with(id: first.id)
  end
end
