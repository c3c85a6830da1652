# frozen_string_literal: true

module Knocker
  module Http
    # A response: status, headers (lower-case names, as Rack 3 has them) and body.
    Answer = Struct.new(:status, :headers, :body) do
      # @return [Array] as Rack has it; to HEAD without its body
      def to_rack(method) = [status, headers.dup, method == "HEAD" || body.empty? ? [] : [body]]
    end

    # Which answer a receipt, a refusal or a failure gets.
    module Answers
      TEXT = "text/plain; charset=utf-8"
      RETRY_AFTER_S = 5
      private_constant :TEXT

      module_function

      # A line of text.
      def plain(status, text, **headers)
        Answer.new(status, { "content-type" => TEXT, "content-length" => text.bytesize.to_s, **headers.transform_keys(&:to_s) }.freeze, text).freeze
      end

      # The response that the core decided on, as it is.
      def of_receipt(receipt)
        response = receipt.response
        headers = response.headers.except("content-length")
        # That status has no body, and may not announce one.
        return Answer.new(204, headers, "") if response.status == 204

        Answer.new(response.status, headers.merge("content-length" => response.body.bytesize.to_s), response.body)
      end

      # Nothing was stored. Where that may pass, the sender is told when to try again.
      def of_error(endpoint, error, logger, tenant: nil)
        return NOT_FOUND if error.is_a?(UnknownEndpointError) || error.is_a?(UnknownTenantError)

        # Of a host or a path, perhaps, whose bytes need not be a text.
        tenant = tenant&.to_s&.dup&.force_encoding(Encoding::UTF_8)&.scrub
        whose = tenant ? { tenant: tenant } : {}
        where = tenant ? "tenant #{tenant}, endpoint #{endpoint}" : "endpoint #{endpoint}"
        unless error.is_a?(Error)
          # Of the app's own function of secrets, most likely: the message may hold one, the places in the code do not.
          Log.write(logger, :error, "receipt_failed",
                    "#{where}: receipt not stored, answered 500: internal: #{error.class}\n#{error.backtrace&.join("\n")}",
                    **whose, endpoint: endpoint, code: "internal", status: 500, error: error.class.name)
          return INTERNAL
        end
        # An operator may mend a file that fails, and of closed hooks another process takes the next try.
        passes = error.retryable? || error.is_a?(DatabaseError) || error.is_a?(ClosedError)
        what = error.is_a?(NotReplicatedError) ? "replicated" : "stored"
        answer = passes ? plain(503, "try again later", "retry-after": RETRY_AFTER_S.to_s) : INTERNAL
        Log.write(logger, :error, "receipt_failed", "#{where}: receipt not #{what}, answered #{answer.status}: #{error.message}",
                  **whose, endpoint: endpoint, code: error.code, status: answer.status, error: error.message)
        answer
      end

      NOT_FOUND = plain(404, "no such endpoint")
      INTERNAL = plain(500, "internal error: nothing was stored")
      BAD_HOST = plain(400, "bad host")
      BAD_LENGTH = plain(400, "bad content-length")
      ABORTED = plain(400, "the body ended early")
    end
  end
end
