# frozen_string_literal: true

require "did_you_mean"

module Knocker
  # Conditions on the rows of a list, and their values. What can match nothing whatever is stored is refused: a mistyped status would look like good
  # news.
  class Where
    # @return [Array]
    attr_reader :values

    def initialize
      @conditions = []
      @values = []
    end

    def initialize_copy(other)
      super
      @conditions = @conditions.dup
      @values = @values.dup
    end

    # A condition as SQL.
    def add(condition, *values)
      @conditions << condition
      @values.concat(values)
      self
    end

    # nil is no condition.
    def equal(column, value)
      add("#{column} = ?", value) unless value.nil?
    end

    # The id of a row; nil is no condition.
    def id(column, value)
      equal(column, Where.row_id(column, value)) unless value.nil?
    end

    # One name of a closed list, or several.
    def one_of(column, given, known)
      return if given.nil?

      names = Array(given).map { |one| Where.known(column, one, known) }
      add("#{column} IN (#{(["?"] * names.size).join(", ")})", *names)
    end

    # A type, or a prefix with `.*`.
    def type(pattern)
      return if pattern.nil?

      Handlers.check_pattern(:type, pattern)
      if pattern.end_with?(".*")
        add("substr(type, 1, length(?)) = ?", *[pattern.delete_suffix("*")] * 2)
      elsif pattern != "*"
        equal("type", pattern)
      end
    end

    # When the first delivery of an event came. {#page} begins and ends where such events are.
    def received(since, till)
      between("received_at", since, till)
      @since = Moment.to_ms("since", since) unless since.nil?
      @till = Moment.to_ms("until", till) unless till.nil?
    end

    # These conditions, behind a cursor. Only the first page looks for where it begins; of two conditions on that side SQLite would seek by either.
    def page(after, newest_first, is_first)
      first = ["(SELECT knocker_first_event_since(?))", @since]
      last = ["(SELECT knocker_last_event_before(?))", @till]
      from, to, beyond, back, nearest = newest_first ? [last, first, "<", ">", "min(? - 1"] : [first, last, ">", "<", "max(? + 1"]
      page = dup
      if from[1] && is_first
        after.nil? ? page.add("id #{beyond}= #{from[0]}", from[1]) : page.add("id #{beyond}= #{nearest}, #{from[0]})", after, from[1])
      elsif !after.nil?
        page.add("id #{beyond} ?", after)
      end
      page.add("id #{back}= #{to[0]}", to[1]) if to[1]
      page
    end

    # `since` is included, `till` is not.
    def between(column, since, till)
      add("#{column} >= ?", Moment.to_ms("since", since)) unless since.nil?
      add("#{column} < ?", Moment.to_ms("until", till)) unless till.nil?
    end

    def to_s = @conditions.empty? ? "" : "WHERE #{@conditions.join(" AND ")}"

    # The id of a row. nil above all, the usual result of a lookup that found nothing, must not mean any row.
    def self.row_id(name, value)
      return value if value.is_a?(Integer) && value.bit_length < 64

      raise UsageError, "#{name} must be a whole number, not #{value.inspect}"
    end

    def self.known(name, given, known)
      return given.to_s if (given.is_a?(Symbol) || given.is_a?(String)) && known.include?(given.to_sym)

      near = DidYouMean::SpellChecker.new(dictionary: known).correct(given.to_s).first
      raise UsageError, "#{name}: there is no #{given.inspect}#{near ? ", did you mean #{near.inspect}?" : "; there are #{known.join(", ")}"}"
    end
  end
end
