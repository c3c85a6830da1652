# frozen_string_literal: true

require "open3"
require "rbconfig"
require "timeout"

# Requests a second over puma, sent by a process of its own.
class Serving
  # What is said of it, puma's options, connections, requests in a round, and the least ratio to the app by hand.
  RUNS = [
    ["puma, 5 threads, 5 connections", %w[-t 5:5], 5, 1500, nil],
    ["puma, 5 threads, 64 connections", %w[-t 5:5], 64, 3000, 1.5],
    ["puma, 2 × 5, 64 connections", %w[-t 5:5 -w 2 --preload], 64, 3000, 5.0]
  ].freeze
  ROUNDS = 3

  def initialize(folder)
    @folder = folder
    @round = 0
  end

  # @return [Array<String>] goals that were missed
  def run
    puts format("\n%-36s%10s%10s%10s", "requests/s", "Knocker", "by hand", "ratio")
    RUNS.filter_map do |name, options, connections, total, goal|
      ours, theirs, ratio = Requests.compare(ROUNDS) { [false, true].map { |by_hand| measure(options, connections, total, by_hand) } }
      puts format("%-36s%10.0f%10.0f%9.2fx", name, ours, theirs, ratio)
      format("%<name>s: %<ratio>.2f times by hand, goal %<goal>.1f", name: name, ratio: ratio, goal: goal) if goal && ratio < goal
    end
  end

  private

  def measure(options, connections, total, by_hand)
    serving(options, by_hand) do |port|
      rate, errors, status = Open3.capture3(RbConfig.ruby, "-I#{library}", File.join(__dir__, "load.rb"), *[port, connections, total].map(&:to_s))
      raise errors unless status.success?

      rate.to_f
    end
  end

  def library = File.expand_path("../lib", __dir__)

  def serving(options, by_hand)
    environment = { "RUBYLIB" => library, "BENCH_DATABASE" => File.join(@folder, "serving-#{@round += 1}.db"),
                    "BENCH_BY_HAND" => by_hand ? "yes" : nil }
    output, written = IO.pipe
    command = [RbConfig.ruby, "-S", "puma", "--bind", "tcp://127.0.0.1:0", *options, File.join(__dir__, "app.ru")]
    pid = spawn(environment, *command, out: written, err: written)
    written.close
    said = +""
    Timeout.timeout(60) { said << output.readpartial(4096) until ready?(said, options) }
    yield said[/127\.0\.0\.1:(\d+)/, 1]
  ensure
    Process.kill(:TERM, pid)
    Process.wait(pid)
    output.close
  end

  def ready?(said, options) = options.include?("-w") ? said.scan(/booted/).size == 2 : said.include?("Use Ctrl-C")
end
