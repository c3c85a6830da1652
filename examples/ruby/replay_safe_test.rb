# frozen_string_literal: true

# Replays and late events change nothing: `ruby replay_safe_test.rb`.

require "minitest/autorun"
require "minitest/mock"
require "tmpdir"

ENV["SHOP_DB"] ||= File.join(Dir.mktmpdir, "shop.db")
ENV["STRIPE_WEBHOOK_SECRET"] ||= "whsec_test"

require "knocker/testing"
require_relative "replay_safe"

# Each test is on a file of its own.
class ReplaySafeTest < Minitest::Test
  include Knocker::Testing

  def receive(id, status, created, clock)
    object = { id: "sub_1", customer: "cus_1", status: status }
    body = { id: id, type: "customer.subscription.updated", created: created, data: { object: object } }
    STRIPE.receive(sign("stripe", body, ENV.fetch("STRIPE_WEBHOOK_SECRET"), now: clock.now_ms))
  end

  def test_the_newest_word_stands_and_a_replay_keeps_its_key
    keys = []
    clock = FrozenClock.new
    on_file(HOOKS, clock: clock) do
      Access.stub(:grant, ->(_customer, idempotency_key:) { keys << idempotency_key }) do
        newer = receive("evt_2", "active", 200, clock)
        receive("evt_1", "incomplete", 100, clock)
        drain(HOOKS)
        HOOKS.replay(newer.event_id)
        drain(HOOKS)
      end
      assert_equal [["active"]], HOOKS.database.rows("SELECT status FROM subscriptions")
    end
    assert_equal %w[stripe/evt_2 stripe/evt_1 stripe/evt_2], keys
  end
end
