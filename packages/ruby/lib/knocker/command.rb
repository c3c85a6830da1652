# frozen_string_literal: true

require "English"
require "optparse"
require "knocker/contract"

module Knocker
  # `knocker-worker FILE`: loads the file in which an app opens its hooks and registers its handlers, and handles events until a signal ends it.
  class Command
    USAGE = "Usage: knocker-worker [options] FILE"
    SIGNALS = %w[TERM INT].freeze
    # A process that died is started again after so long.
    PAUSE_S = 1.0
    private_constant :USAGE, :SIGNALS, :PAUSE_S

    # @param arguments [Array<String>]
    def initialize(arguments)
      @settings = {}
      @processes = 1
      @files = options.parse(arguments)
    rescue OptionParser::ParseError => e
      @problem = e.message
    end

    # @return [Integer] the exit status
    def run
      return complain(@problem || "name one file: the one in which your app opens its hooks") if @problem || @files.size != 1
      return complain("there is no file #{@files.first}") unless File.file?(@files.first)

      load_app(File.expand_path(@files.first))
      # Not before: what Knocker has for Rails it brings where Rails is there.
      require "knocker"
      hooks = Hooks.opened.select { |one| handled(one).any? }
      # Which endpoints they have is known once their files are open.
      many = Tenants.opened
      return complain("#{@files.first} opened no hooks that have handlers") if hooks.empty? && many.empty?

      what = hooks.flat_map { |one| handled(one) } + many.map { |tenants| tenants.pattern.to_s }
      say "knocker-worker: handles the events of #{what.join(", ")} until it is told to stop (Ctrl-C, SIGTERM)"
      hooks += many
      @processes == 1 ? work(hooks) : supervise(hooks)
    end

    private

    def options
      OptionParser.new(USAGE) do |parser|
        parser.separator("FILE opens the hooks and registers the handlers: config/environment.rb of Rails, a config.ru, or a file of your own.")
        parser.on("-c", "--concurrency N", Integer, "handlers that run at once in a process, each in a thread (1)") do |n|
          @settings[:concurrency] = n
        end
        parser.on("-p", "--processes N", Integer, "processes (1); handlers that compute run beside each other in these alone") { |n| @processes = n }
        parser.on("--poll SECONDS", Float, "looks at the file so often even if nothing told it to (1)") { |s| @settings[:poll] = s }
        parser.on("--lease SECONDS", Integer, "lease of a job, extended while its handler runs (60)") { |s| @settings[:lease_s] = s }
        parser.on("--no-share-commits", "commits each event alone, also of a backlog") { |share| @settings[:share_commits] = share }
        parser.on("--version", "prints the version") do
          puts VERSION
          exit
        end
      end
    end

    # The names of the endpoints that have handlers.
    def handled(hooks) = hooks.endpoints.reject { |_name, endpoint| endpoint.handlers.empty? }.keys

    def complain(problem)
      say "knocker-worker: #{problem}", USAGE
      2
    end

    # What warnings are said with says nothing under `ruby -W0`.
    def say(*lines) = $stderr.write("#{lines.join("\n")}\n")

    # The app loads Knocker, which looks whether it is at home in Rails.
    def load_app(file)
      if file.end_with?(".ru")
        require "rack"
        require "rack/builder"
        Rack::Builder.parse_file(file)
      else
        require(file)
      end
      require "knocker"
    end

    # Handles events until a signal comes, then finishes what runs and gives back the rest.
    def work(hooks)
      signals = Thread::Queue.new
      # Before the first handler runs, so that a signal never finds one without them.
      trapping(->(signal) { signals.push(signal) }) do
        workers = hooks.map { |one| one.start_worker(**@settings) }
        signals.pop
        workers.each(&:stop)
        hooks.each(&:close)
      end
      0
    end

    # Several processes, of which one that dies is replaced.
    def supervise(hooks)
      @ending = false
      # Forked with nothing open: each opens the files of its own.
      @children = Array.new(@processes) { start(hooks) }
      trapping(->(signal) { pass_on(signal) }) { replace(Process.wait, hooks) until @children.empty? }
      0
    end

    def start(hooks)
      fork do
        # Until it has its own traps, what the parent does at a signal is not the child's to do.
        SIGNALS.each { |signal| trap(signal, "DEFAULT") }
        exit!(work(hooks))
      end
    end

    def pass_on(signal)
      @ending = true
      @children.each do |child|
        Process.kill(signal, child)
      rescue Errno::ESRCH
        nil
      end
    end

    def replace(child, hooks)
      @children.delete(child)
      return if @ending

      say "knocker-worker: process #{child} ended (#{$CHILD_STATUS}), starting another one"
      sleep(PAUSE_S)
      @children << start(hooks) unless @ending
    end

    def trapping(handler)
      before = SIGNALS.to_h { |signal| [signal, trap(signal) { handler.call(signal) }] }
      yield
    ensure
      before.each { |signal, former| trap(signal, former || "DEFAULT") }
    end
  end
end
