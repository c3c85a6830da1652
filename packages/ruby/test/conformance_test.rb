# frozen_string_literal: true

require "test_helper"
require "scenario"

# The requests that each provider sends, and the verdict that each must get.
class VerificationTest < KnockerTest
  def test_every_case_of_the_data
    hooks = open_hooks
    ran = 0
    ConformanceData.each_case("verification", "cases") do |file, content, one|
      at = "#{file}: #{one["name"]}"
      endpoint = hooks.endpoint("case-#{ran}", provider: content["provider"], options: one["options"], secrets: ->(_) { one["secrets"] })
      receive(hooks, endpoint, one, at)
      again(hooks, endpoint, one["then"], at) if one["then"]
      ran += 1
    end
    ConformanceData.write_count("verification", ran)
    puts "verification: #{ran} cases"
  end

  private

  def again(hooks, endpoint, one, at)
    ConformanceData.known!(one, "now", "request", "body", "body_base64", "expect", "events")
    before = hooks.events(endpoint: endpoint.name).count
    receive(hooks, endpoint, one, "#{at}, then", new: one["events"] > before)
    assert_equal one["events"], hooks.events(endpoint: endpoint.name).count, at
  end

  # The verdict and the receipt of one request are as expected; `new` says whether it makes an event that was not there before.
  def receive(_hooks, endpoint, sent, at, new: true)
    @clock.set(sent["now"])
    expect = sent["expect"]
    request = Knocker::WebhookRequest.new(ConformanceData.raw_body(sent), **sent["request"].transform_keys(&:to_sym))
    verdict = endpoint.verify(request)
    receipt = endpoint.receive(request)
    outcome = { "delivery" => new ? :accepted : :duplicate, "handshake" => :handshake, nil => :invalid }.fetch(expect["kind"])
    assert_equal [expect["valid"], expect["kind"], expect["reason"]], [verdict.valid, verdict.kind&.to_s, verdict.reason&.to_s], at
    assert_equal expect.fetch("items", []), Matching.plain(verdict.items), at
    assert_equal [outcome, expect["reason"]], [receipt.outcome, receipt.reason&.to_s], at
    [verdict.response, receipt.response].each { |response| answers(expect, response, at) }
  end

  def answers(expect, response, at)
    assert_equal expect["status"], response.status, at
    expect.fetch("response_headers", {}).each { |name, value| assert_equal value, response.headers[name], at }
    assert_equal expect["response_body"], response.body, at if expect.key?("response_body")
  end
end

# The stories in steps.
class LifecycleTest < KnockerTest
  def test_every_scenario_of_the_data
    ran = 0
    operations = []
    ConformanceData.each_case("lifecycle", "scenarios") do |file, content, one|
      tell("#{file}: #{one["name"]}", content, one, ran)
      operations |= one["steps"].map { |step| step["op"] }
      ran += 1
    end
    assert_equal Scenario::OPERATIONS.keys.sort, operations.sort, "every operation of the contract is in the data"
    ConformanceData.write_count("lifecycle", ran)
    puts "lifecycle: #{ran} scenarios"
  end

  private

  def tell(at, content, one, number)
    @clock.set(START_MS)
    hooks = open_hooks(File.join(@folder, "#{number}.db"))
    run = Scenario.new(hooks, content.fetch("values", {}).dup)
    one["steps"].each_with_index do |step, index|
      @clock.set(step["now"]) if step["now"]
      run.step(step)
    rescue StandardError, Minitest::Assertion => e
      flunk "#{at}, step #{index + 1} (#{step["op"]}): #{e.class}: #{e.message}"
    end
    @opened.delete(hooks).close
  end
end
