# frozen_string_literal: true

module Knocker
  # A statement that stays prepared. What is bound to it stays bound, and most arguments are the same each time.
  # @api private
  class KeptStatement < SQLite3::Statement
    # Arguments that take so much room are not kept until the next use.
    LARGE_BYTES = 64 * 1024
    # In the place of what may change while it is bound.
    CHANGING = Object.new
    private_constant :LARGE_BYTES, :CHANGING

    # Binds the values in order.
    def bind(values)
      # What is not bound yet is NULL.
      @bound ||= []
      index = 0
      values.each do |value|
        bind_at(index, value) unless value.equal?(@bound[index])
        index += 1
      end
    end

    # Ends a use.
    def leave
      reset!
      return unless @large

      clear_bindings!
      @bound.clear
      @large = false
    end

    private

    def bind_at(index, value)
      @large ||= value.is_a?(String) && value.bytesize > LARGE_BYTES
      bind_param(index + 1, value)
      @bound[index] = value.frozen? ? value : CHANGING
    end
  end
end
