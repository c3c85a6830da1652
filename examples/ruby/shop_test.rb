# frozen_string_literal: true

# How handlers are tested: `ruby shop_test.rb`.

require "minitest/autorun"
require "tmpdir"

ENV["SHOP_DB"] ||= File.join(Dir.mktmpdir, "shop.db")
ENV["STRIPE_WEBHOOK_SECRET"] ||= "whsec_test"
ENV["GITHUB_WEBHOOK_SECRET"] ||= "test-secret"

require "knocker/testing"
require_relative "shop"

# Each test is on a file of its own.
class ShopTest < Minitest::Test
  include Knocker::Testing

  CHECKOUT = File.read(File.expand_path("../payloads/stripe-checkout-session-completed.json", __dir__))

  def test_a_checkout_becomes_an_order_once
    clock = FrozenClock.new
    on_file(HOOKS, clock: clock) do
      HOOKS.database.rows("CREATE TABLE orders (id TEXT PRIMARY KEY, total INTEGER, email TEXT)")
      receipt = STRIPE.receive(sign("stripe", CHECKOUT, ENV.fetch("STRIPE_WEBHOOK_SECRET"), now: clock.now_ms))
      assert_equal [:handled], drain(HOOKS).map(&:status)
      HOOKS.replay(receipt.event_id)
      assert_equal [:handled], drain(HOOKS).map(&:status)
      checkout = JSON.parse(CHECKOUT)["data"]["object"]
      assert_equal [[checkout["id"], checkout["amount_total"]]], HOOKS.database.rows("SELECT id, total FROM orders")
    end
  end
end
