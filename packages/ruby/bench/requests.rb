# frozen_string_literal: true

require "openssl"

# Signed requests as GitHub sends them, and how fast they are taken.
module Requests
  SECRET = "test-secret"
  # Ratios of two rounds that are no further apart need no third one.
  STEADY = 1.05

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

  # The middle of several measurements, which the rest of the machine disturbs.
  def median(values) = values.sort.values_at((values.size - 1) / 2, values.size / 2).sum / 2

  # Measures things by turns, so that what disturbs one disturbs the others: twice, and up to so many times where the ratio of the first two that the
  # block returns is not nearly the same each time.
  # @return [Array<Array<Float>>] what the block returned in each round
  def rounds(most)
    figures = []
    figures << yield until figures.size == most || (figures.size > 1 && steady?(figures))
    figures
  end

  # As {rounds}, of two things.
  # @return [Array(Float, Float, Float)] the middle of either, and of their ratios
  def compare(most, &block)
    pairs = rounds(most, &block)
    [median(pairs.map(&:first)), median(pairs.map(&:last)), median(ratios(pairs))]
  end

  def ratios(figures) = figures.map { |ours, theirs| ours / theirs }

  def steady?(figures)
    least, most = ratios(figures).minmax
    most / least < STEADY
  end
end
