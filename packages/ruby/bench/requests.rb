# frozen_string_literal: true

require "openssl"

# Signed requests as GitHub sends them, and how fast they are taken.
module Requests
  SECRET = "test-secret"

  module_function

  def body(number) = %({"ref": "refs/heads/main", "pad": "#{"x" * 1000}", "n": #{number}}).b

  def headers(number)
    signature = OpenSSL::HMAC.hexdigest("SHA256", SECRET, body(number))
    { "Content-Type" => "application/json", "X-GitHub-Event" => "push", "X-GitHub-Delivery" => "push-#{number}",
      "X-Hub-Signature-256" => "sha256=#{signature}" }
  end

  def request(number) = Knocker::WebhookRequest.new(body(number), url: "/webhooks/github", headers: headers(number))

  # How many calls a second so many threads make, one after the other.
  def rate(callers, total)
    left = Queue.new((0...total).to_a).tap(&:close)
    threads = Array.new(callers) do
      Thread.new do
        Thread.stop
        while (number = left.pop)
          yield number
        end
      end
    end
    sleep(0.001) until threads.all?(&:stop?)
    began = Knocker::Clock.monotonic
    threads.each(&:run)
    threads.each(&:join)
    total / (Knocker::Clock.monotonic - began)
  end

  def open_hooks(path)
    hooks = Knocker.open(path, logger: false)
    [hooks, hooks.endpoint("github", provider: "github", secrets: [SECRET])]
  end

  # The middle one of several measurements, which the rest of the machine disturbs.
  def median(values) = values.sort[values.size / 2]

  # Measures two things by turns, so that what disturbs one disturbs the other.
  def compare(rounds, &block)
    pairs = Array.new(rounds, &block)
    [median(pairs.map(&:first)), median(pairs.map(&:last)), median(pairs.map { |ours, theirs| ours / theirs })]
  end
end
