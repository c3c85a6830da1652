# frozen_string_literal: true

require "test_helper"
require "open3"
require "rbconfig"
require "scripted"

# Handlers that follow a script, and what becomes of their events: each case with blocks and with objects, through a drain with shared commits and a
# running worker, and with blocks through a drain without.
class WorkerConformanceTest < KnockerTest
  WAYS = [*%i[drain worker].product([false, true]), [:apart, false]].freeze

  # The lines of Knocker's log.
  class Lines
    Line = Struct.new(:level, :text)

    attr_reader :lines

    def initialize
      @lines = []
    end

    %i[debug info warn error].each { |level| define_method(level) { |text| @lines << Line.new(level, text) } }
  end

  # A worker is started and stopped for each look at what is due.
  Knocker::Worker.send(:remove_const, :WATCH_S)
  Knocker::Worker.const_set(:WATCH_S, 0.005)

  %w[worker shared_commits].each do |kind|
    define_method("test_every_case_of_#{kind}") do
      ran = 0
      ConformanceData.each_case(kind, "cases") do |file, _, one|
        ways = one["only_shared"] ? WAYS.select { |way, _| way == :drain } : WAYS
        ways.each { |way, objects| play("#{file}: #{one["name"]} (#{way}, #{objects ? "objects" : "blocks"})", one, way, objects) }
        ran += 1
      end
      ConformanceData.write_count(kind, ran)
      puts "#{kind}: #{ran} cases, each in #{WAYS.size} ways"
    end
  end

  private

  def play(at, one, way, objects)
    ConformanceData.known!(one, "name", "schema", "endpoint", "handlers", "apps", "hooks_fail", "only_shared", "steps")
    Dir.mktmpdir("knocker-worker-") do |folder|
      story = Story.new(File.join(folder, "app.db"), one, way, objects)
      one["steps"].each_with_index do |step, index|
        story.step(step)
      rescue StandardError, Minitest::Assertion => e
        flunk "#{at}, step #{index + 1}: #{e.class}: #{e.message}\n#{e.backtrace.first(6).join("\n")}"
      end
    ensure
      story&.close
    end
  end

  # The apps of a case on one file, and an observer that looks at it between the steps.
  class Story
    include Knocker::Testing

    def initialize(path, one, way, objects)
      @path = path
      @way = way
      @objects = objects
      @hooks_fail = one.fetch("hooks_fail", false)
      @given = one.fetch("apps", {}).dup
      @given["main"] = one.slice("endpoint", "handlers") if one.key?("handlers")
      @apps = {}
      @log = Lines.new
      @clock = FrozenClock.new
      @observer = Knocker.open(path, synchronous: :normal, clock: @clock, logger: false)
      @scenario = Scenario.new(@observer, {})
      ["CREATE TABLE written (text TEXT NOT NULL UNIQUE)", *one["schema"]].each { |sql| @observer.database.rows(sql) }
    end

    def step(step)
      ConformanceData.known!(step, "now", "app", "event", "run", "dies", "use_kept_tx", "op", "args", "expect", "expect_error")
      @clock.set(step["now"]) if step["now"]
      name = step.fetch("app", "main")
      if step.key?("event") then app(name).endpoint.ingest(ScriptedApp::BODY, valid: true, type: step["event"])
      elsif step.key?("run") then run(app(name), step["run"])
      elsif step.key?("dies") then die(name)
      elsif step.key?("use_kept_tx") then use_kept(app(name), step)
      else @scenario.step(step)
      end
    end

    def close
      @apps.each_value { |app| app.hooks.close }
      @observer.close
    end

    private

    def app(name)
      @apps[name] ||= ScriptedApp.new(@path, @clock, @given.fetch(name), logger: @log, hooks_fail: @hooks_fail, objects: @objects)
    end

    def run(app, expected)
      ConformanceData.known!(expected, "results", "errors", "dead", "log", "written", "events", "attempts", "ended_before")
      [app.errors, app.dead, app.ended_before, @log.lines].each(&:clear)
      @way == :worker ? work(app) : drained(app, expected)
      Matching.compare(expected.fetch("errors", []), app.errors, "errors")
      Matching.compare(expected.fetch("dead", []), app.dead, "dead")
      check_log(app, expected.fetch("log", []))
      written = @observer.database.rows("SELECT text FROM written ORDER BY rowid").flatten
      Matching.compare(expected.fetch("written", []), written, "written")
      %w[events attempts].each do |view|
        Matching.compare(expected[view], @scenario.perform("op" => "select", "args" => { "view" => view }), view) if expected.key?(view)
      end
    end

    def drained(app, expected)
      before = @observer.database.rows("SELECT count(*) FROM knocker_attempts").first.first
      results = drain(app.hooks, share_commits: @way == :drain).map { |attempt| attempt.status.to_s }
      Matching.compare(expected["results"], results, "results")
      return unless expected.key?("ended_before")

      # Each alone finds all of those before committed.
      wanted = @way == :drain ? expected["ended_before"] : Array.new(results.size) { |number| before + number }
      Matching.compare(wanted, app.ended_before, "ended_before")
    end

    # A worker at its work, until nothing is due; what it has claimed and not begun is given back when it stops.
    def work(app)
      while due?(app)
        worker = app.hooks.start_worker
        Timeout.timeout(KnockerTest::PATIENCE_S) { sleep(0.001) while due?(app) }
        worker.stop
      end
    end

    def due?(app) = !app.closed? && @observer.leases("nobody").next_due_ms(endpoints: [app.name])&.zero?

    # Each failed attempt is a warning, each dead event an error, and there is nothing else but what the case names.
    def check_log(app, beside)
      lines = @log.lines.reject { |line| %i[debug info].include?(line.level) }
      said = lines.map { |line| [line.level, line.text[/\Aevent (\d+) /, 1]&.to_i] }.tally
      wanted = [*app.errors.map { |told| [:warn, told["event_id"]] }, *app.dead.map { |told| [:error, told["event_id"]] }].tally
      wanted.each { |line, times| raise "the log does not say #{line}, but #{said}" if said.fetch(line, 0) < times }
      surplus = said.flat_map { |line, times| [line.first] * (times - wanted.fetch(line, 0)) }
      levels = beside.map { |level| level == "warning" ? :warn : level.to_sym }
      raise "beside that the log says #{surplus}, expected #{levels}: #{lines.map(&:text)}" unless surplus.tally == levels.tally

      @log.lines.each { |line| raise "the log says #{line.text}" if line.text.match?(/never-to-be-logged|\n/) }
    end

    def die(name)
      given = { path: @path, now: @clock.call, app: @given.fetch(name), worker: @way == :worker, share_commits: @way != :apart, objects: @objects }
      _, errors, ended = Open3.capture3(RbConfig.ruby, File.expand_path("apps/dying_worker.rb", __dir__), JSON.generate(given))
      raise "the worker ended with #{ended}: #{errors}" unless ended.termsig == Signal.list.fetch("KILL")
    end

    def use_kept(app, step)
      app.kept.execute(step["use_kept_tx"])
      raise "it could be used"
    rescue Knocker::Error => e
      raise "it ended in #{e.message}" unless e.code == step["expect_error"]
    end
  end
end
