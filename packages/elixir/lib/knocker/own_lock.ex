defmodule Knocker.OwnLock do
  @moduledoc false
  # A handler that has the write lock would wait for itself in a call that writes on another connection.

  alias Knocker.{Errors, Hooks, Transaction}

  @doc "Says in the process of a handler which attempt it is of."
  @spec enter(Hooks.t(), Transaction.t()) :: term()
  def enter(hooks, tx), do: Process.put(__MODULE__, {hooks.name, tx})

  @doc "Raises in the process of a handler: who ends the hooks waits for their handlers."
  @spec refuse_end(Hooks.t()) :: :ok
  def refuse_end(hooks) do
    case Process.get(__MODULE__) do
      {name, _tx} when name == hooks.name ->
        raise Errors.new("usage", "a handler cannot close its own hooks, which wait for it: start a process that does")

      _none ->
        :ok
    end
  end

  @doc "An error in the process of a handler that has begun its transaction. Before that, others that share it are committed."
  @spec refuse(Hooks.t()) :: :ok | {:error, Exception.t()}
  def refuse(hooks) do
    with {name, tx} when name == hooks.name <- Process.get(__MODULE__),
         {tx, false} <- {tx, Transaction.begun?(tx)} do
      Transaction.let_go(tx)
    else
      {_tx, true} ->
        {:error,
         Errors.new(
           "usage",
           "this handler has held the write lock since its first use of tx, and the call would wait for it in vain: call before that, or write through tx"
         )}

      _none ->
        :ok
    end
  end
end
