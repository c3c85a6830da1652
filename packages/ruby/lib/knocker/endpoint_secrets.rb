# frozen_string_literal: true

require "json"

module Knocker
  # The secrets of an endpoint: what stands in the code, or what a block finds for a request. They are never stored and never shown.
  class EndpointSecrets
    # @param endpoint [String]
    # @param secrets [String, Array<String>, #call] one, several (each is tried), or a function of the request that returns them
    def initialize(endpoint, secrets)
      @endpoint = endpoint
      @find = secrets if secrets.respond_to?(:call)
      @fixed = @find ? nil : JSON.generate(checked(secrets)).freeze
    end

    # Refuses an endpoint of a provider without a secret, where nothing could ever be verified.
    def require_any(provider)
      return unless @fixed == "[]"

      raise UsageError, "endpoint #{@endpoint.inspect}: #{provider} needs a secret, and there is none; #{habit}"
    end

    # @param request [WebhookRequest]
    # @return [String] the secrets argument of the SQL functions for this request
    def of(request) = @fixed || JSON.generate(listed(@find.call(request)))

    # The secrets themselves are in no log.
    def inspect = "#<#{self.class} of #{@endpoint}>"

    private

    # What they are instead is not shown: it may be a secret.
    def listed(secrets)
      found = secrets.is_a?(String) ? [secrets] : secrets
      return found if found.is_a?(Array) && found.all?(String)

      raise UsageError, "endpoint #{@endpoint.inspect}: secrets are a String, an Array of them, or a function that returns one of these; #{habit}"
    end

    # Those that stand in the code; what a function finds for a request may be blank, and the request is refused.
    def checked(secrets)
      found = listed(secrets)
      raise UsageError, "endpoint #{@endpoint.inspect}: a secret is empty; #{habit}" unless found.none? { |secret| secret.strip.empty? }

      found
    end

    # How secrets get into an app, so that a variable that is not set is noticed at once.
    def habit
      name = @endpoint.upcase.gsub(/[^A-Z0-9]+/, "_").gsub(/\A_+|_+\z/, "")
      %(write secrets: [ENV.fetch("#{name}_WEBHOOK_SECRET")] and set that environment variable)
    end
  end
end
