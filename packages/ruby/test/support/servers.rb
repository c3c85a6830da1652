# frozen_string_literal: true

require "net/http"
require "rbconfig"
require "timeout"

# Real servers in processes of their own.
module Servers
  APPS = File.expand_path("../apps", __dir__)
  LIBRARY = File.expand_path("../../lib", __dir__)
  PATIENCE_S = 120

  # A running server.
  Server = Struct.new(:pid, :port, :output) do
    # One request on a connection of its own.
    def post(path, request)
      Net::HTTP.start("127.0.0.1", port, read_timeout: PATIENCE_S) do |http|
        headers = Knocker::Headers.pairs(request.headers).to_h
        http.post(path, request.body, { "Content-Type" => "application/json", **headers })
      end
    end

    def get(path) = Net::HTTP.get(URI("http://127.0.0.1:#{port}#{path}"))

    # A signal to the server alone; its group is for the end.
    def signal(name) = Process.kill(name, pid)

    def kill
      Process.kill(:KILL, -pid)
      Process.wait(pid)
    end
  end

  module_function

  # Runs puma with an app, of `test/apps` where nothing else is said, until the block ends.
  def puma(app, *options, environment: {}, inherit: {}, chdir: APPS)
    environment = { "KNOCKER_EXTENSION" => Knocker.loadable_path, "RUBYLIB" => [LIBRARY, __dir__].join(":"), **environment }
    command = [RbConfig.ruby, "-S", "puma", "--bind", "tcp://127.0.0.1:0", *options, File.expand_path(app, APPS)]
    output, written = IO.pipe
    pid = spawn(environment, *command, chdir: chdir, out: written, err: written, pgroup: true, **inherit)
    written.close
    server = Server.new(pid, nil, +"")
    server.port = port_of(output, server.output)
    # Nobody reads on, and a full pipe would stop the server.
    reader = Thread.new { loop { server.output << output.readpartial(65_536) } rescue EOFError } # rubocop:disable Style/RescueModifier
    yield server
  ensure
    finish(pid) if pid
    reader&.join(PATIENCE_S)
  end

  def port_of(output, said)
    Timeout.timeout(PATIENCE_S, nil, "puma did not start: #{said}") do
      until (port = said[%r{Listening on http://127\.0\.0\.1:(\d+)}, 1]) && said.include?("Use Ctrl-C")
        said << output.readpartial(65_536)
      end
      port.to_i
    end
  rescue EOFError
    raise "puma ended: #{said}"
  end

  def finish(pid)
    Process.kill(:TERM, pid)
    Timeout.timeout(PATIENCE_S) { Process.wait(pid) }
  rescue Errno::ESRCH, Errno::ECHILD
    nil
  ensure
    begin
      Process.kill(:KILL, -pid)
    rescue Errno::ESRCH, Errno::EPERM
      nil
    end
  end
end
