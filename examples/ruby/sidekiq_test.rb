# frozen_string_literal: true

# A webhook of Sidekiq before and after it moves; jobs wait in memory: `ruby sidekiq_test.rb`.

require "minitest/autorun"
require "stringio"
require "tmpdir"

ENV["STRIPE_WEBHOOK_SECRET"] ||= "whsec_test"
ENV["SHOP_DB"] = File.join(Dir.mktmpdir, "shop.db")

require "knocker/testing"
require "sidekiq/testing"
require_relative "sidekiq_after"
require_relative "sidekiq_before"

# The same checkout on both.
class SidekiqTest < Minitest::Test
  include Knocker::Testing

  CHECKOUT = File.read(File.expand_path("../payloads/stripe-checkout-session-completed.json", __dir__))
  ORDER = JSON.parse(CHECKOUT)["data"]["object"]["id"]

  def setup
    HOOKS.database.rows("CREATE TABLE IF NOT EXISTS paid (id TEXT PRIMARY KEY)")
    HOOKS.database.rows("CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY)")
    HOOKS.database.rows("DELETE FROM paid")
    Sidekiq::Worker.clear_all
  end

  def test_before_a_job_writes_the_order
    signature = sign("stripe", CHECKOUT, ENV.fetch("STRIPE_WEBHOOK_SECRET")).header("stripe-signature")
    assert_equal 200, WEBHOOK.call("rack.input" => StringIO.new(CHECKOUT), "HTTP_STRIPE_SIGNATURE" => signature).first
    assert_equal 400, WEBHOOK.call("rack.input" => StringIO.new("{}"), "HTTP_STRIPE_SIGNATURE" => signature).first
    FulfilJob.drain
    assert_equal [[ORDER]], HOOKS.database.rows("SELECT id FROM paid")
  end

  def test_afterwards_the_handler_does_and_hands_on_what_is_sidekiqs
    STRIPE.receive(sign("stripe", CHECKOUT, ENV.fetch("STRIPE_WEBHOOK_SECRET")))
    assert_equal [:handled], drain(HOOKS).map(&:status)
    assert_equal [[ORDER]], HOOKS.database.rows("SELECT id FROM paid")
    SendReceiptJob.perform_async(*SendReceiptJob.jobs.first["args"])
    assert_output("a receipt for #{ORDER}\n") { SendReceiptJob.drain }
  end
end
