# frozen_string_literal: true

# Each tenant's secrets open its own URL and no other: `ruby tenants_test.rb`.

require "minitest/autorun"
require "tmpdir"

ENV["SHOP_DB"] ||= File.join(Dir.mktmpdir, "tenants.db")

require "knocker/testing"
require_relative "tenants"

# Each test is on a file of its own.
class TenantsTest < Minitest::Test
  include Knocker::Testing

  def receive(tenant, secret, clock)
    body = { id: "evt_1", type: "invoice.paid", data: { object: { id: "in_1" } } }
    STRIPE.receive(sign("stripe", body, secret, url: "https://shop.example/webhooks/#{tenant}/stripe", now: clock.now_ms)).outcome
  end

  def test_a_tenant_is_known_by_its_url_and_proven_by_each_of_its_secrets
    %w[acme-new acme-old].each do |secret|
      clock = FrozenClock.new
      on_file(HOOKS, clock: clock) do
        assert_equal :accepted, receive("acme", secret, clock)
        drain(HOOKS)
        assert_equal [%w[in_1 acme]], HOOKS.database.rows("SELECT * FROM payments")
      end
    end
  end

  def test_the_secret_of_another_tenant_proves_nothing
    clock = FrozenClock.new
    on_file(HOOKS, clock: clock) do
      assert_equal :invalid, receive("acme", "globex", clock)
      assert_equal :invalid, receive("nobody", "acme-new", clock)
    end
  end
end
