# frozen_string_literal: true

require "ipaddr"
require "uri"

module Knocker
  module Http
    # The request names no host, or not one, or a trusted proxy a scheme that is none.
    class BadHost < StandardError; end

    # What an app says about the way from the provider to it.
    class Settings
      # Of RFC 3986: an address in brackets or a name, and a port.
      HOST = /\A(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:[0-9]{1,5})?\z/
      # Longer names exist nowhere: 253 letters, and a port.
      LONGEST_HOST = 259
      # By which servers may be told of the scheme.
      FORWARDED = %w[HTTP_X_FORWARDED_PROTO HTTP_X_FORWARDED_SCHEME HTTP_X_FORWARDED_SSL HTTP_FORWARDED].freeze
      private_constant :HOST, :LONGEST_HOST, :FORWARDED

      # @param public_url [String, nil] the app's base URL as providers know it
      # @param trusted_proxies [Array<String>] addresses or networks whose X-Forwarded-Proto and X-Forwarded-Host are believed; `"*"` believes
      #   every peer, `"unix"` one that has no address
      def initialize(public_url, trusted_proxies)
        check_url(public_url) unless public_url.nil?
        raise UsageError, "trusted_proxies is an Array of addresses: [#{trusted_proxies.inspect}]" unless trusted_proxies.is_a?(Array)

        @public_url = public_url&.delete_suffix("/")
        @every_peer = trusted_proxies.include?("*")
        @unix = trusted_proxies.include?("unix")
        @networks = (trusted_proxies - ["*", "unix"]).map { |one| IPAddr.new(one) }
      rescue IPAddr::Error => e
        raise UsageError, "trusted_proxies: #{e.message}"
      end

      # @return [String] the URL that the provider called
      # @param target [String] path and query as they were sent
      # @raise [BadHost] where the request names no host that could be in a URL, whether it is needed or not
      def external_url(env, target)
        host = checked(env["HTTP_HOST"])
        return @public_url + target if @public_url

        scheme = scheme_of(env)
        scheme, host = forwarded(env, scheme, host) if trusted?(env["REMOTE_ADDR"])
        "#{scheme}://#{host}#{target}"
      end

      private

      def check_url(url)
        parts = URI.parse(url)
        return if %w[http https].include?(parts.scheme) && parts.host && parts.query.nil? && parts.fragment.nil?

        raise URI::InvalidURIError
      rescue URI::InvalidURIError
        raise UsageError, "public_url is the base URL of the app, such as https://shop.example, not #{url.inspect}"
      end

      # Puma believes anybody's word for the scheme; a connection of its own that is encrypted it names in HTTPS.
      def scheme_of(env)
        return "https" if %w[on https].include?(env["HTTPS"])

        FORWARDED.any? { |name| env.key?(name) } ? "http" : env["rack.url_scheme"] || "http"
      end

      def forwarded(env, scheme, host)
        said = last(env["HTTP_X_FORWARDED_PROTO"]).downcase
        scheme = said unless said.empty?
        raise BadHost unless %w[http https].include?(scheme)

        said = last(env["HTTP_X_FORWARDED_HOST"])
        [scheme, said.empty? ? host : checked(said)]
      end

      # Of several values the last is the one that the trusted peer itself has added.
      def last(value) = value.to_s.b.rpartition(",").last.strip

      def checked(host)
        host = host.to_s.b
        raise BadHost unless host.size <= LONGEST_HOST && host.match?(HOST)

        host
      end

      def trusted?(peer)
        return true if @every_peer
        return @unix if peer.to_s.empty?
        return false if @networks.empty?

        # What a listener for both families calls an IPv4 peer.
        address = IPAddr.new(peer.b).native
        @networks.any? { |network| network.family == address.family && network.include?(address) }
      rescue IPAddr::Error
        false
      end
    end
  end
end
