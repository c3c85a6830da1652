defmodule Knocker.Connection do
  @moduledoc false
  # One connection with Knocker loaded. Its statements are prepared once, by the driver.

  alias Knocker.{Contract, Errors, Library, Options}

  @enforce_keys [:driver, :db]
  defstruct [:driver, :db]

  @type t :: %__MODULE__{driver: module(), db: term()}
  @type value :: nil | integer() | float() | binary() | {:blob, binary()}

  @entry_point "sqlite3_knocker_init"
  @wal_pause_ms 5
  @cannot_open 14
  @values "SQLite takes nil, integers of 64 bits, floats, texts and {:blob, bytes}; write 1 and 0 for booleans, and times as text or integers"

  @doc """
  Opens a file in WAL mode with foreign keys on and Knocker loaded. A file is made only where `create` says so. One that `wanted?` does not hold for, asked
  once it is open and before SQLite reads it, is a `Knocker.FileReplacedError`: to read it is to replay the log that lies beside it.
  """
  @spec open(Path.t(), boolean(), Options.t(), (() -> boolean())) :: {:ok, t()} | {:error, Exception.t()}
  def open(path, create, options, wanted? \\ fn -> true end) do
    opened =
      case :file.read_file_info(path, [:raw]) do
        # SQLite follows links by recursion, for longer than the stack of a dirty scheduler bears, which ends the virtual machine.
        {:error, :eloop} -> {:error, %{code: @cannot_open, message: "unable to open database file: its links lead in a circle"}}
        _file_or_none -> options.driver.open(path, busy_timeout_ms: options.busy_timeout_ms, create: create)
      end

    case opened do
      {:ok, db} ->
        connection = %__MODULE__{driver: options.driver, db: db}

        with {:error, _error} = failed <- if(wanted?.(), do: set_up(connection, options), else: replaced(path)) do
          close(connection)
          failed
        end

      {:error, error} ->
        {:error, error |> translate() |> why_not_opened(path)}
    end
  end

  defp replaced(path), do: {:error, Errors.new("file_replaced", "#{path} was removed or replaced while it was being opened")}

  defp set_up(connection, options) do
    with :ok <- load(connection, options.extension),
         :ok <- check_version(connection, options.extension),
         :ok <- use_wal(connection, deadline(options.busy_timeout_ms)),
         :ok <- exec(connection, "PRAGMA synchronous = #{options.synchronous}"),
         :ok <- exec(connection, "PRAGMA foreign_keys = ON"),
         # SQLite's own checkpoints tell nobody that they fail: see Knocker.Checkpoints.
         :ok <- exec(connection, "PRAGMA wal_autocheckpoint = 0") do
      {:ok, connection}
    end
  end

  defp load(connection, library) do
    case connection.driver.load_extension(connection.db, library, @entry_point) do
      :ok ->
        :ok

      {:error, error} ->
        case translate(error) do
          %{code: "sqlite_error"} = known ->
            {:error, cannot_load(connection, "the library #{library} could not be loaded: #{known.message}", known)}

          known ->
            {:error, known}
        end
    end
  end

  # Of an old SQLite what the library itself would say, could it be loaded: another way to load it would not help.
  defp cannot_load(connection, message, cause) do
    with {:ok, found} <- value(connection, "SELECT sqlite_version()"), true <- Library.older?(found, Contract.oldest_sqlite()) do
      Errors.new("unsupported_sqlite", "this program's SQLite is #{found}, Knocker needs #{Contract.oldest_sqlite()}", cause)
    else
      _new_enough -> Errors.new("cannot_load", message, cause)
    end
  end

  # A newer library knows all that this package needs.
  defp check_version(connection, library) do
    with {:ok, version} <- value(connection, "SELECT knocker_version()") do
      if Library.older?(version, Contract.version()),
        do: {:error, Errors.new("library_too_old", "the library #{library} is of version #{version}, and this package needs #{Contract.version()}")},
        else: :ok
    end
  end

  # SQLite answers "locked" at once where two processes switch a new file at the same moment.
  defp use_wal(connection, deadline) do
    result =
      case value(connection, "PRAGMA journal_mode") do
        {:ok, "wal"} -> :ok
        {:ok, _other} -> exec(connection, "PRAGMA journal_mode = WAL")
        failed -> failed
      end

    with {:error, %{code: "busy"}} <- result do
      if now_ms() < deadline do
        Process.sleep(@wal_pause_ms)
        use_wal(connection, deadline)
      else
        result
      end
    end
  end

  @doc "The result of one SQL function."
  @spec call(t(), String.t(), [value()]) :: {:ok, value()} | {:error, Exception.t()}
  def call(connection, function, arguments), do: value(connection, statement(function, length(arguments)), arguments)

  for count <- 1..8 do
    places = Enum.map_join(1..count, ", ", fn _n -> "?" end)
    defp statement(function, unquote(count)), do: "SELECT " <> function <> "(" <> unquote(places) <> ")"
  end

  @doc "The first column of the first row, and nil where there is none."
  @spec value(t(), String.t(), [value()]) :: {:ok, value()} | {:error, Exception.t()}
  def value(connection, sql, arguments \\ []) do
    case rows(connection, sql, arguments) do
      {:ok, [[value | _more] | _rows]} -> {:ok, value}
      {:ok, []} -> {:ok, nil}
      failed -> failed
    end
  end

  @doc "Runs a statement for what it does."
  @spec exec(t(), String.t(), [value()]) :: :ok | {:error, Exception.t()}
  def exec(connection, sql, arguments \\ []) do
    with {:ok, _rows} <- rows(connection, sql, arguments), do: :ok
  end

  @doc "Every row of a statement."
  @spec rows(t(), String.t(), [value()]) :: {:ok, [[value()]]} | {:error, Exception.t()}
  def rows(connection, sql, arguments \\ []) do
    with :ok <- check(sql, arguments),
         {:error, error} <- connection.driver.execute(connection.db, sql, arguments),
         do: {:error, translate(error)}
  end

  @doc """
  Runs statements one after the other in an open transaction, up to the first that fails, at the cost of one where the driver can. Gives the rows of those that
  ran, and `:ok` or the error. Where one is no statement, none is run.
  """
  @spec each(t(), [{String.t(), [value()]}]) :: {[[[value()]]], :ok | {:error, Exception.t()}}
  def each(connection, statements) do
    case Enum.find_value(statements, fn {sql, arguments} -> with(:ok <- check(sql, arguments), do: nil) end) do
      nil ->
        if(function_exported?(connection.driver, :execute_each, 2), do: together(connection, statements), else: one_by_one(connection, statements, []))

      refused ->
        {[], refused}
    end
  end

  defp together(connection, statements) do
    with {ran, {:error, error}} <- connection.driver.execute_each(connection.db, statements), do: {ran, {:error, translate(error)}}
  end

  defp one_by_one(_connection, [], ran), do: {Enum.reverse(ran), :ok}

  defp one_by_one(connection, [{sql, arguments} | rest], ran) do
    case rows(connection, sql, arguments) do
      {:ok, rows} -> one_by_one(connection, rest, [rows | ran])
      failed -> {Enum.reverse(ran), failed}
    end
  end

  @doc "What `call/3` runs."
  @spec calling(String.t(), [value()]) :: {String.t(), [value()]}
  def calling(function, arguments), do: {statement(function, length(arguments)), arguments}

  # What a driver raises of wrong arguments has all of them in its stack trace, and a secret may be among them.
  @doc "Whether these are a statement and its parameters; what runs them asks."
  @spec check(term(), term()) :: :ok | {:error, Exception.t()}
  def check(sql, arguments) do
    cond do
      # SQLite takes no more than what is before a NUL.
      not (is_binary(sql) and String.valid?(sql) and :binary.match(sql, <<0>>) == :nomatch) -> invalid("a statement is a text in UTF-8, without NUL")
      not proper?(arguments) -> invalid("the parameters of a statement are a list")
      position = Enum.find_index(arguments, &(not value?(&1))) -> invalid("parameter #{position + 1}: #{@values}")
      true -> :ok
    end
  end

  defp value?(value) when is_binary(value) or is_float(value) or is_nil(value), do: true
  defp value?(value) when is_integer(value), do: value in -0x8000_0000_0000_0000..0x7FFF_FFFF_FFFF_FFFF
  defp value?({:blob, bytes}), do: is_binary(bytes)
  defp value?(_other), do: false

  defp proper?([]), do: true
  defp proper?([_value | rest]), do: proper?(rest)
  defp proper?(_tail), do: false

  defp invalid(message), do: {:error, Errors.new("invalid_argument", message)}

  @doc "Runs a function between BEGIN IMMEDIATE and COMMIT, and takes back what it did where it fails."
  @spec in_transaction(t(), (() -> {:ok, result} | {:error, Exception.t()})) :: {:ok, result} | {:error, Exception.t()} when result: term()
  def in_transaction(connection, work) do
    with :ok <- exec(connection, "BEGIN IMMEDIATE"),
         {:ok, result} <- work.(),
         :ok <- exec(connection, "COMMIT") do
      {:ok, result}
    else
      {:error, error} ->
        roll_back(connection)
        {:error, error}
    end
  end

  @doc "Whether a transaction is open: SQLite itself ends it after a full or failing disk."
  @spec in_transaction?(t()) :: boolean()
  def in_transaction?(connection) do
    case exec(connection, "BEGIN") do
      :ok ->
        exec(connection, "ROLLBACK")
        false

      {:error, _error} ->
        true
    end
  end

  @doc "Ends a transaction, if there is one."
  @spec roll_back(t()) :: :ok
  def roll_back(connection) do
    exec(connection, "ROLLBACK")
    :ok
  end

  @doc "Ends the statement that another process runs."
  @spec interrupt(t()) :: :ok
  def interrupt(connection), do: connection.driver.interrupt(connection.db)

  @doc "How long the connection waits for locks."
  @spec waits(t(), non_neg_integer()) :: :ok | {:error, Exception.t()}
  def waits(connection, milliseconds), do: connection.driver.wait(connection.db, milliseconds)

  @doc "Ends the connection. What fails in it has no reader."
  @spec close(t() | nil) :: :ok
  def close(nil), do: :ok

  def close(connection) do
    connection.driver.close(connection.db)
    :ok
  end

  defp translate(%{__exception__: true} = known), do: known
  defp translate(error), do: Errors.from_sqlite(error)

  # Says more of a path that cannot be opened than SQLite does.
  defp why_not_opened(%{code: "io_error"} = error, path) do
    folder = Path.dirname(path)

    cond do
      File.dir?(path) -> mistaken_path(error, "#{path} is a folder")
      not File.dir?(folder) -> mistaken_path(error, "there is no folder #{folder}")
      true -> %{error | message: "#{error.message}: #{path}"}
    end
  end

  defp why_not_opened(error, _path), do: error

  # Trying again would not help, as it does with a failing disk.
  defp mistaken_path(error, reason),
    do: %{error | message: "#{error.message}: #{reason}", retryable: false, hint: "Correct the path, or create the folder first."}

  defp deadline(patience), do: now_ms() + patience
  defp now_ms, do: System.monotonic_time(:millisecond)
end
