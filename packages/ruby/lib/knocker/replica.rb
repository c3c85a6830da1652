# frozen_string_literal: true

require "json"
require "net/http"
require "socket"

module Knocker
  # The replica of the file that Litestream keeps elsewhere, and how receipts wait until they are there. Of one thread at a time.
  #
  # Litestream's control socket speaks HTTP: `POST /sync` with `wait` answers once everything that is committed when it is asked is in the replica.
  # It is asked once for each group of receipts, on a connection that is kept.
  # @api private
  class Replica
    # Of what Litestream says of a failure, which may be the whole answer of a storage service.
    LONGEST_REASON = 300
    # What it answers is a line.
    MOST_ANSWERED = 64 * 1024
    # The connection that was kept is of a Litestream that has ended.
    BROKEN = [EOFError, IOError, Errno::ECONNRESET, Errno::EPIPE].freeze
    private_constant :LONGEST_REASON, :MOST_ANSWERED, :BROKEN

    # A socket whose timeout is for an answer as a whole: one that comes byte by byte starts none anew, and none is endless.
    class BoundedSocket < Socket
      # @param deadline [Float] when the next answer is given up, on the monotonic clock
      def bound(deadline)
        @deadline = deadline
        @left_bytes = MOST_ANSWERED
      end

      def read_nonblock(*, **)
        raise Net::ReadTimeout if Clock.monotonic >= @deadline

        read = super
        @left_bytes -= read.bytesize if read.is_a?(String)
        raise Net::ProtocolError, "its answer is none of Litestream's" if @left_bytes.negative?

        read
      end

      def wait_readable(timeout) = super([timeout, @deadline - Clock.monotonic].min.clamp(0, nil))
    end

    # HTTP over a Unix socket.
    class SocketHttp < Net::HTTP
      attr_writer :path

      def give_up_at(deadline)
        @deadline = deadline
        @bounded&.bound(deadline)
      end

      # @return [Boolean] whether nothing more was said than the answers to what was asked, and the connection still is
      def quiet?
        @bounded.bound(Float::INFINITY)
        @socket.read_timeout = 0
        @socket.read(1)
        false
      rescue Net::ReadTimeout
        true
      rescue *BROKEN, Net::ProtocolError
        false
      end

      private

      def connect
        @bounded = BoundedSocket.new(:UNIX, :STREAM)
        @bounded.bound(@deadline)
        # It does not wait where nobody accepts.
        @bounded.connect_nonblock(Socket.sockaddr_un(@path))
        @socket = Net::BufferedIO.new(@bounded, read_timeout: @read_timeout, write_timeout: @write_timeout)
        on_connect
      end
    end
    private_constant :BoundedSocket, :SocketHttp

    # The replica that these options name, of the file at the path.
    # @return [Replica]
    def self.of(path, replicated, timeout_s)
      unless timeout_s.is_a?(Numeric) && timeout_s.positive?
        raise UsageError, "replicated_timeout_s must be a number of seconds above 0, not #{timeout_s.inspect}"
      end

      socket = replicated.respond_to?(:to_path) ? replicated.to_path : replicated
      if !socket.is_a?(String) || socket.strip.empty?
        raise UsageError, "replicated must be the path of Litestream's control socket, not #{replicated.inspect}; nil does not wait for a replica"
      end

      new(path, File.expand_path(socket), timeout_s)
    end

    def initialize(path, socket, timeout_s)
      @path = path
      @socket = socket
      @timeout_s = timeout_s
      @names = nil
      @http = nil
      # When the last question was asked, where it got no answer in time.
      @silent_since = -Float::INFINITY
    end

    # Returns once the replica has all that is committed, the newest of it queued then.
    # @raise [NotReplicatedError] where it does not say so in time
    def wait(queued_at)
      # Whoever was there when a question was asked that nobody answered has waited for as long: many groups would wait in turn.
      raise silent if queued_at <= @silent_since

      asked_at = Clock.monotonic
      status, answer = sync(asked_at + @timeout_s)
      # A file that it has not begun with has no transaction there.
      number = answer["replicated_txid"]
      return if status == 200 && %w[synced no_change].include?(answer["status"]) && number.is_a?(Integer) && number.positive?

      reason = (answer["error"] || answer["status"] || "no reason").to_s
      raise NotReplicatedError, "Litestream did not sync #{names.first}: #{status}: #{line(reason)}"
    rescue NotReplicatedError
      raise
    rescue Timeout::Error
      close
      @silent_since = asked_at
      raise silent
    rescue StandardError => e
      # Whatever it is, it is no answer.
      close
      raise NotReplicatedError, "Litestream at #{@socket} cannot be asked: #{line(e.message)}"
    end

    # Closes the connection, which is opened again when it is needed.
    def close
      http = @http
      @http = nil
      http.finish if http&.started?
    rescue IOError
      # It is closed already.
    end

    private

    # What somebody else says, in one line.
    def line(text) = text.scrub.gsub(/[[:cntrl:]]+/, " ")[0, LONGEST_REASON]

    def silent = NotReplicatedError.new("Litestream at #{@socket} did not sync in #{@timeout_s} s")

    # Litestream knows the file by the name in its configuration, which may be one with links or the one that they lead to.
    def names = @names ||= [@path, File.realpath(@path)].uniq

    def sync(deadline)
      status = answer = nil
      names.each do |name|
        status, answer = posted(name, deadline)
        next if status == 404

        # It is the first to be asked for from here on.
        @names = [name, *(names - [name])]
        break
      end
      [status, answer]
    end

    def posted(name, deadline)
      kept = !@http.nil?
      begin
        answered(name, deadline)
      rescue *BROKEN
        close
        raise unless kept

        answered(name, deadline)
      end
    end

    def answered(name, deadline)
      left_s = deadline - Clock.monotonic
      raise Timeout::Error if left_s <= 0

      # What is left of the one before would be taken for the answer to this question.
      close if @http&.started? && !@http.quiet?
      @http ||= open_http
      @http.read_timeout = @http.write_timeout = left_s
      @http.give_up_at(deadline)
      @http.start unless @http.started?
      question = { path: name, wait: true, timeout: @timeout_s.ceil }
      response = @http.post("/sync", JSON.generate(question), "Content-Type" => "application/json", "Accept-Encoding" => "identity")
      answer = JSON.parse(response.body.to_s)
      [response.code.to_i, answer.is_a?(Hash) ? answer : {}]
    end

    def open_http
      # Without the proxy of the environment.
      SocketHttp.new("localhost", 80, nil).tap do |http|
        http.path = @socket
        http.keep_alive_timeout = 3600
      end
    end
  end
end
