# frozen_string_literal: true

module Knocker
  module Http
    # A Rack application that receives webhooks at `/<tenant>/<endpoint>`, each tenant's into its own file.
    class TenantsApp
      # @param tenants [Tenants]
      # @param tenant [#call, nil] finds the tenant's name in the Rack environment; by default it is the part of the path before the endpoint
      # @param settings [Settings]
      # @param logger [Logger, nil]
      def initialize(tenants, tenant, settings, logger)
        @tenants = tenants
        @settings = settings
        @tenant = tenant || ->(env) { Target.tenant_name(env, Target.of(env)) }
        @logger = logger
      end

      # One Rack request.
      # @return [Array] status, headers and body
      def call(env)
        name = @tenant.call(env)
        return not_found(env) if name.nil?

        RackApp.new(->(endpoint) { TenantReceiver.of(@tenants, name, endpoint) }, @settings, @logger, tenant: name).call(env)
      rescue UnknownTenantError
        not_found(env)
      rescue StandardError => e
        Answers.of_error(Target.endpoint_name(env, Target.of(env)).scrub, e, @logger, tenant: name).to_rack(env["REQUEST_METHOD"])
      end

      private

      def not_found(env) = Answers::NOT_FOUND.to_rack(env["REQUEST_METHOD"])
    end
  end
end
