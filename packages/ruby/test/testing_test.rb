# frozen_string_literal: true

require "test_helper"
require "open3"
require "rbconfig"

# What the package has for the tests of its users.
class TestingTest < KnockerTest
  LIBRARY = File.expand_path("../lib", __dir__)

  def test_a_frozen_clock_moves_when_it_is_told
    clock = FrozenClock.new
    clock.advance(1.5)
    assert_equal START_MS + 1500, clock.call
    clock.set(Time.utc(2026, 3, 1))
    assert_equal Time.utc(2026, 3, 1), Knocker::Moment.to_time(clock.call)
  end

  def test_a_drain_tells_what_was_raised
    inbox = open_inbox
    told = []
    inbox.on("order") { raise KeyError, "no such customer" }
    ingest(inbox)
    attempted = drain(@hooks).first
    assert_equal [1, :failed, 1], [attempted.event_id, attempted.status, attempted.attempt]
    assert_kind_of KeyError, attempted.error
    assert_empty drain(@hooks), "it waits for its backoff"
    @clock.advance(10)
    assert_equal 2, drain(@hooks).first.attempt
    assert_empty told
  end

  def test_a_drain_without_an_end_is_refused
    inbox = open_inbox
    inbox.on("order") { |event, _tx| ingest(inbox, "#{event.key}x") }
    ingest(inbox)
    error = assert_raises(Knocker::UsageError) { drain(@hooks, limit: 5) }
    assert_includes error.message, "more is due after 5 attempts"
  end

  def test_signed_requests_verify
    hooks = open_hooks
    %w[github stripe shopify].each do |provider|
      secret = provider == "stripe" ? "whsec_test" : "test-secret"
      endpoint = hooks.endpoint(provider, provider: provider, secrets: secret)
      assert_predicate endpoint.verify(sign(provider, { id: "evt_1", type: "charge" }, secret, now: @clock.call)), :valid
      refute_predicate endpoint.verify(sign(provider, { id: "evt_1" }, "other-#{secret}", now: @clock.call)), :valid
    end
  end

  def test_the_apps_hooks_on_a_file_of_the_test
    inbox = open_inbox
    inbox.on("order") { |_event, tx| tx.execute("CREATE TABLE IF NOT EXISTS seen (id)") }
    ingest(inbox, "of the app")
    clock = FrozenClock.new(7)
    on_file(@hooks, clock: clock) do |hooks|
      assert_equal 0, hooks.events.count
      assert_equal 1, ingest(inbox, "of the test")
      assert_equal [:handled], statuses
      assert_equal Knocker::Moment.to_time(7), hooks.event(1).received_at
    end
    assert_equal ["of the app"], @hooks.events.map(&:key)
  end

  def test_in_minitest
    ran = run_suite("minitest", "shop_test.rb", <<~RUBY)
      require "minitest/autorun"
      require "knocker/testing"

      class ShopTest < Minitest::Test
        include Knocker::Testing

        def test_an_order
          on_file(SHOP) do |hooks|
            hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order")
            assert_equal [:handled], drain(hooks).map(&:status)
          end
        end
      end
    RUBY
    assert_includes ran, "1 runs, 1 assertions, 0 failures"
  end

  def test_in_rspec
    ran = run_suite("rspec", "shop_spec.rb", <<~RUBY)
      require "rspec/autorun"
      require "knocker/testing"

      RSpec.configure { |config| config.include Knocker::Testing }

      RSpec.describe "the shop" do
        around { |example| Knocker::Testing.on_file(SHOP) { example.run } }

        it "handles an order" do
          SHOP.endpoints["inbox"].ingest("{}", valid: true, type: "order")
          expect(drain(SHOP).map(&:status)).to eq [:handled]
        end
      end
    RUBY
    assert_includes ran, "1 example, 0 failures"
  end

  private

  # A suite of a user's, in a process of its own.
  def run_suite(name, file, text)
    path = File.join(@folder, file)
    File.write(path, <<~RUBY)
      require "knocker"
      SHOP = Knocker.open(#{File.join(@folder, "#{name}.db").dump})
      SHOP.endpoint("inbox").on("order") { |_event, tx| tx.execute("CREATE TABLE orders (id)") }

      #{text}
    RUBY
    said, status = Open3.capture2e({ "RUBYLIB" => LIBRARY }, RbConfig.ruby, path)
    assert_predicate status, :success?, said
    said
  end
end
