# frozen_string_literal: true

require "json"

module Knocker
  # Headers by name, whatever its case. A repeated header gives its first value; {#get_all} gives every one.
  class Headers
    include Enumerable

    # @param headers [Hash, Array<Array(String, String)>] a Hash (a value is a String or an Array of them), or pairs with repeats
    def initialize(headers = [])
      @read = { values: Headers.by_name(headers) }
      freeze
    end

    # Those of a stored delivery, from the library's JSON, which is read when somebody looks: most handlers never do.
    # @api private
    def self.stored(json)
      headers = allocate
      headers.instance_variable_set(:@read, { json: json })
      headers.freeze
    end

    # Every value by the name in lower case.
    # @api private
    def self.by_name(headers)
      found = {}
      pairs(headers) { |name, value| (found[name.to_s.downcase] ||= []) << value }
      found.each_value(&:freeze)
      found.freeze
    end

    # Yields each name and value, a repeated one several times.
    def self.pairs(headers)
      unless block_given?
        found = []
        pairs(headers) { |name, value| found << [name, value] }
        return found
      end
      raise UsageError, "headers are a Hash, or an Array of names and values, not #{headers.class}" unless headers.respond_to?(:each)

      headers.each do |name, value|
        value.is_a?(Array) ? value.each { |one| yield name.to_s, one } : yield(name.to_s, value)
      end
    end

    # @return [String, nil] the first value of that header
    def [](name) = values[name.to_s.downcase]&.first

    # @return [Array<String>] every value of that header in order
    def get_all(name) = values.fetch(name.to_s.downcase, [])

    # @return [Boolean] whether there is such a header
    def key?(name) = values.key?(name.to_s.downcase)

    # @return [Array<String>] the names in lower case
    def names = values.keys

    # Yields each name, in lower case, and its first value.
    def each
      return to_enum(:each) unless block_given?

      values.each { |name, all| yield name, all.first }
    end

    # @return [Hash] the first values by name
    def to_h = values.transform_values(&:first)

    # Values may be credentials.
    def inspect = "#<#{self.class} #{names.join(", ")}>"
    alias to_s inspect

    private

    def values = @read[:values] ||= Headers.by_name(JSON.parse(@read[:json]))
  end

  # One HTTP request as it was received.
  class WebhookRequest
    # @return [String] the raw bytes
    attr_reader :body
    # @return [Hash, Array] as they were given
    attr_reader :headers
    # @return [String]
    attr_reader :method
    # @return [String] the one the provider called, absolute where the provider signs it
    attr_reader :url

    # @param body [String] the raw bytes
    # @param headers [Hash, Array<Array(String, String)>]
    # @param method [String]
    # @param url [String]
    # @param truncated [Boolean] whether reading stopped at the endpoint's size limit, so that the body is only the beginning
    def initialize(body, headers: [], method: "POST", url: "/", truncated: false)
      @body = WebhookRequest.raw(body)
      @headers = headers
      @method = method
      @url = url
      @truncated = truncated
      freeze
    end

    # @return [String] the body as SQLite stores bytes
    def self.raw(body)
      raise UsageError, "the body is the raw bytes of the request, a String, not #{body.class}" unless body.is_a?(String)

      body.encoding == Encoding::BINARY ? body : body.b
    end

    # @return [Boolean] whether the body is only the beginning
    def truncated? = @truncated

    # @return [String, nil] the first value of that header
    def header(name) = Headers.new(@headers)[name]

    # @param added [Array<Array(String, String)>] headers that the receive has added
    # @return [String] the request argument of the SQL functions
    def to_json(*, added: [])
      headers = Headers.pairs(@headers)
      headers.concat(added) unless added.empty?
      head = { method: @method, url: @url, headers: headers }
      head[:truncated] = true if @truncated
      Arguments.to_json("request", head)
    end

    # Not for logs: headers and query strings carry credentials, bodies people's data.
    def inspect = "#<#{self.class} #{@method} #{@body.bytesize} bytes>"
  end
end
