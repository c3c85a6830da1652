defmodule Knocker.Run do
  @moduledoc false
  # One run of an event's handlers, from its begin to what became of it.

  alias Knocker.{Decision, Hooks, Job, Options, Paces, Tracing, Transaction}

  @enforce_keys [:job, :tracing, :began, :started]
  defstruct [
    :job,
    :tracing,
    # When it began: in monotonic milliseconds, and on the stopwatch of paces.
    :began,
    :started,
    :tx,
    # The process of the handlers.
    :handler,
    # When they first used tx, on the stopwatch: in itself, and how long after the begin.
    :begun_at,
    :begun_after,
    # What they decided, how long they took, and when they had ended, which is when the verdict is of.
    :decision,
    :took,
    :took_on_stopwatch,
    :now,
    # The error that the hook has been told of.
    :told,
    # What was written, and why the lease was lost or the writes were.
    :status,
    :problem,
    # `:waiting` for a transaction, `:ending` in one whose next statement its verdict comes before, `:written` in one, `:committed`, or `:undone` with it.
    state: :waiting,
    # In a transaction that others share.
    together: false,
    # The transaction of others was open when it began.
    beside_lock: false,
    # One handler wants the event.
    single: true,
    # Handlers have left something on the connection, or have written in a transaction of their own.
    altered: false,
    elsewhere: false,
    # The transaction has ended before the handlers.
    ended: false,
    # The event is handled, in a transaction of another connection's.
    settled: false
  ]

  @type t :: %__MODULE__{}

  @doc "One that begins now."
  @spec new(Hooks.t(), Job.t()) :: t()
  def new(hooks, job),
    do: %__MODULE__{job: job, tracing: Tracing.processing(job.event), began: now_ms(), started: Paces.now_ms(hooks)}

  @doc "The handlers use tx for the first time: what they show by that is how soon they do, and not how long the lock or their statement takes."
  @spec first_use(t(), Hooks.t()) :: t()
  def first_use(run, hooks), do: %{run | begun_after: Paces.now_ms(hooks) - run.started}

  @doc "They have the lock now."
  @spec begun(t(), Hooks.t()) :: t()
  def begun(run, hooks) do
    Transaction.put_begun(run.tx, true)
    %{run | begun_at: Paces.now_ms(hooks)}
  end

  @doc "The handlers have ended: what comes is not their time, and tx is over for who kept it. What they show is noted for the next of the type."
  @spec ended(t(), Hooks.t(), Decision.t() | :unwanted) :: t()
  def ended(run, hooks, decision) do
    took = Paces.now_ms(hooks) - run.started

    if run.tx do
      Transaction.put_begun(run.tx, false)
      pace = %{took_ms: took, begun_after_ms: run.begun_at && run.begun_after, returned: decision == :handled, apart: run.altered or run.elsewhere}
      Paces.note(hooks, run.job.event, pace)
    end

    now = Options.now(hooks.options) || System.os_time(:millisecond)
    %{run | tx: nil, handler: nil, decision: decision, took: now_ms() - run.began, took_on_stopwatch: took, now: now}
  end

  @doc "Whether what the handlers wrote is to be committed: without that, only the verdict is to be written again where it is lost."
  @spec writes?(t()) :: boolean()
  def writes?(run), do: run.begun_at != nil and run.decision == :handled

  defp now_ms, do: System.monotonic_time(:millisecond)
end
