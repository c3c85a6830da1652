# frozen_string_literal: true

require "json"
require "knocker"
require "knocker/testing"
require "scenario"

# An app whose handlers follow a script of the conformance data, and what its hooks are told.
class ScriptedApp
  # Of every event; no line of the log holds it.
  BODY = '{"customer": "never-to-be-logged"}'

  HOSTILE = { "lone_surrogate" => "before \xff after", "nul" => "before \0 after", "megabyte" => "é" * 500_000 }.freeze

  # An error whose text cannot be had.
  class NoText < StandardError
    def to_s = raise("no text")
    alias message to_s
  end

  # A handler as an object, which is the other kind beside blocks.
  Callable = Struct.new(:function) do
    def call(event, tx) = function.call(event, tx)
  end

  attr_reader :hooks, :endpoint, :errors, :dead, :kept, :name
  # @return [Array<Integer>] for each call of a handler, how many attempts had ended, as others see it
  attr_reader :ended_before

  def initialize(path, clock, given, logger:, hooks_fail: false, objects: false)
    ConformanceData.known!(given, "name", "endpoint", "handlers")
    @clock = clock
    @hooks_fail = hooks_fail
    @errors = []
    @dead = []
    @ended_before = []
    @calls = Hash.new(0)
    @reading = []
    @hooks = Knocker.open(path, synchronous: :normal, clock: clock, logger: logger, on_error: method(:told_error), on_dead: method(:told_dead))
    @name = given.fetch("name", "inbox")
    @endpoint = @hooks.endpoint(@name, **given.fetch("endpoint", {}).transform_keys(&:to_sym))
    given["handlers"].each_with_index { |handler, number| register(handler, number, objects) }
  end

  def closed? = @closed

  private

  def register(given, number, objects)
    ConformanceData.known!(given, "on", "do", "then")
    function = lambda do |event, tx|
      first = (@calls[[number, event.id]] += 1) == 1
      @ended_before << @hooks.database.rows("SELECT count(*) FROM knocker_attempts").first.first
      run(first ? given["do"] : given.fetch("then", given["do"]), event, tx)
    end
    objects ? @endpoint.on(given["on"], Callable.new(function)) : @endpoint.on(given["on"], &function)
  end

  def told_error(error, event)
    code = error.code if error.is_a?(Knocker::Error)
    says = error.is_a?(NoText) ? "" : error.message.dup.force_encoding("UTF-8").scrub
    @errors << { "event_id" => event.id, "endpoint" => event.endpoint, "type" => event.type, "attempt" => event.attempt, "code" => code,
                 "says" => says }
    raise "the error hook failed" if @hooks_fail
  end

  def told_dead(event, reason)
    @dead << { "event_id" => event.id, "endpoint" => event.endpoint, "type" => event.type, "reason" => reason }
    raise "the dead hook failed" if @hooks_fail
  end

  def run(script, event, tx)
    script.each do |action|
      kind, given = action.first
      send(:"do_#{kind}", given, event, tx)
    end
  end

  def text(given) = given.is_a?(Hash) ? HOSTILE.fetch(given["hostile"]) : given

  def of(event, text) = text.gsub("$event", event.id.to_s)

  def do_write(text, event, tx) = tx.execute("INSERT INTO written VALUES (?)", [of(event, text)])
  def do_sql(sql, event, tx) = tx.execute(of(event, sql))

  def do_write_elsewhere(text, event, _tx)
    other = SQLite3::Database.new(@hooks.database.path)
    other.execute("INSERT INTO written VALUES (?)", [of(event, text)])
  ensure
    other&.close
  end

  # Kept, so that nothing ends it by itself.
  def do_begin_reading(sql, _event, tx)
    statement = tx.prepare(sql)
    statement.step
    @reading << statement
  end

  def do_keep_tx(_given, _event, tx) = @kept = tx
  def do_raise(given, *) = raise(given == { "hostile" => "no_text" } ? NoText : text(given))
  def do_raise_knocker(code, *) = raise(Knocker::ERRORS.fetch(code), "met elsewhere")
  def do_raise_no_error(*) = exit(1)
  def do_retry(given, *) = raise(Knocker::Retry.new(text(given["reason"]), after: given["after_s"]))
  def do_ignore(reason, *) = raise(Knocker::Ignore, text(reason))
  def do_dead(reason, *) = raise(Knocker::Dead, text(reason))
  def do_advance_s(seconds, *) = @clock.advance(seconds)
  def do_operate(step, event, _tx) = Scenario.new(@hooks, { "event" => event.id }).perform(step)

  def do_on_event(given, event, tx)
    ConformanceData.known!(given, "id", "do")
    run(given["do"], event, tx) if event.id == given["id"]
  end

  def do_try(given, event, tx)
    run(given["do"], event, tx)
    failed = false
  rescue StandardError => e
    failed = true
    code = e.code if e.is_a?(Knocker::Error)
    raise "the script failed with #{code.inspect}: #{e.message}" if given.key?("code") && given["code"] != code
  ensure
    raise "the script did not fail" if failed == false
  end

  def do_close(*)
    @closed = true
    @hooks.close
  end

  def do_die(*) = Process.kill(:KILL, Process.pid)
end
