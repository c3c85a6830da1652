# frozen_string_literal: true

require "json"
require "knocker"
require_relative "requests"
require_relative "by_hand"
require_relative "elsewhere"
require_relative "goal"

# Receives a second, called from threads, on disks that sync slowly too.
class Receives
  # Callers, receives in a round on the bare disk and on a slow one, the least ratio to writing by hand, and the least part of the floor where that is less.
  RUNS = [[1, 600, 150, 0.96, 0.8], [5, 1500, 400, 1.08, 0.5], [16, 2000, 1000, 2.04, 0.5], [64, 3000, 3000, 3.6, 0.5]].freeze
  # At most.
  ROUNDS = { 0 => 5, 2 => 3, 5 => 3 }.freeze
  # At most so many by hand.
  FEW = { 0 => 1500, 2 => 200, 5 => 100 }.freeze
  FLOOR = 6000

  # What the library does alone: called with a folder and how many, it returns receives a second.
  module Library
    module_function

    # One after the other in one transaction: the most that any package can do here.
    def shared(folder, total)
      run(folder, total, "SELECT knocker_store('github', knocker_judge('github', ?, ?, ?, ?))") { |db, work| db.transaction(:immediate, &work) }
    end

    # With a commit for each, as a lone caller has it.
    def lone(folder, total) = run(folder, total, "SELECT knocker_receive('github', ?, ?, ?, ?)") { |_db, work| work.call }

    def run(folder, total, sql)
      path = File.join(folder, "library.db")
      Requests.open_hooks(path).first.close
      db = SQLite3::Database.new(path)
      Knocker.load(db)
      db.execute("PRAGMA synchronous = FULL")
      receive = db.prepare(sql)
      requests = Array.new(total) { |number| [head(number), SQLite3::Blob.new(Requests.body(number)), JSON.generate([Requests::SECRET])] }
      began = Knocker::Clock.monotonic
      yield db, ->(*) { requests.each { |request| receive.execute(*request, Knocker::Clock.now_ms).next } }
      total / (Knocker::Clock.monotonic - began)
    end

    def head(number) = JSON.generate(method: "POST", url: "/webhooks/github", headers: Requests.headers(number))
  end
  private_constant :Library

  WAYS = {
    "knocker" => ->(folder, callers, total) { Receives.knocker(folder, callers, total) },
    "hand" => ->(folder, callers, total) { Receives.by_hand(folder, callers, total) },
    "shared" => ->(folder, _callers, total) { Library.shared(folder, total) },
    "lone" => ->(folder, _callers, total) { Library.lone(folder, total) }
  }.freeze

  class << self
    def knocker(folder, callers, total)
      requests = requests_of(total)
      hooks, endpoint = Requests.open_hooks(File.join(folder, "knocker.db"))
      Requests.rate(callers, total) { |number| endpoint.receive(requests[number]) }
    ensure
      hooks.close
    end

    def by_hand(folder, callers, total)
      requests = requests_of(total)
      hand = ByHand.new(File.join(folder, "hand.db"))
      Requests.rate(callers, total) { |number| hand.store(number.to_s, requests[number].headers, requests[number].body) }
    end

    private

    def requests_of(total) = Array.new(total) { |number| Requests.request(number) }
  end

  # @param verdicts [Verdicts]
  def initialize(folder, verdicts)
    @folder = folder
    @verdicts = verdicts
    @lone = {}
  end

  # @return [Float] what the library does alone in one transaction
  def run
    puts format("\n%-44s%10s%10s%10s", "receives/s", "Knocker", "by hand", "ratio")
    @floor = row("the library, all in one transaction", 0, "shared", 1, FLOOR).first
    Elsewhere::DELAYS_MS.each do |delay_ms|
      @lone[delay_ms] = row("the library, a commit each, #{Elsewhere.disk(delay_ms)}", delay_ms, "lone", 1, FEW[delay_ms]).first
      RUNS.each { |run| compare(delay_ms, *run) }
    end
    @floor
  end

  private

  def compare(delay_ms, callers, many, few, times, least)
    name = "#{callers} callers, #{Elsewhere.disk(delay_ms)}"
    figures = row(name, delay_ms, "knocker", callers, delay_ms.zero? ? many : few)
    @verdicts.judge(Goal.new(what: name, times: times, floor: callers == 1 ? @lone[delay_ms] : @floor, least: least), figures)
  end

  def row(name, delay_ms, way, callers, total)
    figures = Requests.compare(ROUNDS[delay_ms]) do
      [Elsewhere.measure(@folder, delay_ms, __FILE__, way, callers, total),
       Elsewhere.measure(@folder, delay_ms, __FILE__, "hand", callers, [total, FEW[delay_ms]].min)]
    end
    puts format("%-44s%10.0f%10.0f%9.2fx", name, *figures)
    figures
  end
end

puts Receives::WAYS.fetch(ARGV[0]).call(ARGV[1], Integer(ARGV[2]), Integer(ARGV[3])) if $PROGRAM_NAME == __FILE__
