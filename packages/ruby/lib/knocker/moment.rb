# frozen_string_literal: true

module Knocker
  # Times as Ruby has them, and as the library counts them: in milliseconds since 1970.
  module Moment
    # @return [Time, nil] in UTC, to the millisecond
    def self.to_time(ms)
      # In two numbers: of one that large Ruby makes fractions.
      ms && Time.at(ms.div(1000), ms % 1000, :millisecond).utc
    end

    # The milliseconds of a Time, or of what becomes one: DateTime, ActiveSupport::TimeWithZone. A number stays as it is. `name` is the argument's.
    # @return [Integer]
    def self.to_ms(name, moment)
      return moment if moment.is_a?(Integer)

      (time_of(name, moment).to_r * 1000).floor
    end

    # A Date is a day, and which moment of it is meant depends on where one is.
    def self.time_of(name, moment)
      return moment if moment.is_a?(Time)
      unless moment.respond_to?(:sec) && moment.respond_to?(:to_time)
        raise UsageError, "#{name}: #{moment.inspect} is no Time; give one, such as Time.now - 3600, or whole Unix milliseconds"
      end

      moment.to_time
    end
    private_class_method :time_of
  end
end
