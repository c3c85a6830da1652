# frozen_string_literal: true

module Knocker
  module Http
    # A Rack application, of Rack 2 and 3, that receives webhooks at `/<endpoint>`. Mount it in Rails, `map` it, or run it alone.
    class RackApp
      # @param find [#call] gives the endpoint of a name, or nil
      # @param settings [Settings]
      # @param logger [Logger, nil]
      # @param tenant [String, nil] whose app it is, for the log, where each tenant has a file
      def initialize(find, settings, logger, tenant: nil)
        @find = find
        @settings = settings
        @logger = logger
        @tenant = tenant
      end

      # One Rack request.
      # @return [Array] status, headers and body
      def call(env)
        answer(env).to_rack(env["REQUEST_METHOD"])
      end

      private

      def answer(env)
        target = Target.of(env)
        endpoint = @find.call(Target.endpoint_name(env, target))
        return Answers::NOT_FOUND if endpoint.nil?

        receive(endpoint, env, target)
      end

      def receive(endpoint, env, target)
        url = @settings.external_url(env, target)
        body, truncated = Body.new(env).read(endpoint)
        request = WebhookRequest.new(body, headers: headers(env), method: latin(env["REQUEST_METHOD"].to_s), url: latin(url), truncated: truncated)
        Answers.of_receipt(endpoint.receive(request))
      rescue BadHost
        Answers::BAD_HOST
      rescue BadLength
        Answers::BAD_LENGTH
      rescue Aborted
        Answers::ABORTED
      rescue StandardError => e
        Answers.of_error(endpoint.name, e, @logger, tenant: @tenant)
      end

      # Servers join a repeated header with commas, so each name occurs once. Some put the version of the protocol among the headers.
      def headers(env)
        found = []
        env.each do |key, value|
          next unless value.is_a?(String) && key.is_a?(String) && key.start_with?("HTTP_")

          found << [header_name(key), latin(value)] unless key == "HTTP_VERSION" && value.start_with?("HTTP/")
        end
        found << ["content-type", latin(env["CONTENT_TYPE"])] unless env["CONTENT_TYPE"].to_s.empty?
        found << ["content-length", latin(env["CONTENT_LENGTH"])] unless env["CONTENT_LENGTH"].to_s.empty?
        found
      end

      def header_name(key)
        name = key[5..]
        name.tr!("_", "-")
        name.downcase!
        name
      end

      # As HTTP has it, each byte of a header is a letter.
      def latin(text)
        return text if text.ascii_only?

        text.b.force_encoding(Encoding::ISO_8859_1).encode(Encoding::UTF_8)
      end
    end
  end
end
