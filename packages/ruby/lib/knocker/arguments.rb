# frozen_string_literal: true

require "did_you_mean"
require "json"
require "set"
require_relative "errors"
require_relative "filters"
require_relative "moment"
require_relative "settings"

module Knocker
  # Keyword arguments as the SQL functions take them: a mistake is named where it is made.
  module Arguments
    module_function

    # The JSON text of what was given. `kind` is the module of `settings.rb` or `filters.rb` that says which keys there are.
    # @return [String]
    def json(name, kind, given)
      to_json(name, plain(name, kind, given))
    end

    # @return [Hash] what was given, with numbers for moments and durations
    def plain(name, kind, given)
      raise UsageError, "#{name} is a Hash, not #{given.class}" unless given.is_a?(Hash)

      given.to_h do |key, value|
        meaning = kind::KEYS.fetch(key.to_sym) { raise UsageError, unknown(name, key, kind::KEYS.keys) }
        [key, value.nil? ? nil : argument(key, meaning, value)]
      end
    end

    def argument(key, meaning, value)
      case meaning
      when :time then Moment.to_ms(key, value)
      when :seconds then seconds(key, value)
      when :whole_seconds then whole_seconds(key, value)
      when :backoff_settings then plain(key, BackoffSettings, value)
      else value.is_a?(Set) ? value.to_a : value
      end
    end

    # A number, or a duration of ActiveSupport. `to_f` of a text would make 0 of a mistake.
    def seconds(key, value)
      return value if value.is_a?(Integer) || (value.is_a?(Float) && value.finite?)
      raise UsageError, "#{key} must be a number of seconds, not #{value.inspect}" unless number?(value)

      value.to_f.tap { |exact| raise UsageError, "#{key} must be a number of seconds, not #{value.inspect}" unless exact.finite? }
    end

    # A fraction is refused, because less than a second would be none.
    def whole_seconds(key, value)
      exact = seconds(key, value)
      raise UsageError, "#{key}: #{value.inspect} is not in whole seconds" unless exact == exact.floor

      exact.to_i
    end

    def number?(value)
      value.is_a?(Numeric) || (value.respond_to?(:in_seconds) && !value.is_a?(String))
    end

    def unknown(name, key, keys)
      near = DidYouMean::SpellChecker.new(dictionary: keys).correct(key).first
      "#{name}: there is no #{key}#{near ? ", did you mean #{near}?" : "; there are #{keys.join(", ")}"}"
    end

    def to_json(name, value)
      JSON.generate(value)
    rescue JSON::GeneratorError, JSON::NestingError, EncodingError => e
      raise UsageError, "#{name}: #{e.message}"
    end
  end
end
