# frozen_string_literal: true

module Knocker
  # Base of every error of this package; the classes by code are in `errors.rb`.
  #
  # The message holds the code, what was wrong and a hint for the person who reads it, and never a secret.
  class Error < StandardError
    CODE = "error"
    RETRYABLE = false
    HINT = ""

    # The error of a code. One that this version does not know is an error of this class with that code.
    # @return [Error]
    def self.for(code, sentence)
      ERRORS.fetch(code) { Error }.new(sentence, code: code)
    end

    # The stable name of the failure.
    # @return [String]
    attr_reader :code

    # What was wrong, without code and hint.
    # @return [String]
    attr_reader :sentence

    def initialize(sentence = self.class.name, code: self.class::CODE)
      @code = code
      @sentence = sentence
      ending = sentence.end_with?(".", "?", "!") ? " " : ". "
      super("#{code}: #{sentence}#{"#{ending}#{hint}" unless hint.empty?}")
    end

    # Whether the same call may succeed later.
    # @return [Boolean]
    def retryable?
      self.class::RETRYABLE
    end

    # What the person who reads the error can do.
    # @return [String]
    def hint
      code == self.class::CODE ? self.class::HINT : ""
    end
  end
end
