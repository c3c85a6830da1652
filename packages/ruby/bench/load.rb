# frozen_string_literal: true

# A process of its own that sends: so many requests over so many connections that are kept, from one thread, so that it costs the servers little.
# Prints requests a second.

require "socket"
require "knocker"
require_relative "requests"

port, connections, total = ARGV.map { |argument| Integer(argument) }
waiting = Array.new(total) do |number|
  body = Requests.body(number)
  head = Requests.headers(number).map { |name, value| "#{name}: #{value}\r\n" }.join
  "POST /webhooks/github HTTP/1.1\r\nHost: bench.example\r\n#{head}Content-Length: #{body.bytesize}\r\n\r\n#{body}"
end
connect = -> { TCPSocket.new("127.0.0.1", port).tap { |socket| socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) } }
sockets = Array.new(connections) { connect.call }
answers = Hash.new { |all, socket| all[socket] = +"" }
began = Knocker::Clock.monotonic
sockets.each { |socket| socket.write(waiting.pop) }
answered = 0
while answered < total
  IO.select(sockets).first.each do |socket|
    head = answers[socket] << socket.readpartial(4096)
    next unless head.include?("\r\n\r\n")
    raise "answered #{head[0, 100]}" unless head.start_with?("HTTP/1.1 200")

    answered += 1
    answers[socket] = +""
    # The server ends some connections after a number of requests.
    if head.match?(/^connection: close/i)
      sockets.delete(socket)
      sockets << (socket = connect.call)
    end
    following = waiting.pop
    following ? socket.write(following) : sockets.delete(socket)
  end
end
puts total / (Knocker::Clock.monotonic - began)
