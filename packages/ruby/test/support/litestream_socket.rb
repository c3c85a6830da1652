# frozen_string_literal: true

require "json"
require "socket"
require "timeout"

# What Litestream's control socket is to a receipt: a small HTTP server on a Unix socket that takes `POST /sync`.
class LitestreamSocket
  SYNCED = [200, '{"status": "synced", "txid": 7, "replicated_txid": 7}'].freeze

  # What is said to a question, and how often.
  attr_accessor :answer, :times
  attr_reader :asked, :connections

  def initialize(path)
    @path = path
    @answer = SYNCED
    @times = 1
    @asked = []
    @connections = 0
    @questions = Thread::Queue.new
    @held = nil
    @clients = []
    @server = UNIXServer.new(path)
    @thread = Thread.new { loop { serve(@server.accept) } }
    @thread.report_on_exception = false
  end

  # Answers nothing more until it is released.
  def hold = @held = Thread::Queue.new

  def release
    held = @held
    @held = nil
    held&.close
  end

  # Waits until it is asked.
  def wait_for_question = Timeout.timeout(120, nil, "nobody asked") { @questions.pop }

  # Ends it, with its connections.
  def stop
    return if @server.closed?

    release
    @thread.kill.join
    @server.close
    @clients.each { |client| client.close unless client.closed? }
    File.unlink(@path)
  end

  private

  def serve(client)
    @connections += 1
    @clients << client
    Thread.new do
      reply(client) until client.closed?
    rescue IOError, SystemCallError
      # The one who asked has gone.
    end
  end

  def reply(client)
    head = client.gets("\r\n\r\n")
    return client.close if head.nil?
    raise "not what Litestream takes: #{head}" unless head.start_with?("POST /sync HTTP/1.1\r\n")

    @asked << JSON.parse(client.read(head[/content-length: (\d+)/i, 1].to_i))
    @questions << true
    @held&.pop
    status, body = @answer.respond_to?(:call) ? @answer.call(@asked.last["path"]) : @answer
    client.write("HTTP/1.1 #{status} Said\r\nContent-Type: application/json\r\nContent-Length: #{body.bytesize}\r\n\r\n#{body}" * @times)
  end
end
