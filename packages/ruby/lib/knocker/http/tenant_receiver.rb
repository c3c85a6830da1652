# frozen_string_literal: true

module Knocker
  module Http
    # An endpoint of a tenant, to a {RackApp}. Its file is open only while it is needed: a body that comes slowly keeps none.
    class TenantReceiver
      # @return [TenantReceiver, nil] nil where the tenant has no such endpoint
      def self.of(tenants, tenant, name)
        limit = tenants.hooks(tenant) { |hooks| hooks.endpoints[name]&.max_body_bytes }
        limit && new(tenants, tenant, name, limit)
      end

      # @return [String]
      attr_reader :name
      # @return [Integer]
      attr_reader :max_body_bytes

      def initialize(tenants, tenant, name, max_body_bytes)
        @tenants = tenants
        @tenant = tenant
        @name = name
        @max_body_bytes = max_body_bytes
      end

      # @return [Integer] the limit as it is stored now
      def read_max_body_bytes = use(&:read_max_body_bytes)

      # Verifies and stores one request.
      def receive(request) = use { |endpoint| endpoint.receive(request) }

      # Told that a body ended before its end.
      def tell_short(received, announced) = use { |endpoint| endpoint.tell_short(received, announced) }

      private

      def use
        @tenants.hooks(@tenant) do |hooks|
          yield hooks.endpoints[@name] || raise(UnknownEndpointError, "there is no endpoint #{@name.inspect}")
        end
      end
    end
  end
end
