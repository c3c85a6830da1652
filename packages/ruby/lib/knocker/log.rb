# frozen_string_literal: true

module Knocker
  # A line of the log: a text for people, with its facts beside it for formatters and for loggers that take them. `record` in {#fields} names what
  # happened.
  #
  #     logger.formatter = ->(severity, time, _, line) { JSON.generate({ severity:, time:, message: line.to_s, **(line.fields if line.respond_to?(:fields)) }) }
  class LogLine < String
    # @return [Hash{Symbol => Object}]
    attr_reader :fields

    # @api private
    def initialize(text, fields)
      super(text)
      @fields = fields.freeze
      freeze
    end
  end

  # Where lines are written.
  # @api private
  module Log
    module_function

    # @param given [Logger, nil, false] what an app gives: nil is one to the standard error, false is none
    # @return [Logger, nil]
    def logger(given) = given.nil? ? Logger.new($stderr, level: :warn, progname: "knocker") : given || nil

    # @param logger [Logger, nil] semantic_logger takes the facts as its payload
    def write(logger, level, record, text, **fields)
      return if logger.nil?

      fields = { record: record, **fields }
      if defined?(::SemanticLogger::Base) && logger.is_a?(::SemanticLogger::Base)
        logger.public_send(level, text, fields)
      else
        logger.public_send(level, LogLine.new(text, fields))
      end
    end

    # Whether anybody reads lines of that level; asked where saying one costs something.
    def debug?(logger) = !logger.nil? && logger.respond_to?(:debug) && (!logger.respond_to?(:debug?) || logger.debug?)
  end
end
