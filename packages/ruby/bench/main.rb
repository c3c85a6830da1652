# frozen_string_literal: true

# Prints what the Ruby package costs on this machine, each figure beside what it is compared with. Its argument is a folder on the disk to measure; by
# default it is the one for temporary files. A missed goal is named at the end.

require "tmpdir"
require "knocker"
require_relative "requests"
require_relative "by_hand"
require_relative "receives"
require_relative "serving"
require_relative "working"
require_relative "draining"
require_relative "other_writers"

Dir.mktmpdir("knocker-bench-", ARGV.first) do |folder|
  puts "#{RUBY_ENGINE} #{RUBY_VERSION}, sqlite3 #{SQLite3::VERSION}, synchronous=FULL, signed GitHub requests of 1 kB"
  puts "by hand: one insert and one commit a request, a connection and a prepared statement a thread"
  verdicts = Verdicts.new
  floor = Receives.new(folder, verdicts).run
  Serving.new(folder, floor, verdicts).run
  below = [Working, Draining].flat_map { |part| part.new(folder).run }
  OtherWriters.new(folder).run
  verdicts.print
  below.each { |goal| puts "below the goal: #{goal}" }
end
