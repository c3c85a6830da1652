# frozen_string_literal: true

require "socket"
require "timeout"

# An HTTP sender that does not care for the rules: bytes as a case says them, and the answers to them.
module RawHttp
  PATIENCE_S = 120

  # One answer; no status where the connection ended without one.
  Answer = Struct.new(:status, :headers, :body)

  # One connection.
  class Connection
    def initialize(port)
      @socket = TCPSocket.new("127.0.0.1", port)
      @socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      @received = +"".b
      # Whose answers have a body, in the order of the requests.
      @methods = []
    end

    # All of it, or as much as the other side takes.
    def send(content)
      @methods.concat(content.b[0, 65_536].scan(%r{(?:\A|\r\n\r\n.*?)([A-Z]+) \S+ HTTP/1}m).flatten)
      @socket.write(content)
    rescue SystemCallError
      nil
    end

    def close(how = "all")
      case how
      when "half" then @socket.close_write
      when "reset"
        @socket.setsockopt(Socket::SOL_SOCKET, Socket::SO_LINGER, [1, 0].pack("ii"))
        @socket.close
      when "all" then @socket.close
      else raise "the runner knows no way to close #{how}"
      end
    rescue SystemCallError, IOError
      nil
    end

    # The next answer that is not interim.
    def answer
      loop do
        head = take_until("\r\n\r\n")
        return Answer.new(nil, {}, "") if head.nil?

        first, *lines = head.split("\r\n")
        status = first[%r{\AHTTP/1\.[01] (\d{3})(?: .*)?\z}, 1] || raise("no status line: #{first.inspect}")
        headers = lines.to_h { |line| line.split(":", 2).then { |name, value| [name.downcase, value.to_s.strip] } }
        # Puma's last word where it is at its wits' end: as good as none.
        return Answer.new(nil, {}, "") if status == "500" && headers.empty?
        return Answer.new(status.to_i, headers, body(status.to_i, headers, @methods.shift)) if status.to_i >= 200
      end
    end

    private

    def body(status, headers, method)
      return "" if method == "HEAD" || [204, 304].include?(status)
      return chunks if headers["transfer-encoding"] == "chunked"

      headers.key?("content-length") ? take(headers["content-length"].to_i) : rest
    end

    def chunks
      whole = +""
      until (size = (take_until("\r\n") || "0").to_i(16)).zero?
        whole << take(size)
        take_until("\r\n")
      end
      take_until("\r\n")
      whole
    end

    def take_until(mark)
      until (at = @received.index(mark))
        return nil unless more?
      end
      found = @received.slice!(0, at + mark.size)
      found[0, at]
    end

    def take(count)
      more? || raise("the body of an answer ended after #{@received.size} of #{count} bytes") while @received.size < count
      @received.slice!(0, count)
    end

    def rest
      nil while more?
      @received
    end

    def more?
      raise "no answer came in #{PATIENCE_S} s" unless @socket.wait_readable(PATIENCE_S)

      @received << @socket.readpartial(65_536)
      true
    rescue EOFError, SystemCallError
      false
    end
  end

  # Plays the steps of a case.
  class Sender
    def initialize(port)
      @port = port
      @connections = {}
    end

    # The status (or `closed`) of the last answer that was not the one listed first; nil where each was.
    def play(steps)
      other = nil
      steps.each do |step|
        connection = @connections[step.fetch("on", "")] ||= Connection.new(@port)
        if step.key?("answer")
          ConformanceData.known!(step, "answer", "on")
          answer = connection.answer
          other = (answer.status || "closed").to_s unless first?(step["answer"], answer)
        elsif step.key?("close")
          ConformanceData.known!(step, "close", "on")
          connection.close(step["close"])
        else
          connection.send(bytes(step))
        end
      end
      other
    end

    def close = @connections.each_value(&:close)

    private

    def first?(expected, answer)
      ConformanceData.known!(expected, "status", "headers", "body")
      statuses = Array(expected["status"])
      statuses = [nil] if statuses.empty?
      refuse(expected, answer) unless statuses.include?(answer.status)
      # Whatever a server says for itself: no inside of the app is in it.
      raise "an inside of the app is in #{answer}" if answer.body.match?(/vault\.internal|\.rb\b/)
      return false unless answer.status == statuses.first

      expected.fetch("headers", {}).each { |name, value| refuse(expected, answer) unless answer.headers[name] == value }
      refuse(expected, answer) if expected.key?("body") && answer.body.b != expected["body"].b
      true
    end

    def refuse(expected, answer) = raise("answered #{answer.inspect[0, 400]}, expected #{expected}")

    def bytes(step)
      ConformanceData.known!(step, "send", "send_base64", "times", "on")
      return step["send_base64"].unpack1("m") if step.key?("send_base64")

      text = step["send"].is_a?(Array) ? step["send"].join("\r\n") : step["send"]
      text * step.fetch("times", 1)
    end
  end
end
