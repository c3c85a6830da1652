# frozen_string_literal: true

module Knocker
  # What the SQL of a handler would do to the worker's transaction or to its connection.
  # @api private
  class HandlerSql
    # White space, to which SQLite counts a byte order mark, and comments, each in one way only: a text of many comments is looked at once.
    GAP = %r{(?:\s|\xEF\xBB\xBF|--[^\n]*(?:\n|\z)|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)}n
    # `ROLLBACK TO` ends no transaction.
    ENDS = /\A(?:;|#{GAP})*+(?:commit|end|rollback(?!#{GAP}++(?:transaction#{GAP}++)?to\b))\b/i
    # The savepoint that the worker takes before each handler that shares its transaction with others.
    SAVEPOINT = "knocker_attempt"
    # Wherever it stands: a savepoint of that name behind another statement would keep what the handler wrote from being taken back.
    NAMES_SAVEPOINT = /\b#{SAVEPOINT}\b/i
    PRAGMA = /\A(?:;|#{GAP})*+pragma\b(?<rest>.*)/im
    # Those that take an argument in parentheses and only read.
    READS = /\b(?:table_x?info|table_list|index_list|index_x?info|foreign_key_(?:list|check)|(?:integrity|quick)_check)\s*\(/i
    # What a statement says that attaches a file, or makes a table of the connection's own.
    ATTACHES = /attach|temp/i
    private_constant :GAP, :ENDS, :NAMES_SAVEPOINT, :PRAGMA, :READS, :ATTACHES

    # What is known of so many texts that are no longer than that: handlers say the same again and again.
    MOST_TEXTS = 200
    LONGEST_TEXT = 2000
    private_constant :MOST_TEXTS, :LONGEST_TEXT
    @known = {}
    @lock = Mutex.new

    # @return [HandlerSql] what the statement would do
    def self.of(sql)
      @lock.synchronize do
        @known[sql] || new(sql.b).tap do |found|
          next if sql.size > LONGEST_TEXT

          @known.shift if @known.size >= MOST_TEXTS
          @known[sql] = found
        end
      end
    end

    # @return [Boolean] whether the statement may leave a database on the connection, beside that of the file
    attr_reader :may_attach
    # @return [Boolean] whether the statement sets something that outlives its transaction
    attr_reader :sets_pragma

    # @param sql [String] as bytes
    def initialize(sql)
      @refusal = refusal(sql)
      @may_attach = sql.match?(ATTACHES)
      rest = PRAGMA.match(sql)&.[](:rest)
      @sets_pragma = !rest.nil? && rest.match?(/[=(]/) && !rest.match?(READS)
      freeze
    end

    # Raises {UsageError} for a statement that would end the transaction. Behind others of one text it is noticed only after it has run.
    def refuse_end
      raise UsageError, @refusal if @refusal
    end

    private

    def refusal(sql)
      return "a handler must not end its transaction: leave COMMIT and ROLLBACK to the worker, and raise to roll back" if sql.match?(ENDS)

      "#{SAVEPOINT} is the worker's savepoint: take one of another name" if sql.match?(NAMES_SAVEPOINT)
    end
  end
end
