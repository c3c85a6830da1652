# frozen_string_literal: true

# The Ruby package as a receiver that is killed: as driver.py.
require "knocker"

path, socket, callers = ARGV
hooks = Knocker.open(path, busy_timeout_s: 60, replicated: socket.empty? ? nil : socket, replicated_timeout_s: 60)
inbox = hooks.endpoint("inbox")
numbers = Thread::Queue.new

$stdout.syswrite("ready\n")
$stdin.gets
Thread.new { 1_000_000.times { |number| numbers << number } }
threads = Array.new(callers.to_i) do
  Thread.new do
    loop do
      key = "key-#{numbers.pop}"
      inbox.ingest('{"paid": true}', valid: true, type: "order.paid", key: key)
      $stdout.syswrite("#{key}\n")
    end
  end
end
threads.each(&:join)
