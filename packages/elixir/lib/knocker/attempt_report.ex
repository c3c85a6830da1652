defmodule Knocker.AttemptReport do
  @moduledoc false
  # What is told of attempts: log lines that name the event, the hooks of the application, and telemetry.

  alias Knocker.{Decision, Event, Hooks, Telemetry, Tracing}

  require Logger

  @doc "A failed attempt: a line, and the error hook."
  @spec failed(Hooks.t(), Event.t(), Exception.t(), non_neg_integer() | nil, String.t(), String.t()) :: :ok
  def failed(hooks, event, error, took_ms, what \\ "failed", outcome \\ "failed") do
    again(event, error, took_ms, what, outcome)
    tell(hooks.options.on_error, [error, event], event, "on_error")
  end

  @doc "A further error of an attempt that the hook knows of: a line."
  @spec again(Event.t(), Exception.t(), non_neg_integer() | nil, String.t(), String.t()) :: :ok
  def again(event, error, took_ms, what, outcome) do
    text = Decision.message(error)
    code = Map.get(error, :code)
    facts = [outcome: outcome, duration_ms: took_ms, error: text, code: if(is_binary(code), do: code)]
    log(:warning, event, "attempt_failed", "attempt #{what}: #{one_line(text)}", facts)
  end

  @doc "What became of an attempt."
  @spec ended(Hooks.t(), Event.t(), atom(), non_neg_integer()) :: :ok
  def ended(hooks, event, status, took_ms) do
    # Of a failure all has been said.
    if status in [:handled, :ignored],
      do: log(:debug, event, "attempt_ended", "attempt #{status} after #{took_ms} ms", outcome: status, duration_ms: took_ms)

    Telemetry.execute(hooks, [:knocker, :attempt, :stop], %{duration_ms: took_ms}, Map.put(facts(event), :status, status))
  end

  @doc "An event that is not tried again: a line, and the dead hook."
  @spec dead(Hooks.t(), Event.t(), String.t(), non_neg_integer() | nil) :: :ok
  def dead(hooks, event, reason, took_ms) do
    log(:error, event, "event_dead", "attempt dead: #{one_line(reason)}", outcome: :dead, duration_ms: took_ms, reason: reason)
    Telemetry.execute(hooks, [:knocker, :event, :dead], %{count: 1}, Map.put(facts(event), :reason, reason))
    tell(hooks.options.on_dead, [event, reason], event, "on_dead")
  end

  @doc "What an event is called in telemetry."
  @spec facts(Event.t()) :: map()
  def facts(event), do: %{event_id: event.id, endpoint: event.endpoint, type: event.type, attempt: event.attempt}

  # Whatever a hook does: the attempt is still to be recorded.
  defp tell(nil, _arguments, _event, _name), do: :ok

  defp tell(hook, arguments, event, name) do
    apply(hook, arguments)
    :ok
  catch
    kind, reason ->
      text = Exception.format_banner(kind, reason)
      log(:error, event, "hook_failed", "attempt: a hook failed: #{one_line(text)}", hook: name, error: text)
  end

  defp log(level, event, record, text, facts) do
    Logger.log(level, fn ->
      about = [
        record: record,
        endpoint: event.endpoint,
        event_id: event.id,
        delivery_id: event.delivery.id,
        type: event.type,
        key: event.key,
        attempt: event.attempt,
        trace_id: Tracing.trace_id(event)
      ]

      {"event #{event.id} of #{event.endpoint} (#{one_line(event.type || "no type")}, attempt #{event.attempt}): #{text}", about ++ facts}
    end)
  end

  # A type or an error comes from outside, and must not look like lines of the log.
  defp one_line(text), do: text |> String.split(~r/\R/, parts: 2) |> hd()
end
