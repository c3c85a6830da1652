# frozen_string_literal: true

require "open3"
require "rbconfig"
require "timeout"
require_relative "elsewhere"
require_relative "goal"

# Requests a second over puma, sent by a process of its own, on disks that sync slowly too.
class Serving
  # What is said of it, puma's options, connections, requests in a round, and the least ratio to the app by hand.
  #
  # A thread for each connection: with fewer, no more requests than threads share a commit, and puma waits between the turns of its connections. Its
  # five threads answer a tenth as many requests of 64 connections as of five, when nothing is done with them.
  RUNS = [
    ["puma, 5 threads, 5 connections", %w[-t 5:5], 5, 1500, nil],
    ["puma, 64 threads, 64 connections", %w[-t 64:64], 64, 3000, 1.8],
    ["puma, 2 × 32 threads, 64 connections", %w[-t 32:32 -w 2 --preload], 64, 3000, 6.0]
  ].freeze
  # At most.
  ROUNDS = 3
  # By hand on a slow disk.
  FEW = { 2 => 400, 5 => 200 }.freeze
  LEAST_OF_FLOOR = 0.5

  # @param floor [Float] what the library does alone in one transaction
  # @param verdicts [Verdicts]
  def initialize(folder, floor, verdicts)
    @folder = folder
    @floor = floor
    @verdicts = verdicts
    @round = 0
    # What is done with no disk is measured on the bare one alone.
    @nothing = Hash.new { |known, options| known[options] = [] }
  end

  def run
    puts format("\n%-52s%10s%10s%10s%10s", "requests/s", "Knocker", "by hand", "nothing", "ratio")
    Elsewhere::DELAYS_MS.each { |delay_ms| RUNS.each { |run| compare(delay_ms, *run) } }
  end

  private

  def compare(delay_ms, name, options, connections, total, times)
    figures = Requests.compare(ROUNDS) do
      @nothing[options] << measure(0, options, connections, total, "nothing") if delay_ms.zero?
      [measure(delay_ms, options, connections, total, "knocker"), measure(delay_ms, options, connections, FEW.fetch(delay_ms, total), "hand")]
    end
    nothing = Requests.median(@nothing[options])
    what = "#{name}, #{Elsewhere.disk(delay_ms)}"
    puts format("%-52s%10.0f%10.0f%10.0f%9.2fx", what, *figures.first(2), nothing, figures.last)
    # A request that nothing is done with costs what it costs, and the library comes on top of that.
    @verdicts.judge(Goal.new(what: what, times: times, floor: 1 / ((1 / @floor) + (1 / nothing)), least: LEAST_OF_FLOOR, server: "puma"), figures)
  end

  def measure(delay_ms, options, connections, total, app)
    serving(delay_ms, options, app) do |port|
      rate, errors, status = Open3.capture3(RbConfig.ruby, "-I#{library}", File.join(__dir__, "load.rb"), *[port, connections, total].map(&:to_s))
      raise errors unless status.success?

      rate.to_f
    end
  end

  def library = File.expand_path("../lib", __dir__)

  def serving(delay_ms, options, app)
    environment = { "RUBYLIB" => library, "BENCH_DATABASE" => File.join(@folder, "serving-#{@round += 1}.db"), "BENCH_APP" => app }
    output, written = IO.pipe
    command = [*Elsewhere.slowed(delay_ms), RbConfig.ruby, "-S", "puma", "--bind", "tcp://127.0.0.1:0", *options, File.join(__dir__, "app.ru")]
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
