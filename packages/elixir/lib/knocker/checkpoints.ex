defmodule Knocker.Checkpoints do
  @moduledoc false
  # Runs and watches the checkpoints of one database, for all of its connections in this virtual machine: SQLite's automatic ones tell nobody that they
  # fail.
  #
  # Two things end the trust in what is written, until the whole log has been checkpointed: an io_error of a write, because a failed sync marks pages as
  # written that are not, so that later commits would be lost behind the hole; and a failing checkpoint.

  use GenServer

  alias Knocker.{Connection, Errors, Hooks}

  require Logger

  # How long the write-ahead log grows before a checkpoint: what SQLite's automatic checkpoints take.
  @log_pages 1_000
  # Each descriptor that was open reports an old error once.
  @recovery_tries 4
  # Between tries for as long as they go on failing.
  @recovery_pause_ms 250
  @page_bytes 4_096
  # What one call writes, before the log has told.
  @pages_of_a_call 8
  @least_factor 0.1
  @most_factor 10.0
  # A reader that stays for longer is left alone, and the checkpoint comes later.
  @patience_ms 50

  defstruct [:hooks, :trouble, next_try: nil, factor: 1.0, in_log: 0, due_at: @log_pages]

  def start_link(hooks), do: GenServer.start_link(__MODULE__, hooks, name: Hooks.process(hooks, __MODULE__))

  @doc "To be called with the error of a failed write. It says whether that one ends the trust in what was written before."
  @spec doubt(Hooks.t(), Exception.t()) :: boolean()
  def doubt(hooks, %{code: "io_error"} = error) do
    Hooks.call(hooks, __MODULE__, {:doubt, error})
    true
  end

  def doubt(_hooks, _error), do: false

  @doc "Whether what is committed now can be trusted. Where not, a checkpoint is tried, and its error given."
  @spec require_sound(Hooks.t(), Connection.t()) :: :ok | {:error, Exception.t()}
  def require_sound(hooks, connection) do
    if Hooks.number(hooks, :distrusted) == 0, do: :ok, else: Hooks.call(hooks, __MODULE__, {:recover, connection})
  end

  @doc """
  Notes a commit of so many calls with so many bytes, and runs the checkpoint that is due, if one is. The connection is in no transaction, and whoever
  waited for the commit has been answered.
  """
  @spec committed(Hooks.t(), Connection.t(), non_neg_integer(), non_neg_integer()) :: :ok
  def committed(hooks, connection, calls, bytes) do
    written = Hooks.add_number(hooks, :written, calls * @pages_of_a_call + div(bytes, @page_bytes))
    # The least that can be due; the process knows what is.
    if written * @most_factor >= @log_pages and written >= due_at(hooks), do: Hooks.call(hooks, __MODULE__, {:run_due, connection})
    :ok
  end

  defp due_at(hooks), do: Hooks.known(hooks, :checkpoint_due_at) || @log_pages

  @impl true
  def init(hooks) do
    Hooks.note(hooks, :checkpoint_due_at, @log_pages)
    {:ok, %__MODULE__{hooks: hooks}}
  end

  @impl true
  def handle_call({:doubt, error}, _from, state), do: {:reply, :ok, %{distrust(state, error) | next_try: nil}}

  def handle_call({:recover, _connection}, _from, %{trouble: nil} = state), do: {:reply, :ok, state}

  def handle_call({:recover, connection}, _from, state) do
    state = if state.next_try == nil or now_ms() >= state.next_try, do: recover(state, connection, @recovery_tries), else: state

    case state.trouble do
      nil -> {:reply, :ok, state}
      trouble -> {:reply, {:error, Errors.new("io_error", unacknowledged() <> ": " <> trouble.message, trouble)}, state}
    end
  end

  # Somebody else may have run it meanwhile.
  def handle_call({:run_due, connection}, _from, state) do
    written = Hooks.number(state.hooks, :written)
    if state.trouble == nil and written * state.factor >= @log_pages, do: {:reply, :ok, run(state, connection, written)}, else: {:reply, :ok, state}
  end

  defp run(state, connection, written) do
    Hooks.add_number(state.hooks, :written, -written)

    case checkpoint(state, connection, "FULL") do
      {:ok, _busy, in_log, moved} ->
        learn(state, written, in_log, moved)

      {:error, %{code: "busy"}} ->
        Hooks.add_number(state.hooks, :written, written)
        state

      # Whatever it is: the log grows, or what was moved into the file is not safe there.
      {:error, error} ->
        distrust(state, error)
    end
  end

  # Adapts to what the log says that was really written, by other processes as well.
  defp learn(state, written, in_log, moved) do
    grown = if in_log > state.in_log, do: in_log - state.in_log, else: in_log

    factor =
      if written > 0 and grown > 0,
        do: (state.factor + grown / written) |> Kernel./(2) |> max(@least_factor) |> min(@most_factor),
        else: state.factor

    Hooks.note(state.hooks, :checkpoint_due_at, @log_pages / factor)
    # A log that was moved completely begins anew.
    %{state | factor: factor, in_log: if(moved == in_log, do: 0, else: in_log)}
  end

  defp distrust(state, error) do
    if state.trouble == nil,
      do: Logger.error(unacknowledged() <> ": " <> error.message, record: "disk_failed", code: error.code, error: error.message)

    Hooks.put_number(state.hooks, :distrusted, 1)
    %{state | trouble: error}
  end

  defp unacknowledged, do: "nothing is acknowledged until the write-ahead log is checkpointed"

  defp recover(state, _connection, 0), do: %{state | next_try: now_ms() + @recovery_pause_ms}

  defp recover(state, connection, tries) do
    case checkpoint(state, connection, "TRUNCATE") do
      {:ok, false, _in_log, _moved} ->
        Logger.warning("the write-ahead log is checkpointed: receipts are taken again", record: "disk_recovered")
        Hooks.put_number(state.hooks, :written, 0)
        Hooks.put_number(state.hooks, :distrusted, 0)
        %{state | trouble: nil, next_try: nil, in_log: 0}

      {:ok, true, _in_log, _moved} ->
        recover(state, connection, 0)

      {:error, %{code: "busy"}} ->
        recover(state, connection, tries - 1)

      {:error, error} ->
        recover(%{state | trouble: error}, connection, tries - 1)
    end
  end

  # Whether it was kept from finishing, the pages of the log, and how many of them are in the file now. FULL and TRUNCATE alone, because one that ends
  # where others read or write counts pages as moved without a sync, and does not move them again.
  defp checkpoint(state, connection, mode) do
    patience = state.hooks.options.busy_timeout_ms
    shortened = min(@patience_ms, patience)

    with :ok <- Connection.waits(connection, shortened) do
      result = checkpointed(connection, mode, shortened)

      case {result, Connection.waits(connection, patience)} do
        {{:ok, [[busy, in_log, moved]]}, :ok} -> {:ok, busy != 0, in_log, moved}
        {{:error, error}, _waits} -> {:error, error}
        {_result, failed} -> failed
      end
    end
  end

  defp checkpointed(connection, "FULL", _patience) do
    # Where somebody else writes, one without the write lock would end before the log does.
    with :ok <- Connection.exec(connection, "BEGIN IMMEDIATE"),
         :ok <- Connection.exec(connection, "ROLLBACK") do
      Connection.rows(connection, "PRAGMA wal_checkpoint(FULL)")
    end
  end

  # SQLite itself waits for readers here: the driver tries again after an error alone.
  defp checkpointed(connection, "TRUNCATE", patience) do
    with :ok <- Connection.exec(connection, "PRAGMA busy_timeout = #{patience}"),
         {:ok, result} <- Connection.rows(connection, "PRAGMA wal_checkpoint(TRUNCATE)"),
         :ok <- Connection.exec(connection, "PRAGMA busy_timeout = 0"),
         do: {:ok, result}
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
