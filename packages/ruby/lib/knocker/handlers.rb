# frozen_string_literal: true

module Knocker
  # The handlers of one endpoint, in the order in which they were added.
  class Handlers
    def initialize
      @entries = []
    end

    # @return [Boolean]
    def empty? = @entries.empty?

    # @param pattern [String] a type, a prefix with `.*`, or `*` for every event, also one without a type
    # @param handler [#call] called with the event and `tx`
    def add(pattern, handler)
      Handlers.check_pattern(:type, pattern)
      unless handler.respond_to?(:call)
        raise UsageError, "#{handler.inspect} cannot be called: a handler is a block, or an object with call, of the event and tx"
      end

      check_arguments(handler)
      # A new list, since workers look at the one there is.
      @entries += [[pattern, handler]]
    end

    # @return [Array<String>] what was added, as often as it was
    def patterns = @entries.map(&:first)

    # @return [Array<#call>] every handler that wants this type
    def matching(type) = @entries.filter_map { |pattern, handler| handler if Handlers.match?(pattern, type) }

    # Refuses what is neither a type, nor a prefix with `.*`, nor `*`.
    def self.check_pattern(name, pattern)
      if pattern.is_a?(String) && !["", ".*"].include?(pattern)
        star = pattern.index("*")
        return if star.nil? || pattern == "*" || (pattern.end_with?(".*") && star == pattern.size - 1)
      end
      raise UsageError, %(#{name}: #{pattern.inspect} is no event type: write "invoice.paid", "invoice.*" or "*")
    end

    # @return [Boolean] "invoice.*" is what starts with "invoice.", as in the filters of the bulk actions
    def self.match?(pattern, type)
      return true if pattern == "*"
      return false if type.nil?

      pattern.end_with?(".*") ? type.start_with?(pattern.delete_suffix("*")) : type == pattern
    end

    private

    def check_arguments(handler)
      # A block takes what it wants of its arguments.
      return if handler.is_a?(Proc) && !handler.lambda?

      arity = (handler.respond_to?(:arity) ? handler : handler.method(:call)).arity
      return if arity == 2 || (arity.negative? && arity >= -3)

      raise UsageError, "#{handler.inspect} is called with two arguments, the event and tx"
    end
  end
end
