# frozen_string_literal: true

module Knocker
  # What the sqlite3 gem raises, as an error of this package: the core's own by its code, SQLite's by its result code.
  module DriverErrors
    CORE_ERROR = /knocker: ([a-z_]+): (.*)/m
    private_constant :CORE_ERROR

    module_function

    # @param error [Exception]
    # @return [Error, nil] what it means; nil where it is no error of the driver
    def translate(error)
      return error if error.is_a?(Error)
      return nil unless error.is_a?(SQLite3::Exception)

      text = error.message
      found = CORE_ERROR.match(text)
      return Error.for(found[1], found[2]) if found

      Error.for(Contract::RESULT_CODES.fetch((error.code || 1) & 0xff, "sqlite_error"), text)
    end

    # @return [Error] the same once more: each of several callers gets one of its own, since backtraces grow on the instance
    def again(error) = Error.for(error.code, error.sentence)

    # Raises the driver's errors as errors of this package.
    def translated
      yield
    rescue SQLite3::Exception => e
      raise translate(e)
    end
  end
end
