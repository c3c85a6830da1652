# frozen_string_literal: true

# A process of its own that sends: so many requests over so many connections that are kept. Prints requests a second.

require "socket"
require "knocker"
require_relative "requests"

port, connections, total = ARGV.map { |argument| Integer(argument) }
requests = Array.new(total) do |number|
  body = Requests.body(number)
  head = Requests.headers(number).map { |name, value| "#{name}: #{value}\r\n" }.join
  "POST /webhooks/github HTTP/1.1\r\nHost: bench.example\r\n#{head}Content-Length: #{body.bytesize}\r\n\r\n#{body}"
end
sockets = Array.new(connections) { Queue.new }
sockets.each { |one| one.push(TCPSocket.new("127.0.0.1", port).tap { |socket| socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) }) }
free = Queue.new
sockets.each { |one| free.push(one.pop) }
rate = Requests.rate(connections, total) do |number|
  socket = Thread.current[:socket] ||= free.pop
  socket.write(requests[number])
  head = +""
  head << socket.readpartial(4096) until head.include?("\r\n\r\n")
  raise "answered #{head[0, 100]}" unless head.start_with?("HTTP/1.1 200")

  # The server ends some connections after a number of requests.
  if head.match?(/^connection: close/i)
    socket.close
    Thread.current[:socket] = TCPSocket.new("127.0.0.1", port)
  end
end
puts rate
