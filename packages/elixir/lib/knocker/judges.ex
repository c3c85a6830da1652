defmodule Knocker.Judges do
  @moduledoc false
  # Requests are judged by those who bring them, which is what a stranger can make costly: before the transaction, beside the writer, and never by all
  # cores at once. A judgement needs a read of the endpoint's settings and no lock. This process lends the connections.

  use GenServer

  alias Knocker.{Connection, Database, Hooks}

  # A larger request is heavy. Of those at most half as many are judged at once, and they keep the others from nothing.
  @heavy_bytes 64 * 1024

  defstruct [:hooks, free: %{}, queues: %{}, lent: %{}]

  def start_link(hooks), do: GenServer.start_link(__MODULE__, hooks, name: Hooks.process(hooks, __MODULE__))

  @doc "Runs an SQL function that only reads."
  @spec judge(Hooks.t(), non_neg_integer(), String.t(), [Connection.value()]) :: {:ok, Connection.value()} | {:error, Exception.t()}
  def judge(hooks, size, function, arguments) do
    lane = if size > @heavy_bytes, do: :heavy, else: :light

    with {:lent, loan, connection} <- Hooks.call(hooks, __MODULE__, {:lend, lane}) do
      result = Connection.call(connection, function, arguments)
      GenServer.cast(Hooks.process(hooks, __MODULE__), {:back, loan, sound?(result)})
      result
    end
  end

  defp sound?({:error, %{code: code}}), do: code not in ["io_error", "corrupt"]
  defp sound?({:ok, _result}), do: true

  @impl true
  def init(hooks) do
    # More than the cores only take turns.
    seats = System.schedulers_online() |> max(2) |> min(8)
    free = %{light: List.duplicate(nil, seats), heavy: List.duplicate(nil, div(seats, 2))}
    {:ok, %__MODULE__{hooks: hooks, free: free, queues: %{light: :queue.new(), heavy: :queue.new()}}}
  end

  @impl true
  def handle_call({:lend, lane}, from, state) do
    case state.free do
      %{^lane => [seat | rest]} -> {:noreply, lend(%{state | free: %{state.free | lane => rest}}, lane, seat, from)}
      %{^lane => []} -> {:noreply, %{state | queues: Map.update!(state.queues, lane, &:queue.in(from, &1))}}
    end
  end

  @impl true
  def handle_cast({:back, loan, sound}, state) do
    Process.demonitor(loan, [:flush])
    {:noreply, returned(state, loan, sound)}
  end

  @impl true
  # Whoever had it died, perhaps in the middle of a statement, which the connection comes to the end of.
  def handle_info({:DOWN, loan, :process, _pid, _reason}, state), do: {:noreply, returned(state, loan, true)}
  def handle_info(_stray, state), do: {:noreply, state}

  defp returned(state, loan, sound) do
    case Map.pop(state.lent, loan) do
      {nil, _lent} -> state
      {{lane, seat}, lent} -> pass_on(%{state | lent: lent}, lane, if(sound, do: seat, else: emptied(seat)))
    end
  end

  defp emptied(nil), do: nil

  defp emptied({connection, _generation}) do
    Connection.close(connection)
    nil
  end

  defp pass_on(state, lane, seat) do
    case :queue.out(state.queues[lane]) do
      {:empty, _queue} -> %{state | free: Map.update!(state.free, lane, &[seat | &1])}
      {{:value, from}, queue} -> lend(%{state | queues: %{state.queues | lane => queue}}, lane, seat, from)
    end
  end

  defp lend(state, lane, seat, {pid, _tag} = from) do
    case current(seat, state.hooks) do
      {:ok, {connection, _generation} = seat} ->
        loan = Process.monitor(pid)
        GenServer.reply(from, {:lent, loan, connection})
        %{state | lent: Map.put(state.lent, loan, {lane, seat})}

      failed ->
        GenServer.reply(from, failed)
        pass_on(state, lane, nil)
    end
  end

  # A connection is opened here, because it ends with the process that opened it.
  defp current(nil, hooks) do
    with {:ok, connection, generation} <- Database.open(hooks), do: {:ok, {connection, generation}}
  end

  defp current({_connection, generation} = seat, hooks),
    do: if(generation == Database.generation(hooks), do: {:ok, seat}, else: current(emptied(seat), hooks))
end
