# frozen_string_literal: true

module Knocker
  module Http
    # A Rack application that answers with the metrics at every path, and with OpenMetrics to who asks for it.
    class MetricsApp
      # @param hooks [Hooks]
      # @param logger [Logger, nil]
      def initialize(hooks, logger)
        @hooks = hooks
        @logger = logger
      end

      # One Rack request.
      # @return [Array] status, headers and body
      def call(env)
        answer(env["HTTP_ACCEPT"].to_s.include?("application/openmetrics-text")).to_rack(env["REQUEST_METHOD"])
      end

      private

      def answer(openmetrics)
        text = @hooks.metrics(openmetrics: openmetrics)
        type = Contract::METRICS_TYPES.fetch(openmetrics ? :openmetrics : :prometheus)
        Answer.new(200, { "content-type" => type, "content-length" => text.bytesize.to_s }, text)
      rescue Error => e
        Log.write(@logger, :error, "metrics_failed", "metrics not read, answered 503: #{e.message}", code: e.code, error: e.message)
        Answers.plain(503, "try again later", "retry-after": Answers::RETRY_AFTER_S.to_s)
      end
    end
  end
end
