defmodule Knocker.HandlerProcess do
  @moduledoc false
  # The handlers of one event, in a process of their own, so that whatever ends it is an attempt and not the worker.

  alias Knocker.{Decision, Endpoint, Event, Handlers, Hooks, OwnLock, Run, Tracing}

  # What the event and one statement take: a process that begins with less collects garbage three times before it ends.
  @heap_words 987

  @type handler :: (Event.t(), Knocker.Transaction.t() -> term())

  @doc "Those that want the event by its type."
  @spec wanted(Hooks.t(), Event.t()) :: [handler()]
  def wanted(hooks, event) do
    case Endpoint.known(hooks, event.endpoint) do
      {:ok, known} -> Handlers.matching(known.handlers, event.type)
      {:error, _unknown} -> []
    end
  end

  @doc """
  Runs them in order with the `tx` of the run, and tells the calling process `{:handlers, reference, decision}`, which is `:unwanted` where each of them
  refuses the event. The process is linked and monitored.
  """
  @spec start(Hooks.t(), Run.t(), [handler()]) :: pid()
  def start(hooks, %{tx: tx, job: job, tracing: tracing}, handlers) do
    attempt = self()

    run = fn ->
      OwnLock.enter(hooks, tx)
      Process.put(:"$callers", [attempt])
      send(attempt, {:handlers, tx.reference, Tracing.within(tracing, fn -> in_order(handlers, job.event, tx, :unwanted) end)})
    end

    # A handler may cut the link, and nothing would be heard of its end.
    {handler, _monitor} = :erlang.spawn_opt(run, [:link, :monitor, min_heap_size: @heap_words])
    handler
  end

  defp in_order([], _event, _tx, result), do: result

  defp in_order([handle | rest], event, tx, result) do
    case run_one(handle, event, tx) do
      :unwanted -> in_order(rest, event, tx, result)
      :handled -> in_order(rest, event, tx, :handled)
      decided -> decided
    end
  end

  defp run_one(handle, event, tx) do
    Decision.of(handle.(event, tx))
  catch
    kind, reason ->
      stacktrace = __STACKTRACE__

      if kind == :error and Handlers.unwanted?(reason, handle, [event, tx], stacktrace),
        do: :unwanted,
        else: Decision.of_crash(kind, reason, stacktrace)
  end
end
