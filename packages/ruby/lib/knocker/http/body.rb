# frozen_string_literal: true

module Knocker
  module Http
    # The request announces a length that is none.
    class BadLength < StandardError; end
    # The body ended before its end: the sender went away.
    class Aborted < StandardError; end

    # The raw body of a Rack request: read to the endpoint's limit, whether something in front has read it or not.
    class Body
      CHUNK = 64 * 1024
      # A body of more digits than this is larger than anything that is taken.
      MOST_DIGITS = 18
      DIGITS = /\A[0-9]+\z/
      private_constant :CHUNK, :MOST_DIGITS, :DIGITS

      # @param env [Hash]
      def initialize(env)
        @env = env
      end

      # @param endpoint [Endpoint] whose limit counts
      # @return [Array(String, Boolean)] the body, or its beginning and true where it is larger than the endpoint takes
      def read(endpoint)
        announced = announced_length
        return ["".b, false] if announced&.zero? || @env["rack.input"].nil?

        limit = endpoint.max_body_bytes
        if announced && announced > limit
          limit = endpoint.read_max_body_bytes
          return ["".b, true] if announced > limit
        end
        body = contents(announced || (limit + 1))
        refuse_short(endpoint, body, announced) if announced && body.bytesize < announced
        [body, body.bytesize > limit]
      end

      private

      # The length of the body as its header announces it; nil where there is no header.
      def announced_length
        text = @env["CONTENT_LENGTH"].to_s.b
        return nil if text.empty?

        # A header that was sent twice arrives joined.
        text = only_one_of(text.split(",").map(&:strip).uniq) unless text.match?(DIGITS)
        text.size <= MOST_DIGITS || text.sub(/\A0+/, "").size <= MOST_DIGITS ? text.to_i : 10**MOST_DIGITS
      end

      def only_one_of(values)
        raise BadLength unless values.size == 1 && values.first.match?(DIGITS)

        values.first
      end

      # Parsers of frameworks read the body first. Where the input can be rewound they rewind it, mostly; where it cannot (Rack 3 asks for no more),
      # Rails keeps what it read.
      def contents(wanted)
        input = @env["rack.input"]
        input.rewind if input.respond_to?(:rewind)
        body = from(input, wanted)
        kept = @env["RAW_POST_DATA"]
        body.empty? && kept.is_a?(String) ? kept.b : body
      rescue IOError, SystemCallError, ArgumentError => e
        raise consumed if input.respond_to?(:closed?) && input.closed?

        # Each server has exceptions of its own for what a sender does wrong in its body.
        raise Aborted, e.message
      end

      def from(input, wanted)
        body = "".b
        while body.bytesize < wanted
          chunk = input.read([CHUNK, wanted - body.bytesize].min)
          break if chunk.nil? || chunk.empty?

          # Mostly there is one.
          body = body.empty? ? chunk.b : body << chunk.b
        end
        body
      end

      def refuse_short(endpoint, body, announced)
        # Hardly a sender that announces a body and sends nothing of it.
        raise consumed if body.empty? && announced.positive?

        endpoint.tell_short(body.bytesize, announced)
        raise Aborted
      end

      def consumed = BodyConsumedError.new("something in front of Knocker read the body of this request, so no signature can be checked")
    end
  end
end
