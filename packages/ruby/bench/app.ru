# frozen_string_literal: true

# What puma serves: the endpoint, or the same by hand.
require "knocker"
require_relative "requests"
require_relative "by_hand"

path = ENV.fetch("BENCH_DATABASE")
app =
  if ENV["BENCH_BY_HAND"]
    ByHand.new(path)
  else
    Requests.open_hooks(path).first.rack
  end
map("/webhooks") { run app }
