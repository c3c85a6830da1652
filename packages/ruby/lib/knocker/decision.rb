# frozen_string_literal: true

module Knocker
  # What a handler can raise to say how its event goes on; its own writes are rolled back.
  class Decision < StandardError
    DEFAULT_REASON = "the handler decided so"
    # As Ruby has it, whatever a class has made of it.
    CLASS_NAME = Module.instance_method(:name)
    private_constant :CLASS_NAME

    # @return [String] what is stored with the event
    attr_reader :reason

    # @param reason [String, Exception, nil] a text, or what has one, such as the exception that led to it
    def initialize(reason = nil)
      @reason = reason.nil? ? self.class::DEFAULT_REASON : Decision.text(reason)
      super(@reason)
    end

    # @return [String] a text that the database takes, whatever the value is. An exception is shown with the name of its class
    def self.text(value)
      name = CLASS_NAME.bind_call(value.class) || "an error"
      text = said(value)
      text = text.empty? || text == name ? name : "#{name}: #{text}" if value.is_a?(Exception)
      text.empty? ? name : text
    end

    # Of bytes that are no UTF-8 no database can make a text.
    def self.said(value)
      # Without the source and the suggestions that Ruby adds for a terminal.
      text = (value.respond_to?(:original_message) ? value.original_message : value).to_s
      text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub { |bytes| bytes.bytes.map { |byte| format("\\x%02x", byte) }.join }
    rescue Exception # rubocop:disable Lint/RescueException -- whatever a class of the app does here, the attempt is still to be recorded
      ""
    end
    private_class_method :said
  end

  # The attempt failed; try again after so many seconds (at most thirty days), or after the endpoint's backoff.
  class Retry < Decision
    DEFAULT_REASON = "the handler asked for another attempt"
    LONGEST_S = 2_592_000

    # @return [Numeric, nil] seconds
    attr_reader :after

    # @param reason [String, Exception, nil]
    # @param after [Numeric, nil] seconds; a duration of ActiveSupport is one
    def initialize(reason = nil, after: nil)
      @after = after.nil? ? nil : Arguments.seconds(:after, after)
      raise UsageError, "after: #{after.inspect} is not between 0 and #{LONGEST_S} seconds" if @after && !@after.between?(0, LONGEST_S)

      super(reason)
    end
  end

  # The event is of no interest: it becomes `ignored` with this reason.
  class Ignore < Decision
    DEFAULT_REASON = "the handler ignored it"
  end

  # The event can never be handled: no further attempt, it becomes `dead` with this reason.
  class Dead < Decision
    DEFAULT_REASON = "the handler gave up"
  end
end
