# frozen_string_literal: true

require "test_helper"
require "conformance_data"
require "matching"
require "raw_http"
require "servers"

# The HTTP cases, as bytes over sockets to puma.
class HttpConformanceTest < Minitest::Test
  KEYS = %w[name endpoints app database reads_body steps stored otherwise reported].freeze
  FENCE = ["POST /webhooks/fence HTTP/1.1", "Host: fence", "X-Webhook-Token: test-token", "Content-Length: 2", "Connection: close", "", "{}"].freeze
  # Puma reads a body whole before the app is called, and answers 408 itself where it does not come.
  CONFIG = File.join(Servers::APPS, "impatient_puma.rb")

  def test_every_case_of_the_data
    ran = 0
    @failed = []
    served do
      tell("begin", { "endpoints" => {} })
      fence
      tell("end")
      before = tell("leftovers")
      ConformanceData.each_case("http", "cases") do |file, content, one|
        play("#{file}: #{one["name"]}", content, one)
        ran += 1
      end
      nothing_left(before)
    end
    assert_empty @failed
    ConformanceData.write_count("http", ran)
    puts "http: #{ran} cases on puma"
  end

  private

  def served
    child_reads, @commands = IO.pipe
    @replies, child_writes = IO.pipe
    pipes = [child_reads, child_writes]
    environment = { "KNOCKER_TEST_PIPES" => pipes.map(&:fileno).join(",") }
    Servers.puma("http_conformance.ru", "-t", "8:8", "-C", CONFIG, environment: environment, inherit: pipes.to_h { |pipe| [pipe, pipe] }) do |server|
      @server = server
      pipes.each(&:close)
      yield
    end
  end

  def tell(command, *arguments)
    @commands.puts(JSON.generate([command, arguments]))
    @commands.flush
    reply = JSON.parse(@replies.gets || flunk("the app is gone: #{@server.output}"))
    refute reply.key?("error"), reply
    reply
  end

  # A request that is answered once everything before it has been seen.
  def fence
    sender = RawHttp::Sender.new(@server.port)
    sender.play([{ "send" => FENCE }, { "answer" => { "status" => 200 } }])
    sender.close
  end

  def play(at, content, one)
    ConformanceData.known!(one, *KEYS)
    tell("begin", one.merge("endpoints" => content["endpoints"].merge(one.fetch("endpoints", {}))))
    other = sent(one)
    found = tell("end")
    expected = other.nil? ? one : one.fetch("otherwise", {}).fetch(other, { "stored" => [] })
    # Puma drops a request whose sender has half closed the connection: without an answer nothing is promised.
    Matching.compare(expected["stored"], found["stored"], "stored") unless other == "closed" && found["stored"].empty?
    Matching.compare(expected.fetch("reported", []).uniq.sort, found["reported"].uniq.sort, "reported")
  rescue StandardError, Minitest::Assertion => e
    @failed << "#{at}: #{e.message}"
  end

  def sent(one)
    sender = RawHttp::Sender.new(@server.port)
    begin
      other = sender.play(one["steps"])
    ensure
      # Servers wait a while for a sender that they have refused to go away.
      sender.close
    end
    fence unless one.key?("database")
    other
  end

  # After all cases the server has nothing more open or running than after its first request.
  def nothing_left(before)
    tell("begin", { "endpoints" => {} })
    fence
    tell("end")
    Timeout.timeout(KnockerTest::PATIENCE_S) do
      sleep(0.05) until (after = tell("leftovers")).all? { |kind, count| count <= before[kind] } || !(@after = after)
    end
  rescue Timeout::Error
    flunk "the server has #{@after}, and had #{before}"
  end
end
