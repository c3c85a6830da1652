# frozen_string_literal: true

require "test_helper"
require "rack"

# What monitoring systems read, and how it is served.
class MetricsTest < KnockerTest
  # Two accepted receipts, a refused one, and an attempt at each event, of which one failed.
  def setup
    super
    @hooks = open_hooks
    orders = @hooks.endpoint("orders")
    orders.on("*") { |event| raise "no such customer" if event.key == "bad" }
    %w[good bad].each { |key| ingest(orders, key) }
    orders.ingest("{}", valid: false, reason: "bad_signature")
    drain(@hooks)
  end

  def samples(text)
    text.lines.reject { |line| line.start_with?("#") }.to_h { |line| line.chomp.rpartition(" ").values_at(0, 2) }
  end

  def test_they_tell_what_happened
    told = samples(@hooks.metrics)
    {
      'knocker_receipts_total{endpoint="orders",outcome="accepted"}' => "2",
      'knocker_refusals_total{endpoint="orders",reason="bad_signature"}' => "1",
      'knocker_attempts_total{endpoint="orders",result="handled"}' => "1",
      'knocker_attempts_total{endpoint="orders",result="failed"}' => "1",
      'knocker_handler_duration_seconds_count{endpoint="orders"}' => "2",
      'knocker_receive_duration_seconds_count{endpoint="orders"}' => "3",
      'knocker_receive_duration_seconds_bucket{endpoint="orders",le="+Inf"}' => "3"
    }.each { |name, value| assert_equal value, told[name], name }
    assert @hooks.metrics(openmetrics: true).end_with?("# EOF\n")
  end

  def test_a_child_counts_its_own_receipts
    told, text = in_child { @hooks.metrics }
    assert_equal :returned, told, text
    refute_includes samples(text), 'knocker_receive_duration_seconds_count{endpoint="orders"}'
    assert_equal "2", samples(text)['knocker_receipts_total{endpoint="orders",outcome="accepted"}']
  end

  def test_a_rack_app_serves_what_is_asked_for
    app = Rack::MockRequest.new(Rack::Lint.new(@hooks.metrics_rack))
    plain = "text/plain; version=0.0.4; charset=utf-8"
    open = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    { "" => plain, "text/html,*/*" => plain, "#{open},text/plain;q=0.5" => open }.each do |accept, type|
      answer = app.get("/metrics", "HTTP_ACCEPT" => accept)
      assert_equal [200, type], [answer.status, answer["content-type"]]
      assert_equal "2", samples(answer.body)['knocker_receipts_total{endpoint="orders",outcome="accepted"}']
    end
    @hooks.close
    assert_equal [503, "5"], app.get("/metrics").then { |answer| [answer.status, answer["retry-after"]] }
  end
end
