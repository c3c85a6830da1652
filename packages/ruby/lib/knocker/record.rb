# frozen_string_literal: true

module Knocker
  # What cannot change: made with keywords, compared by value, taken apart by pattern matching.
  #
  # A class sets its instance variables and calls `super()`, which freezes. It names its `FIELDS`, and as `PRIVATE` those
  # which are nothing to print by the way: what strangers sent.
  class Record
    FIELDS = [].freeze
    PRIVATE = [].freeze

    def initialize
      freeze
    end

    # @return [Hash] every field by its name
    def to_h
      self.class::FIELDS.to_h { |name| [name, instance_variable_get(:"@#{name}")] }
    end

    # The same with other values in some fields.
    # @return [self]
    def with(**values)
      self.class.new(**to_h, **values)
    end

    def deconstruct_keys(_names)
      to_h
    end

    def ==(other)
      other.instance_of?(self.class) && other.to_h == to_h
    end
    alias eql? ==

    def hash
      [self.class, to_h].hash
    end

    def inspect
      shown = to_h.except(*self.class::PRIVATE).map { |name, value| "#{name}=#{value.inspect}" }
      "#<#{self.class} #{shown.join(", ")}>"
    end
    alias to_s inspect
  end
end
