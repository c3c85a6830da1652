# frozen_string_literal: true

require "digest"

module Knocker
  # By what others know an event again.
  # @api private
  module IdempotencyKey
    module_function

    # Endpoint and key; of an event without a key its number, its time and a hash of its body.
    def of(event)
      return "#{escaped(event.endpoint)}/#{escaped(event.key)}" if event.key

      received_ms = (event.received_at.to_r * 1000).floor
      "#{escaped(event.endpoint)}+#{event.id}.#{received_ms}.#{Digest::SHA256.hexdigest(event.body)[0, 32]}"
    end

    # Other bytes are = and two digits, so that no two keys become one, and so that a header or a URL can hold it.
    def escaped(text) = text.b.gsub(/[^A-Za-z0-9_.-]/n) { |byte| format("=%02X", byte.ord) }.encode("UTF-8")
  end
end
