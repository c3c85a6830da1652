defmodule Knocker.WorkerConnection do
  @moduledoc false
  # A process with a connection that a worker keeps for the queue: opened again where it has failed, or where the file has become another one. So neither
  # claims nor extensions wait in the worker itself, nor for each other.

  use GenServer

  alias Knocker.{Connection, Database}

  defstruct [:hooks, :connection, :generation]

  def start_link(hooks), do: GenServer.start_link(__MODULE__, hooks)

  @doc "Runs a function with the connection; its result comes as `{reference, result}`."
  @spec run(pid(), reference(), (Connection.t() -> term())) :: :ok
  def run(pid, reference, work), do: GenServer.cast(pid, {:run, self(), reference, work})

  @impl true
  def init(hooks), do: {:ok, %__MODULE__{hooks: hooks}}

  @impl true
  def handle_cast({:run, from, reference, work}, state) do
    {result, state} = use_it(state, work)
    send(from, {reference, result})
    {:noreply, state}
  end

  defp use_it(state, work) do
    with {:ok, state} <- current(state) do
      result = work.(state.connection)
      {result, after_use(state, result)}
    else
      failed -> {failed, state}
    end
  end

  defp current(state) do
    with :ok <- Database.refuse_replaced(state.hooks) do
      if state.connection && state.generation == Database.generation(state.hooks) do
        {:ok, state}
      else
        Connection.close(state.connection)
        with {:ok, connection, generation} <- Database.open(state.hooks), do: {:ok, %{state | connection: connection, generation: generation}}
      end
    end
  end

  # One that came up read-only, say, stays so.
  defp after_use(state, {:error, error}) do
    Database.doubt(state.hooks, error)

    if error.code in ["busy", "closed"] do
      state
    else
      Connection.close(state.connection)
      %{state | connection: nil}
    end
  end

  defp after_use(state, _done), do: state
end
