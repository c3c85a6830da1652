# frozen_string_literal: true

require "open3"
require "rbconfig"

# Events handled a second, how soon a worker wakes, and what an idle one costs.
class Working
  EVENTS = 2000
  WAKES = 100
  IDLE_S = 5.0
  WAKE_GOAL_MS = 5.0
  IDLE_GOAL = 0.01

  def initialize(folder)
    @folder = folder
  end

  # @return [Array<String>] goals that were missed
  def run
    puts
    [1, 4].each { |concurrency| puts format("%-46s%10.0f", "events handled/s, concurrency #{concurrency}", drain(concurrency)) }
    own = wake("own") { |endpoint, _| ->(number) { endpoint.receive(Requests.request(number)) && now } }
    other = wake("other") { |_, path| other_process(path) }
    puts format("%-46s%10.2f", "wake by a receipt of the same process, ms", own)
    puts format("%-46s%10.2f", "wake by a receipt of another process, ms", other)
    share = idle
    puts format("%-46s%9.2f%% of a core", "CPU of an idle worker", 100 * share)
    below = []
    below << format("wake across processes: %.1f ms, goal %.1f", other, WAKE_GOAL_MS) if other > WAKE_GOAL_MS
    below << format("an idle worker: %.1f%% of a core, goal 1", 100 * share) if share > IDLE_GOAL
    below
  end

  private

  def now = Process.clock_gettime(Process::CLOCK_REALTIME)

  def drain(concurrency)
    hooks, endpoint = Requests.open_hooks(File.join(@folder, "drain-#{concurrency}.db"))
    hooks.database.rows("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    Requests.rate(32, EVENTS) { |number| endpoint.receive(Requests.request(number)) }
    handled = Queue.new
    endpoint.on("*") do |event, tx|
      tx.execute("INSERT INTO orders VALUES (?)", [event.id])
      handled.push(true)
    end
    began = Knocker::Clock.monotonic
    hooks.start_worker(concurrency: concurrency)
    EVENTS.times { handled.pop }
    EVENTS / (Knocker::Clock.monotonic - began)
  ensure
    hooks.close
  end

  # From the commit of a receipt to its handler, in milliseconds. The block makes what receives and says when it had.
  def wake(name)
    path = File.join(@folder, "wake-#{name}.db")
    hooks, endpoint = Requests.open_hooks(path)
    handled = Queue.new
    endpoint.on("*") { handled.push(now) }
    hooks.start_worker
    receive = yield endpoint, path
    times = Array.new(WAKES) do |number|
      committed = receive.call(number)
      # The worker is asleep again before the next one comes.
      (handled.pop - committed).tap { sleep(0.02) }
    end
    1000 * Requests.median(times)
  ensure
    @other&.close
    @other = nil
    hooks.close
  end

  def other_process(path)
    script = <<~RUBY
      require "knocker"
      require "#{__dir__}/requests"
      hooks, endpoint = Requests.open_hooks(#{path.dump})
      $stdout.sync = true
      while (line = $stdin.gets)
        endpoint.receive(Requests.request(Integer(line)))
        puts Process.clock_gettime(Process::CLOCK_REALTIME)
      end
    RUBY
    @other = IO.popen([RbConfig.ruby, "-I#{File.expand_path("../lib", __dir__)}", "-e", script], "r+")
    lambda do |number|
      @other.puts(number)
      @other.gets.to_f
    end
  end

  def idle
    hooks, endpoint = Requests.open_hooks(File.join(@folder, "idle.db"))
    endpoint.on("*") { nil }
    hooks.start_worker
    sleep(1)
    before = cpu
    sleep(IDLE_S)
    (cpu - before) / IDLE_S
  ensure
    hooks.close
  end

  def cpu = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
end
