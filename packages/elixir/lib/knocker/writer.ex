defmodule Knocker.Writer do
  @moduledoc false
  # Group commit: callers that arrive together share one transaction, and each is answered after its commit; after the replica has it, where receipts are to
  # wait for one.
  #
  # The price of a durable write is the sync of its commit. One process owns the writing connection: it takes what is in its mailbox, runs each call in
  # one transaction (each is atomic through a savepoint of its own, so one caller's error is its own), commits once, and answers everybody. A call that
  # finds nobody else is committed at once. What is costly about a call is done before it comes here.

  use GenServer

  alias Knocker.{ChangeNews, Checkpoints, Connection, Database, Errors, Hooks, Options, Replica}

  # How many calls share a commit at most, and how many bytes of arguments; a larger call has a commit of its own.
  @most_calls 128
  @most_bytes 8 * 1024 * 1024
  # How much may wait. Beyond that, a caller is sent away at once, while its sender can still try again: a mailbox has no end of its own.
  @most_waiting_calls 4_096
  @most_waiting_bytes 256 * 1024 * 1024
  # A larger receipt is judged beside the writer, also where nobody waits for it yet.
  @most_bytes_alone 64 * 1024
  # Callers who have met there lately are to share commits, for which what is costly is done before.
  @company_ms 20
  # Calls that came within this time of each other give up together.
  @giving_up_slack_ms 20

  # How often it is looked whether more is counted than waits.
  @recount_ms 1_000

  defstruct [:hooks, :connection, :generation, :replica, waiting: [], surplus: {0, 0}]

  defmodule Ticket do
    @moduledoc false
    # One call on its way to the writer, and whom to answer. One that is `alone` has a commit of its own.
    defstruct [:from, :call, :size, :queued_at, :alone, :result]
  end

  def start_link(hooks),
    do: GenServer.start_link(__MODULE__, hooks, name: Hooks.process(hooks, __MODULE__), spawn_opt: [message_queue_data: :off_heap])

  @doc """
  Runs one SQL function in the next commit that has room for it, with the clock as its last argument, and gives its result after the commit. Where the
  caller dies first, the call may still be committed.
  """
  @spec call(Hooks.t(), String.t(), [Connection.value()], non_neg_integer()) :: {:ok, Connection.value()} | {:error, Exception.t()}
  def call(hooks, function, arguments, size) do
    calls = Hooks.add_number(hooks, :waiting_calls, 1)
    bytes = Hooks.add_number(hooks, :waiting_bytes, size)

    if calls > @most_waiting_calls or bytes > @most_waiting_bytes do
      leave(hooks, size)
      {:error, Errors.new("busy", "#{calls - 1} receipts wait for the database already")}
    else
      queue(hooks, function, arguments, size, false)
    end
  end

  @doc """
  As `call/4`, of a function that does all of a receipt in a transaction of its own, which what is costly about it comes before. Where somebody else is at the
  writer, or was just now, it is not called: `:accompanied`.
  """
  @spec call_alone(Hooks.t(), String.t(), [Connection.value()], non_neg_integer()) ::
          {:ok, Connection.value()} | {:error, Exception.t()} | :accompanied
  def call_alone(_hooks, _function, _arguments, size) when size > @most_bytes_alone, do: :accompanied

  def call_alone(hooks, function, arguments, size) do
    now = now_ms()
    others = Hooks.number(hooks, :waiting_calls) > 0
    if others, do: Hooks.put_number(hooks, :accompanied_ms, now)

    if others or now - Hooks.number(hooks, :accompanied_ms) < @company_ms do
      :accompanied
    else
      Hooks.add_number(hooks, :waiting_calls, 1)
      Hooks.add_number(hooks, :waiting_bytes, size)
      queue(hooks, function, arguments, size, true)
    end
  end

  # A function, because a report of a crash prints messages.
  defp queue(hooks, function, arguments, size, alone),
    do: Hooks.call(hooks, __MODULE__, {:call, fn -> {function, arguments} end, size, now_ms(), alone})

  # Who died is counted too: the writer counts down what it has answered.
  defp leave(hooks, size) do
    Hooks.add_number(hooks, :waiting_calls, -1)
    Hooks.add_number(hooks, :waiting_bytes, -size)
  end

  @impl true
  def init(hooks) do
    Process.flag(:trap_exit, true)
    # What waited for a former writer was answered by its end.
    Hooks.put_number(hooks, :waiting_calls, 0)
    Hooks.put_number(hooks, :waiting_bytes, 0)
    Hooks.put_number(hooks, :accompanied_ms, now_ms() - @company_ms)
    recount_later()
    {:ok, %__MODULE__{hooks: hooks, replica: Replica.of(hooks.options)}}
  end

  @impl true
  def handle_call({:call, call, size, queued_at, alone}, from, state),
    do: {:noreply, serve(%{state | waiting: [%Ticket{from: from, call: call, size: size, queued_at: queued_at, alone: alone}]})}

  @impl true
  # A caller that is killed after it was counted and before it has sent leaves its count behind, and a server may kill the process of each connection that its
  # peer gives up. With an empty mailbox, what is counted twice in a row is that; who is on the way just now is not there for so long.
  def handle_info(:recount, state) do
    recount_later()
    {:noreply, %{state | surplus: recounted(state.hooks, state.surplus, Process.info(self(), :message_queue_len))}}
  end

  def handle_info(_stray, state), do: {:noreply, state}

  defp recount_later, do: Process.send_after(self(), :recount, @recount_ms)

  defp recounted(hooks, {calls, bytes}, {:message_queue_len, 0}),
    do: {recounted(hooks, :waiting_calls, calls), recounted(hooks, :waiting_bytes, bytes)}

  defp recounted(_hooks, _surplus, {:message_queue_len, _waiting}), do: {0, 0}

  defp recounted(hooks, name, before) when is_atom(name) do
    case Hooks.number(hooks, name) do
      now when now > 0 and before > 0 -> Hooks.add_number(hooks, name, -min(now, before))
      now when now < 0 and before < 0 -> Hooks.add_number(hooks, name, -max(now, before))
      now -> now
    end
  end

  @impl true
  def terminate(_reason, state) do
    state = %{state | waiting: take_queued()}
    state = if state.waiting == [], do: state, else: serve(state)
    Replica.close(state.replica)
    Connection.close(state.connection)
  end

  defp serve(%{waiting: []} = state), do: state

  defp serve(state) do
    {group, state} = state |> write(false) |> replicated()
    Enum.each(group, &answer(state, &1))
    if state.connection && group != [], do: Checkpoints.committed(state.hooks, state.connection, length(group), Enum.sum(Enum.map(group, & &1.size)))
    serve(if state.waiting == [], do: %{state | waiting: take_queued()}, else: state)
  end

  # Receipts that the replica does not get in time are stored all the same, and what is sent again is a duplicate.
  defp replicated({group, %{replica: nil} = state}), do: {group, state}

  defp replicated({group, state}) do
    if Enum.any?(group, &match?({:ok, _stored}, &1.result)) do
      {result, replica} = Replica.wait(state.replica, group |> Enum.map(& &1.queued_at) |> Enum.max())
      state = %{state | replica: replica}
      if result == :ok, do: {group, state}, else: {Enum.map(group, &refused(&1, elem(result, 1))), state}
    else
      {group, state}
    end
  end

  defp answer(state, ticket) do
    leave(state.hooks, ticket.size)
    GenServer.reply(ticket.from, ticket.result)
  end

  # What is in the mailbox, oldest first.
  defp take_queued(taken \\ []) do
    receive do
      {:"$gen_call", from, {:call, call, size, queued_at, alone}} ->
        take_queued([%Ticket{from: from, call: call, size: size, queued_at: queued_at, alone: alone} | taken])
    after
      0 -> Enum.reverse(taken)
    end
  end

  # Commits a group of those who wait, and gives those who are to be answered.
  defp write(state, reopened) do
    case connect(state) do
      {:ok, state} ->
        case %{state | waiting: state.waiting ++ take_queued()} do
          %{waiting: [first | rest]} = state when rest == [] or first.alone -> write_alone(%{state | waiting: rest}, first, reopened)
          state -> write_together(begin(state, false), reopened)
        end

      {:error, error, state} ->
        failed([], state, error, false, reopened)
    end
  end

  # A call is a transaction of its own where it is in none, and a lone caller pays for no more than that.
  defp write_alone(state, ticket, reopened) do
    case run(state, ticket) do
      {:error, %{code: "busy"} = error} ->
        %{state | waiting: [ticket | state.waiting]} |> wait_on(error) |> write_together(reopened)

      {:error, %{code: code} = error} when code in ["io_error", "read_only"] ->
        failed([ticket], state, error, true, reopened)

      result ->
        committed([%{ticket | result: result}], state, reopened)
    end
  end

  defp write_together({:ok, %{waiting: []} = state}, _reopened), do: {[], state}
  defp write_together({:ok, state}, reopened), do: state |> perform([], 0) |> commit(reopened)
  defp write_together({:error, error, state}, reopened), do: failed([], state, error, false, reopened)

  defp commit({:ok, group, state}, reopened) do
    case Connection.exec(state.connection, "COMMIT") do
      :ok -> committed(group, state, reopened)
      {:error, error} -> failed(group, state, error, true, reopened)
    end
  end

  defp commit({:error, error, group, state}, reopened), do: failed(group, state, error, true, reopened)

  defp committed(group, state, reopened) do
    # In the file that is gone it is nowhere.
    case Database.refuse_former(state.hooks, state.generation) do
      :ok ->
        ChangeNews.notify(state.hooks)
        {group, state}

      {:error, error} ->
        failed(group, state, error, true, reopened)
    end
  end

  # Nothing could be begun, or COMMIT failed: nobody's write is there.
  defp failed(group, state, error, begun, reopened) do
    if state.connection, do: Connection.roll_back(state.connection)

    # Opening waits for locks as well: who has waited meanwhile does not wait again.
    {group, state} = if group == [], do: {state.waiting ++ take_queued(), %{state | waiting: []}}, else: {group, state}

    if error.code == "read_only" and not reopened do
      # Perhaps only the connection is: it came up so, and the file has been put right since.
      write(%{disconnect(state) | waiting: Enum.map(group, &%{&1 | result: nil}) ++ state.waiting}, true)
    else
      if begun, do: Database.doubt(state.hooks, error)
      state = if error.code in ["read_only", "file_replaced"], do: disconnect(state), else: state
      {Enum.map(group, &refused(&1, error)), state}
    end
  end

  defp refused(%{result: {:error, _own}} = ticket, _error), do: ticket
  defp refused(ticket, error), do: %{ticket | result: {:error, error}}

  # Makes sure of the writing connection, to the file that is at the path now, and in a state to be trusted.
  defp connect(state) do
    with :ok <- Database.refuse_replaced(state.hooks),
         {:ok, state} <- current(state),
         {:sound, state, :ok} <- {:sound, state, Checkpoints.require_sound(state.hooks, state.connection)} do
      {:ok, state}
    else
      {:sound, state, {:error, error}} -> {:error, error, state}
      {:error, error} -> {:error, error, state}
    end
  end

  defp current(state) do
    if state.connection && state.generation == Database.generation(state.hooks) do
      {:ok, state}
    else
      state = disconnect(state)
      with {:ok, connection, generation} <- Database.open(state.hooks), do: {:ok, %{state | connection: connection, generation: generation}}
    end
  end

  defp disconnect(state) do
    Connection.close(state.connection)
    %{state | connection: nil}
  end

  # Begins a transaction for those who wait, and for who joins them on the way. Those whose time runs out are answered here, so that nobody waits longer
  # because others have waited before.
  defp begin(state, shortened) do
    case Connection.exec(state.connection, "BEGIN IMMEDIATE") do
      {:error, %{code: "busy"} = error} ->
        wait_on(state, error)

      result ->
        if shortened, do: Connection.waits(state.connection, state.hooks.options.busy_timeout_ms)
        if result == :ok, do: {:ok, state}, else: {:error, elem(result, 1), state}
    end
  end

  # Another one has the write lock, and the patience of those who came first is over.
  defp wait_on(state, error) do
    patience = state.hooks.options.busy_timeout_ms
    state = give_up(state, error, now_ms() + @giving_up_slack_ms - patience)

    case state.waiting do
      [] ->
        Connection.waits(state.connection, patience)
        {:ok, state}

      [oldest | _rest] ->
        case Connection.waits(state.connection, max(1, oldest.queued_at + patience - now_ms())) do
          :ok -> begin(state, true)
          {:error, error} -> {:error, error, state}
        end
    end
  end

  # Answers those who have waited since that time.
  defp give_up(state, error, overdue_at) do
    {expired, rest} = Enum.split_with(state.waiting ++ take_queued(), &(&1.queued_at <= overdue_at))
    Enum.each(expired, &answer(state, %{&1 | result: {:error, error}}))
    %{state | waiting: rest}
  end

  # Runs those who wait, and who is queued meanwhile, until the group is full.
  defp perform(state, group, size) do
    state = if state.waiting == [], do: %{state | waiting: take_queued()}, else: state

    case state.waiting do
      [next | rest] when group == [] or (not next.alone and length(group) < @most_calls and size + next.size <= @most_bytes) ->
        ticket = %{next | result: run(state, next)}
        perform_next(%{state | waiting: rest}, [ticket | group], size + next.size)

      _full_or_nobody ->
        {:ok, Enum.reverse(group), state}
    end
  end

  defp run(state, ticket) do
    {function, arguments} = ticket.call.()
    Connection.call(state.connection, function, arguments ++ [Options.now(state.hooks.options)])
  end

  defp perform_next(state, [%{result: {:ok, _value}} | _rest] = group, size), do: perform(state, group, size)

  # It is not the call's own: what the disk has of this transaction is not known, or the connection never writes.
  defp perform_next(state, [%{result: {:error, %{code: code} = error}} | _rest] = group, _size) when code in ["io_error", "read_only"],
    do: {:error, error, Enum.reverse(group), state}

  defp perform_next(state, [%{result: {:error, error}} | _rest] = group, size) do
    if Connection.in_transaction?(state.connection) do
      perform(state, group, size)
    else
      # A full disk ends the whole transaction: what was done before in it is gone as well.
      group = Enum.map(group, &refused(&1, error))

      case Connection.exec(state.connection, "BEGIN IMMEDIATE") do
        :ok -> perform(state, group, size)
        {:error, error} -> {:error, error, Enum.reverse(group), state}
      end
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
