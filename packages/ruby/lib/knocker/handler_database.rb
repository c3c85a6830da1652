# frozen_string_literal: true

module Knocker
  # A statement that a handler has prepared, which it may use when its transaction is lost: whatever it writes then would be committed by itself.
  # @api private
  class HandlerStatement < SQLite3::Statement
    # @return [AttemptTransaction]
    attr_writer :knocker_attempt

    # As the gem's own.
    def step
      @knocker_attempt.refuse_ended
      super
    end
  end

  # `tx`: the gem's own Database on the worker's connection, guarded for the length of one attempt.
  #
  # The first use begins the transaction. The worker commits it together with the handled transition, so commit, rollback and close are not the
  # handler's to call; `tx.transaction { … }` is a savepoint, taken back when its block raises. It is of the thread that runs the handler. After the
  # attempt every use is refused.
  class HandlerDatabase < SQLite3::Database
    # The methods of either version of the gem that set something for as long as the connection lives.
    SETTING = %i[
      authorizer authorizer= busy_handler busy_handler_timeout= busy_timeout busy_timeout= collation create_aggregate create_aggregate_handler
      create_function define_aggregator define_function define_function_with_flags enable_load_extension extended_result_codes= load_extension
      progress_handler statement_timeout= trace type_translation=
    ].freeze
    private_constant :SETTING

    # @return [AttemptTransaction, nil]
    # @api private
    attr_accessor :knocker_attempt
    # @return [Boolean] whether it is not as it was opened
    # @api private
    attr_accessor :knocker_altered

    SETTING.each do |name|
      next unless method_defined?(name)

      define_method(name) do |*arguments, &block|
        self.knocker_altered = true
        super(*arguments, &block)
      end
    end

    # Statements run to their end again, whatever handlers have set to stop them.
    # @api private
    def unhinder
      self.authorizer = nil
      self.statement_timeout = 0 if respond_to?(:statement_timeout=)
      trace(nil)
    end

    # As the gem's own; begins the transaction.
    def prepare(sql)
      attempt = @knocker_attempt
      return super if attempt.nil?

      attempt.use(sql)
      statement = HandlerStatement.new(self, sql)
      statement.knocker_attempt = attempt
      return attempt.keep(statement) unless block_given?

      begin
        yield statement
      ensure
        statement.close unless statement.closed?
      end
    end

    # As the gem's own; begins the transaction.
    def execute_batch2(sql, &block)
      @knocker_attempt&.use(sql)
      super
    end

    # A savepoint: the transaction is the worker's.
    def transaction(mode = nil)
      attempt = @knocker_attempt
      return mode ? super : super() if attempt.nil?
      raise UsageError, "tx is in the worker's transaction: give a block, which is a savepoint" unless block_given?

      attempt.savepoint(self) { yield self }
    end

    # Refused: the worker commits.
    def commit
      raise UsageError, "the worker commits tx together with the event when the handlers have returned"
    end

    # Refused: raise to roll back.
    def rollback
      raise UsageError, "raise to roll back: Knocker::Retry, Knocker::Ignore or Knocker::Dead say how the event goes on"
    end

    # Refused: the connection is the worker's.
    def close
      raise UsageError, "tx is the worker's own connection, which it needs for the result and for the next event; just return"
    end
  end
end
