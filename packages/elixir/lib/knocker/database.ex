defmodule Knocker.Database do
  @moduledoc false
  # One SQLite file in one virtual machine: which file it is, and connections for whatever is no receipt. Everything that happens once for each file
  # happens in this process; connections are used by those who ask for them.

  use GenServer

  alias Knocker.{ChangeNews, Checkpoints, Connection, Endpoint, Errors, FileIdentity, Hooks, Options}

  require Logger

  # Idle connections that are kept for the next call.
  @kept 8

  defstruct [:hooks, :former, :former_log, :seen, idle: []]

  def start_link(hooks), do: GenServer.start_link(__MODULE__, hooks, name: Hooks.process(hooks, __MODULE__))

  @doc "Whether the path leads to another file than the open one, or to none: what is written to the open one would be lost. The next use opens what is there then."
  @spec refuse_replaced(Hooks.t()) :: :ok | {:error, Exception.t()}
  def refuse_replaced(hooks) do
    case Hooks.known(hooks, :file) do
      {known, _log} -> if FileIdentity.of(hooks.options.path) == known, do: :ok, else: Hooks.call(hooks, __MODULE__, :replaced)
      nil -> :ok
    end
  end

  @doc "As `refuse_replaced/1`, also for connections of a file that somebody else has found replaced."
  @spec refuse_former(Hooks.t(), integer()) :: :ok | {:error, Exception.t()}
  def refuse_former(hooks, generation) do
    with :ok <- refuse_replaced(hooks) do
      if generation == generation(hooks), do: :ok, else: {:error, replaced(hooks, "removed or replaced while it was open")}
    end
  end

  @doc "Counts the files that the path has led to: a connection is of one of them."
  @spec generation(Hooks.t()) :: integer()
  def generation(hooks), do: Hooks.number(hooks, :generation)

  @doc "A new connection to the file that is at the path now, and its generation."
  @spec open(Hooks.t()) :: {:ok, Connection.t(), integer()} | {:error, Exception.t()}
  def open(hooks) do
    with :ok <- refuse_replaced(hooks),
         :ok <- open_the_file(hooks),
         generation = generation(hooks),
         # None where somebody else has found it replaced in this very moment.
         identity when identity != nil <- known(hooks),
         {:ok, connection} <- connect(hooks, generation, identity) do
      {:ok, connection, generation}
    else
      nil -> {:error, replaced(hooks, "removed or replaced while it was open")}
      failed -> failed
    end
  end

  defp open_the_file(hooks) do
    if Hooks.known(hooks, :file), do: :ok, else: Hooks.call(hooks, __MODULE__, :open_the_file)
  end

  defp known(hooks) do
    with {known, _log} <- Hooks.known(hooks, :file), do: known
  end

  # `identity` is that of the file that is to be opened, nil where any will do.
  defp connect(hooks, generation, identity) do
    path = hooks.options.path
    # A file is made only where there has been none: one that is gone may be on its way back.
    is_first = generation == 0 and Hooks.known(hooks, :file) == nil

    case Connection.open(path, is_first and hooks.options.create, hooks.options, fn -> identity in [nil, FileIdentity.of(path)] end) do
      {:ok, connection} ->
        note_log(hooks)
        {:ok, connection}

      {:error, error} ->
        cond do
          is_first -> {:error, error}
          FileIdentity.of(path) == nil -> {:error, replaced(hooks, "removed or replaced while it was open, and there is none now")}
          true -> {:error, error}
        end
    end
  end

  # While a connection is open, the log stays the same file.
  defp note_log(hooks) do
    with {known, _log} <- Hooks.known(hooks, :file),
         ^known <- FileIdentity.of(hooks.options.path),
         do: note(hooks, known)
  end

  defp note(hooks, identity), do: Hooks.note(hooks, :file, {identity, FileIdentity.of(FileIdentity.log_of(hooks.options.path))})

  @doc "Runs a function with a connection, which is kept for the next one."
  @spec run(Hooks.t(), (Connection.t() -> result)) :: result | {:error, Exception.t()} when result: term()
  def run(hooks, work) do
    with {:ok, connection, generation} <- take(hooks) do
      result = work.(connection)
      give(hooks, connection, generation, result)
      result
    end
  end

  defp take(hooks) do
    with :ok <- refuse_replaced(hooks), do: Hooks.call(hooks, __MODULE__, :take)
  end

  # One that came up read-only stays so, and one that an error left inside a transaction is nobody else's.
  defp give(_hooks, connection, _generation, {:error, %{code: "read_only"}}), do: Connection.close(connection)

  defp give(hooks, connection, generation, result) do
    if match?({:error, _error}, result) and Connection.in_transaction?(connection),
      do: Connection.close(connection),
      else: GenServer.cast(Hooks.process(hooks, __MODULE__), {:give, connection, generation})
  end

  @doc "Runs one SQL function in a transaction of its own, with the clock as its last argument."
  @spec call(Hooks.t(), String.t(), [Connection.value()]) :: {:ok, Connection.value()} | {:error, Exception.t()}
  def call(hooks, function, arguments) do
    with {:error, %{code: "read_only"}} <- call_once(hooks, function, arguments) do
      # Perhaps only the connection is: it came up so, and the file has been put right since. The others may be like it.
      Hooks.call(hooks, __MODULE__, :close_idle)
      call_once(hooks, function, arguments)
    end
  end

  defp call_once(hooks, function, arguments) do
    write(hooks, fn connection -> Connection.call(connection, function, arguments ++ [Options.now(hooks.options)]) end)
  end

  @doc "Runs a function that commits something of its own, and says so to whoever waits for news."
  @spec write(Hooks.t(), (Connection.t() -> {:ok, result} | {:error, Exception.t()})) :: {:ok, result} | {:error, Exception.t()} when result: term()
  def write(hooks, work) do
    result =
      run(hooks, fn connection ->
        case work.(connection) do
          {:error, error} ->
            doubt(hooks, error)
            {:error, error}

          done ->
            Checkpoints.committed(hooks, connection, 1, 0)
            done
        end
      end)

    ChangeNews.notify(hooks)
    result
  end

  @doc "To be called with the error of a failed write."
  @spec doubt(Hooks.t(), Exception.t()) :: :ok
  def doubt(hooks, error) do
    # A new descriptor does not report the old error again.
    if Checkpoints.doubt(hooks, error), do: Hooks.call(hooks, __MODULE__, :close_idle)
    :ok
  end

  @doc "Every row of a query."
  @spec rows(Hooks.t(), String.t(), [Connection.value()]) :: {:ok, [[Connection.value()]]} | {:error, Exception.t()}
  def rows(hooks, sql, arguments \\ []), do: run(hooks, fn connection -> Connection.rows(connection, sql, arguments) end)

  @impl true
  def init(hooks) do
    Process.flag(:trap_exit, true)
    # After a crash, it is looked at anew.
    Hooks.forget(hooks, :file)
    state = %__MODULE__{hooks: hooks}

    case opened(state) do
      {:ok, state} -> {:ok, state}
      {{:error, error}, _state} -> {:stop, error}
    end
  end

  @impl true
  def handle_call(:open_the_file, _from, state) do
    {result, state} = opened_if_needed(state)
    {:reply, result, state}
  end

  def handle_call(:replaced, _from, %{hooks: hooks} = state) do
    with {known, log} <- Hooks.known(hooks, :file),
         found when found != known <- FileIdentity.of(hooks.options.path) do
      what = if found, do: "replaced by another file", else: "removed"
      Hooks.forget(hooks, :file)
      Hooks.add_number(hooks, :generation, 1)
      error = replaced(hooks, "#{what} while it was open")
      Logger.error(error.message, record: "file_replaced", code: error.code, error: error.message)
      ChangeNews.notify(hooks)
      # While the next one could not be opened, it is still the one before that.
      {:reply, {:error, error}, %{close_idle(state) | former: known, former_log: log}}
    else
      _none_or_same -> {:reply, :ok, state}
    end
  end

  # A connection is opened here, because it ends with the process that opened it.
  def handle_call(:take, _from, state) do
    with {:ok, %{hooks: hooks} = state} <- opened_if_needed(state),
         {:ok, connection, state} <- taken(state) do
      {:reply, {:ok, connection, generation(hooks)}, state}
    else
      {failed, state} -> {:reply, failed, state}
    end
  end

  def handle_call(:close_idle, _from, state), do: {:reply, :ok, close_idle(state)}

  @impl true
  def handle_cast({:give, connection, generation}, state) do
    if generation == generation(state.hooks) and length(state.idle) < @kept do
      {:noreply, %{state | idle: [connection | state.idle]}}
    else
      Connection.close(connection)
      {:noreply, state}
    end
  end

  @impl true
  def terminate(_reason, state) do
    close_idle(state)
    ChangeNews.notify(state.hooks)
  end

  defp taken(%{idle: [connection | rest]} = state), do: {:ok, connection, %{state | idle: rest}}

  defp taken(state) do
    case connect(state.hooks, generation(state.hooks), known(state.hooks)) do
      {:ok, connection} -> {:ok, connection, state}
      failed -> {failed, state}
    end
  end

  defp opened_if_needed(state), do: if(Hooks.known(state.hooks, :file), do: {:ok, state}, else: opened(state))

  defp close_idle(state) do
    Enum.each(state.idle, &Connection.close/1)
    %{state | idle: []}
  end

  # Opens the file that is at the path, prepares it, and declares what was declared in the one before.
  defp opened(%{hooks: hooks} = state) do
    case why_not_yet(state) do
      {why_not, seen} -> {{:error, replaced(hooks, "removed or replaced while it was open, and #{why_not}")}, %{state | seen: seen}}
      :ready -> prepared(state)
    end
  end

  defp why_not_yet(%{former: nil}), do: :ready
  defp why_not_yet(state), do: FileIdentity.why_not_yet(state.hooks.options.path, state.seen)

  defp prepared(%{hooks: %{options: %{path: path}} = hooks} = state) do
    aside = FileIdentity.set_leftovers_aside(path, state.former, state.former_log)
    if aside, do: Logger.warning("the log of the replaced file is kept as #{aside}", record: "log_kept", path: aside)
    before = FileIdentity.of(path)

    with {:ok, connection} <- connect(hooks, generation(hooks), before) do
      identity = FileIdentity.of(path)

      with :ok <- unchanged(hooks, before, identity),
           {:ok, _version} <- Connection.call(connection, "knocker_bootstrap", [Options.now(hooks.options)]),
           # Others wait until everything is declared, so that no request finds its endpoint missing.
           :ok <- Endpoint.declare_again(hooks, connection) do
        note(hooks, identity)
        if state.former, do: Logger.warning("another file is at #{path} now, and open", record: "file_opened", path: path)
        {:ok, %{state | former: nil, former_log: nil, seen: nil, idle: [connection]}}
      else
        failed ->
          Connection.close(connection)
          {failed, state}
      end
    else
      failed -> {failed, state}
    end
  end

  defp unchanged(_hooks, before, identity) when identity != nil and before in [nil, identity], do: :ok
  defp unchanged(hooks, _before, _identity), do: {:error, replaced(hooks, "changed while it was opened")}

  defp replaced(hooks, how), do: Errors.new("file_replaced", "#{hooks.options.path} was #{how}")
end
