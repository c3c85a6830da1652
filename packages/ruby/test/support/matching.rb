# frozen_string_literal: true

require "base64"

# What comes out, as the JSON that the conformance data speaks of, and how it is compared with what is expected there.
module Matching
  RULES = %w[$range $not_null $contains $longest $any].freeze

  module_function

  # The JSON of a typed object: times as Unix milliseconds, words as texts, bytes as text where they are text.
  def plain(value)
    case value
    when Knocker::Record then value.to_h.to_h { |name, one| [name.to_s, plain(one)] }
    when Time then Knocker::Moment.to_ms("value", value)
    when Symbol then value.to_s
    when String then plain_text(value)
    when Hash then value.to_h { |key, one| [key.to_s, plain(one)] }
    when Array, Enumerator then value.map { |one| plain(one) }
    else value
    end
  end

  def plain_text(value)
    text = value.dup.force_encoding(Encoding::UTF_8)
    text.valid_encoding? ? text : { "$base64" => [value].pack("m0") }
  end

  # An object names what matters, an array is complete, a rule (`$range` and the like) holds, anything else is equal.
  def compare(expected, actual, at)
    if expected.is_a?(Hash) && expected.size == 1 && RULES.include?(expected.keys.first)
      fail_at(at, actual, expected) unless holds?(*expected.first, actual)
    elsif expected.is_a?(Hash) && actual.is_a?(Hash)
      expected.each do |key, value|
        fail_at(at, actual, "the key #{key}") unless actual.key?(key)
        compare(value, actual[key], "#{at}.#{key}")
      end
    elsif expected.is_a?(Array) && actual.is_a?(Array)
      fail_at(at, actual, "#{expected.size} elements") unless expected.size == actual.size
      expected.each_with_index { |one, index| compare(one, actual[index], "#{at}[#{index}]") }
    else
      fail_at(at, actual, expected) unless expected == actual
    end
  end

  def holds?(rule, operand, actual)
    case rule
    when "$any" then operand.include?(actual)
    when "$not_null" then !actual.nil?
    when "$range" then actual.is_a?(Integer) && actual.between?(*operand)
    when "$longest" then actual.is_a?(String) && actual.bytesize.between?(1, operand)
    else actual.is_a?(String) && actual.include?(operand)
    end
  end

  def fail_at(at, actual, expected)
    raise Minitest::Assertion, "#{at} is #{actual.inspect[0, 500]}, expected #{expected.inspect[0, 500]}"
  end
end
