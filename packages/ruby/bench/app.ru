# frozen_string_literal: true

# What puma serves: the endpoint, the same by hand, or an app that reads the request and does nothing.
require "knocker"
require_relative "requests"
require_relative "by_hand"

path = ENV.fetch("BENCH_DATABASE")
app =
  case ENV.fetch("BENCH_APP")
  when "hand" then ByHand.new(path)
  when "knocker" then Requests.open_hooks(path).first.rack
  else
    lambda do |env|
      env["rack.input"].read
      [200, { "content-length" => "0" }, []]
    end
  end
map("/webhooks") { run app }
