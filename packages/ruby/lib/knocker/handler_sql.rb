# frozen_string_literal: true

module Knocker
  # What the SQL of a handler would do to the worker's transaction or to its connection.
  module HandlerSql
    # White space, to which SQLite counts a byte order mark, and comments, each in one way only: a text of many comments is looked at once.
    GAP = %r{(?:\s|\xEF\xBB\xBF|--[^\n]*(?:\n|\z)|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)}n
    # `ROLLBACK TO` ends no transaction.
    ENDS = /\A(?:;|#{GAP})*+(?:commit|end|rollback(?!#{GAP}++(?:transaction#{GAP}++)?to\b))\b/i
    # The savepoint that the worker takes before each handler that shares its transaction with others.
    SAVEPOINT = "knocker_attempt"
    NAMES_SAVEPOINT = /\A(?:;|#{GAP})*+(?:savepoint|release|rollback)\b(?:#{GAP}|\b(?:transaction|to|savepoint)\b)*+["'`\[]?#{SAVEPOINT}\b/i
    PRAGMA = /\A(?:;|#{GAP})*+pragma\b(?<rest>.*)/im
    # Those that take an argument in parentheses and only read.
    READS = /\b(?:table_x?info|table_list|index_list|index_x?info|foreign_key_(?:list|check)|(?:integrity|quick)_check)\s*\(/i
    # What a statement says that attaches a file, or makes a table of the connection's own.
    ATTACHES = /attach|temp/i
    private_constant :GAP, :ENDS, :NAMES_SAVEPOINT, :PRAGMA, :READS, :ATTACHES

    module_function

    # Raises {UsageError} for a statement that would end the transaction. Behind others of one text it is noticed only after it has run.
    def refuse_end(sql)
      sql = sql.b
      if sql.match?(ENDS)
        raise UsageError, "a handler must not end its transaction: leave COMMIT and ROLLBACK to the worker, and raise to roll back"
      end
      raise UsageError, "#{SAVEPOINT} is the worker's savepoint: take one of another name" if sql.match?(NAMES_SAVEPOINT)
    end

    # @return [Boolean] whether the statement may leave a database on the connection, beside that of the file
    def may_attach?(sql) = sql.b.match?(ATTACHES)

    # @return [Boolean] whether the statement sets something that outlives its transaction
    def sets_pragma?(sql)
      rest = PRAGMA.match(sql.b)&.[](:rest)
      !rest.nil? && rest.match?(/[=(]/) && !rest.match?(READS)
    end
  end
end
