# frozen_string_literal: true

# The app that the HTTP cases are sent to. The runner says over a pipe which case comes next.
require "fileutils"
require "json"
require "logger"
require "minitest"
require "tmpdir"
require "knocker"
require "conformance_data"
require "matching"

# The codes of the errors that the app is told of.
class Reported
  attr_reader :codes

  def initialize = @codes = []
  def info(_text) = nil
  def warn(_text) = nil
  def error(text) = @codes << (text[/answered \d{3}: ([a-z_]+)/, 1] || text[/\A([a-z_]+): /, 1] || text)
end

# The hooks of the current case, with its endpoints and settings, and what is wrong with its file.
class Stage
  DATABASES = [nil, "locked", "full", "newer", "removed", "closed"].freeze

  attr_reader :database, :rack

  def initialize(one, reported)
    @folder = Dir.mktmpdir("knocker-http-")
    @path = File.join(@folder, "app.db")
    @database = one["database"]
    raise "the runner knows no database that is #{@database}" unless DATABASES.include?(@database)

    @settings = one["app"] || {}
    ConformanceData.known!(@settings, "public_url", "trust_proxy")
    @seen = 0
    @hooks = Knocker.open(@path, synchronous: :normal, busy_timeout_s: @database == "locked" ? 0.05 : 60, logger: reported,
                                 public_url: @settings["public_url"], trusted_proxies: @settings["trust_proxy"] ? ["*"] : [])
    limit_pages if @database == "full"
    one["endpoints"].each { |name, settings| declare(name, **settings.transform_keys(&:to_sym)) }
    declare("fence", provider: "token", secrets: ["test-token"])
    @rack = @hooks.rack
    break_it
  end

  # What was stored since the last time.
  def stored
    mend
    return [] if @database == "removed"
    return rows(@hooks) unless @database == "closed"

    hooks = Knocker.open(@path, synchronous: :normal, logger: false)
    begin
      rows(hooks)
    ensure
      hooks.close
    end
  end

  def close
    @hooks.close
    FileUtils.remove_entry(@folder)
  end

  private

  def declare(name, secrets: [], **settings)
    @hooks.endpoint(name, secrets: secrets == "raises" ? ->(_) { raise KeyError, "vault.internal: the secret of a tenant" } : secrets, **settings)
  end

  # The limit is the writing connection's own.
  def limit_pages
    database = @hooks.database
    pages = database.rows("PRAGMA page_count").first.first
    database.define_singleton_method(:open) do |**settings|
      super(**settings).tap { |connection| connection.value("PRAGMA max_page_count = #{pages + 8}") }
    end
  end

  def break_it
    case @database
    when "locked"
      @other = SQLite3::Database.new(@path)
      @other.execute("BEGIN IMMEDIATE")
    when "newer" then version("version + 4711")
    when "removed" then File.unlink(@path)
    when "closed" then @hooks.close
    end
  end

  def mend
    @other&.close
    @other = nil
    version("version - 4711") if @database == "newer"
  end

  def version(version)
    other = SQLite3::Database.new(@path)
    other.execute("UPDATE _knocker_schema SET version = #{version} WHERE version = (SELECT max(version) FROM _knocker_schema)")
    other.close
  end

  def rows(hooks)
    found = hooks.deliveries(after: @seen, with_body: true).to_a
    @seen = [@seen, *found.map(&:id)].max
    found.reject { |row| row.endpoint == "fence" }.map { |row| as_json(row) }
  end

  def as_json(row)
    given = Matching.plain(row)
    given["headers"].transform_values! { |value| Array(value).join(", ").gsub(/, */, ", ") }
    given
  end
end

# What a parser leaves where the server's input cannot be rewound, as Rack 3 has it.
ReadBefore = Struct.new(:input) do
  def read(...) = input.read(...)
end

# Follows the runner.
class Director
  def initialize
    @reported = Reported.new
    @reads_body = false
  end

  def call(env)
    inside = env["PATH_INFO"]
    return [404, { "content-length" => "14" }, ["the app itself"]] unless inside == "/webhooks" || inside.start_with?("/webhooks/")

    env["SCRIPT_NAME"] = "/webhooks"
    env["PATH_INFO"] = inside.delete_prefix("/webhooks")
    if @reads_body && !inside.end_with?("/fence")
      env["rack.input"].read
      env["rack.input"] = ReadBefore.new(env["rack.input"])
    end
    @stage.rack.call(env)
  end

  def listen(commands, replies)
    while (line = commands.gets)
      name, argument = JSON.parse(line)
      reply = begin
        public_send(name, *argument)
      rescue StandardError => e
        { error: "#{e.class}: #{e.message} #{e.backtrace.first(4)}" }
      end
      replies.puts(JSON.generate(reply))
      replies.flush
    end
  end

  # Sets the stage for a case; the one of the case before, where it is the same and nothing is wrong with its file.
  def begin(one)
    wanted = one.values_at("endpoints", "app", "database")
    if @stage.nil? || wanted != @kept || @stage.database
      @stage&.close
      @stage = Stage.new(one, @reported)
      @kept = wanted
    end
    @reads_body = one.fetch("reads_body", false)
    @reported.codes.clear
    {}
  end

  # What came out of the case.
  def end = { stored: @stage.stored, reported: @reported.codes }

  # What is open and running in this process.
  def leftovers = { files: Dir.children("/proc/self/fd").size, threads: Thread.list.size }
end

director = Director.new
commands, replies = ENV.fetch("KNOCKER_TEST_PIPES").split(",").zip(%w[r w]).map { |number, mode| IO.for_fd(number.to_i, mode) }
Thread.new { director.listen(commands, replies) }
run director
