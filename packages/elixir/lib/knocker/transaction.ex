defmodule Knocker.Transaction do
  @moduledoc """
  The `tx` of a handler: the transaction of one attempt, on the worker's own connection. `Knocker.execute/3` runs statements in it.

  Its first use begins it (`BEGIN IMMEDIATE`), so that a handler that calls an API for ten seconds and then writes holds the write lock only for the write.
  The worker commits it together with the event, or takes it back; several events of a backlog may share a commit, each with a savepoint of its own
  (`share_commits` of `Knocker.Worker`). It is the handler's, and that of processes that the handler waits for, until the handler
  returns: after that every use is a `Knocker.ClosedError`.
  """

  alias Knocker.{Connection, Errors}

  @enforce_keys [:attempt, :reference, :begun]
  defstruct [:attempt, :reference, :begun]

  @typedoc "What is in it is Knocker's own."
  @type t :: %__MODULE__{attempt: pid(), reference: reference(), begun: :atomics.atomics_ref()}

  @doc false
  @spec new() :: t()
  def new, do: %__MODULE__{attempt: self(), reference: make_ref(), begun: :atomics.new(1, signed: false)}

  @doc false
  # Says that it has the write lock now, or has it no more.
  @spec put_begun(t(), boolean()) :: :ok
  def put_begun(tx, begun), do: :atomics.put(tx.begun, 1, if(begun, do: 1, else: 0))

  @doc false
  @spec begun?(t()) :: boolean()
  def begun?(tx), do: :atomics.get(tx.begun, 1) == 1

  @doc false
  @spec execute(t(), String.t(), [Connection.value()]) :: {:ok, [[Connection.value()]]} | {:error, Exception.t()}
  def execute(tx, sql, parameters) do
    # A function, because a report of a crash prints messages.
    GenServer.call(tx.attempt, {:execute, tx.reference, fn -> {sql, parameters} end}, :infinity)
  catch
    :exit, _reason -> over()
  end

  @doc false
  # For a transaction of another connection's, which ends with the verdict: what `knocker_handled` wants, once it is asked for.
  @spec elsewhere(t()) :: {:ok, (() -> [Connection.value()])} | {:error, Exception.t()}
  def elsewhere(tx) do
    GenServer.call(tx.attempt, {:elsewhere, tx.reference}, :infinity)
  catch
    :exit, _reason -> over()
  end

  @doc false
  # That transaction is committed.
  @spec settled(t()) :: :ok
  def settled(tx) do
    GenServer.call(tx.attempt, {:settled, tx.reference}, :infinity)
  catch
    :exit, _reason -> :ok
  end

  @doc false
  # Before the handler waits for the write lock elsewhere: what is not its own is not to hold it.
  @spec let_go(t()) :: :ok
  def let_go(tx) do
    GenServer.call(tx.attempt, {:let_go, tx.reference}, :infinity)
  catch
    :exit, _reason -> :ok
  end

  @doc false
  def over, do: {:error, Errors.new("closed", "tx is of one attempt, and that attempt is over: do not keep it beyond the handler")}

  # White space, to which SQLite counts a byte order mark, and comments, and the first words of a statement.
  @first ~r/\A(?:\s|;|\xEF\xBB\xBF|--[^\n]*(?:\n|\z)|\/\*.*?\*\/)*([a-z]+)(?:\s+([a-z]+))?(?:\s+([a-z]+))?/si

  # The savepoint that the worker takes before each handler that shares its transaction with others.
  @savepoint "knocker_attempt"
  @gap "(?:\\s|\\xEF\\xBB\\xBF|--[^\\n]*(?:\\n|\\z)|/\\*[^*]*\\*+(?:[^/*][^*]*\\*+)*/)"
  @names_savepoint Regex.compile!(
                     "\\A(?:;|#{@gap})*(?:savepoint|release|rollback)\\b(?:#{@gap}|\\b(?:transaction|to|savepoint)\\b)*[\"'`\\[]?#{@savepoint}\\b",
                     "i"
                   )

  @doc false
  def savepoint, do: @savepoint

  @doc false
  # What would end the transaction is the worker's, and what changes the connection is noted.
  @spec check(String.t()) :: :ok | :alters | {:error, Exception.t()}
  # The connection says that it is no statement.
  def check(sql) when not is_binary(sql), do: :ok

  # What nearly every statement begins with; to tell the others apart takes a regular expression.
  for word <- ~w(SELECT INSERT UPDATE DELETE WITH select insert update delete with) do
    def check(unquote(word) <> _rest), do: :ok
  end

  def check(sql) do
    case @first |> Regex.run(sql) |> words() do
      [word | _rest] when word in ["COMMIT", "END"] ->
        {:error, Errors.new("usage", "the worker commits tx together with the event when the handler has returned")}

      # To a savepoint is the handler's own.
      ["ROLLBACK", "TO" | _rest] ->
        check_savepoint(sql)

      ["ROLLBACK", "TRANSACTION", "TO"] ->
        check_savepoint(sql)

      [word | _rest] when word in ["SAVEPOINT", "RELEASE"] ->
        check_savepoint(sql)

      ["ROLLBACK" | _rest] ->
        {:error, Errors.new("usage", "return {:error, reason} to roll back: {:retry, …}, {:ignore, …} and {:dead, …} say how the event goes on")}

      [word | _rest] when word in ["PRAGMA", "ATTACH", "DETACH"] ->
        :alters

      [word, second | _rest] when word == "CREATE" and second in ["TEMP", "TEMPORARY"] ->
        :alters

      _other ->
        :ok
    end
  end

  defp check_savepoint(sql) do
    if Regex.match?(@names_savepoint, sql),
      do: {:error, Errors.new("usage", "#{@savepoint} is the worker's savepoint: take one of another name")},
      else: :ok
  end

  defp words(nil), do: []
  defp words([_all | words]), do: Enum.map(words, &String.upcase/1)
end
