# frozen_string_literal: true

require "json"
require "knocker"
require_relative "requests"
require_relative "elsewhere"

# A backlog worked off, with shared commits and without, beside a table worked off by hand with one commit a job, on slow disks too.
#
# Each figure is of a process of its own, because the delay of a sync is preloaded into it.
class Draining
  # Events of a round that has a commit for each; those with shared commits take more, for as much time.
  FEW = { 0 => 4000, 2 => 400, 5 => 200 }.freeze
  MANY = 4000
  # At most.
  ROUNDS = { 0 => 3, 2 => 5, 5 => 3 }.freeze
  RECEIVERS = 32
  # How often by hand, at a delay and without one.
  GOALS = [10.0, 1.5].freeze

  # @return [Hash{String => #call}] what is measured: called with a folder and a number of events, it returns events a second
  WAYS = {
    "shared" => ->(folder, total) { ByWorker.new(folder).rate(total) },
    "hand" => ->(folder, total) { ByHand.new(folder).rate(total) },
    "apart" => ->(folder, total) { ByWorker.new(folder).rate(total, share_commits: false) },
    "shared, 4 threads" => ->(folder, total) { ByWorker.new(folder).rate(total, concurrency: 4) }
  }.freeze

  def initialize(folder)
    @folder = folder
  end

  # @return [Array<String>] goals that were missed
  def run
    puts format("\n%-40s%10s%10s%10s%11s%13s", "events handled/s, syncs delayed by", "by hand", "apart", "shared", "4 threads", "shared/hand")
    Elsewhere::DELAYS_MS.filter_map { |delay_ms| compare(delay_ms) }
  end

  private

  def compare(delay_ms)
    rounds = Requests.rounds(ROUNDS[delay_ms]) { WAYS.keys.map { |way| measure(way, delay_ms) } }
    shared, hand, apart, threads = rounds.transpose.map { |figures| Requests.median(figures) }
    ratio = Requests.median(Requests.ratios(rounds))
    puts format("%-40s%10.0f%10.0f%10.0f%11.0f%12.1fx", "#{delay_ms} ms", hand, apart, shared, threads, ratio)
    goal = delay_ms.positive? ? GOALS.first : GOALS.last
    format("a backlog at syncs of %d ms: %.1f times by hand, goal %.1f", delay_ms, ratio, goal) if ratio < goal
  end

  def measure(way, delay_ms) = Elsewhere.measure(@folder, delay_ms, __FILE__, way, way.start_with?("shared") ? MANY : FEW[delay_ms])

  # The oldest waiting row, the handler's row and the row's new state in one commit, and the next one.
  class ByHand
    NEXT = "SELECT id, headers, body FROM inbox WHERE state = 'waiting' ORDER BY id LIMIT 1"
    WRITE = "INSERT INTO orders VALUES (?)"
    DONE = "UPDATE inbox SET state = 'handled' WHERE id = ?"

    def initialize(folder)
      @db = SQLite3::Database.new(File.join(folder, "hand.db"))
      @db.execute_batch(<<~SQL)
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE inbox (id INTEGER PRIMARY KEY, headers TEXT, body BLOB, state TEXT NOT NULL);
        CREATE INDEX waiting ON inbox (id) WHERE state = 'waiting';
        CREATE TABLE orders (id INTEGER);
      SQL
    end

    def rate(total)
      fill(total)
      following, write, done = [NEXT, WRITE, DONE].map { |sql| @db.prepare(sql) }
      began = Knocker::Clock.monotonic
      handled = 0
      while (row = following.execute.next)
        following.reset!
        JSON.parse(row[1])
        @db.transaction(:immediate) { [write, done].each { |statement| statement.execute(row[0]) } }
        handled += 1
      end
      raise "#{handled} handled of #{total}" unless handled == total

      total / (Knocker::Clock.monotonic - began)
    end

    private

    def fill(total)
      @db.transaction do
        total.times do |number|
          @db.execute("INSERT INTO inbox (headers, body, state) VALUES (?, ?, 'waiting')",
                      [JSON.generate(Requests.headers(number).to_a), SQLite3::Blob.new(Requests.body(number))])
        end
      end
    end
  end

  # A worker whose handler writes one row through `tx`.
  class ByWorker
    def initialize(folder)
      @hooks, @endpoint = Requests.open_hooks(File.join(folder, "worker.db"))
      @hooks.database.rows("CREATE TABLE orders (id INTEGER)")
    end

    def rate(total, **settings)
      Requests.rate(RECEIVERS, total) { |number| @endpoint.receive(Requests.request(number)) }
      handled = Thread::Queue.new
      @endpoint.on("push") do |event, tx|
        tx.execute("INSERT INTO orders VALUES (?)", [event.id])
        handled.push(true)
      end
      began = Knocker::Clock.monotonic
      worker = @hooks.start_worker(**settings)
      total.times { handled.pop }
      # The last ones are committed a moment later.
      sleep(0.001) until @hooks.stats.events.handled == total
      total / (Knocker::Clock.monotonic - began)
    ensure
      worker&.stop
    end
  end
  private_constant :ByHand, :ByWorker
end

puts Draining::WAYS.fetch(ARGV[0]).call(ARGV[1], Integer(ARGV[2])) if $PROGRAM_NAME == __FILE__
