# frozen_string_literal: true

module Knocker
  # Times as Ruby has them, and as the library counts them: in milliseconds since 1970.
  module Moment
    # @return [Time, nil] in UTC, to the millisecond
    def self.to_time(ms)
      # In two numbers: of one that large Ruby makes fractions.
      ms && Time.at(ms.div(1000), ms % 1000, :millisecond).utc
    end

    # The milliseconds of a Time, or of what becomes one: DateTime, ActiveSupport::TimeWithZone. A number stays as it is.
    # @return [Integer]
    def self.to_ms(moment)
      return moment if moment.is_a?(Integer)

      (time_of(moment).to_r * 1000).floor
    end

    # A Date is a day, and which moment of it is meant depends on where one is.
    def self.time_of(moment)
      return moment if moment.is_a?(Time)
      raise UsageError, "#{moment.inspect} is no Time" unless moment.respond_to?(:sec) && moment.respond_to?(:to_time)

      moment.to_time
    end
    private_class_method :time_of
  end
end
