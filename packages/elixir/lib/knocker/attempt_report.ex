defmodule Knocker.AttemptReport do
  @moduledoc false
  # What is told of attempts: log lines that name the event, the hooks of the application, and telemetry.

  alias Knocker.{Decision, Event, Hooks, Telemetry}

  require Logger

  @doc "A failed attempt: a line, and the error hook."
  @spec failed(Hooks.t(), Event.t(), Exception.t(), String.t()) :: :ok
  def failed(hooks, event, error, what \\ "failed") do
    log(:warning, event, "attempt #{what}: #{one_line(Decision.message(error))}")
    tell(hooks.options.on_error, [error, event], event)
  end

  @doc "A further error of an attempt that the hook knows of: a line."
  @spec again(Event.t(), Exception.t(), String.t()) :: :ok
  def again(event, error, what), do: log(:warning, event, "attempt #{what}: #{one_line(Decision.message(error))}")

  @doc "What became of an attempt."
  @spec ended(Hooks.t(), Event.t(), atom(), non_neg_integer()) :: :ok
  def ended(hooks, event, status, took_ms) do
    if status != :dead, do: log(:debug, event, "attempt #{status} after #{took_ms} ms")
    Telemetry.execute(hooks, [:knocker, :attempt, :stop], %{duration_ms: took_ms}, Map.put(facts(event), :status, status))
  end

  @doc "An event that is not tried again: a line, and the dead hook."
  @spec dead(Hooks.t(), Event.t(), String.t()) :: :ok
  def dead(hooks, event, reason) do
    log(:error, event, "attempt dead: #{one_line(reason)}")
    Telemetry.execute(hooks, [:knocker, :event, :dead], %{count: 1}, Map.put(facts(event), :reason, reason))
    tell(hooks.options.on_dead, [event, reason], event)
  end

  @doc "What an event is called in telemetry."
  @spec facts(Event.t()) :: map()
  def facts(event), do: %{event_id: event.id, endpoint: event.endpoint, type: event.type, attempt: event.attempt}

  # Whatever a hook does: the attempt is still to be recorded.
  defp tell(nil, _arguments, _event), do: :ok

  defp tell(hook, arguments, event) do
    apply(hook, arguments)
    :ok
  catch
    kind, reason ->
      log(:error, event, "attempt: a hook failed: #{one_line(Exception.format_banner(kind, reason))}")
  end

  defp log(level, event, text) do
    Logger.log(level, fn -> "event #{event.id} of #{event.endpoint} (#{one_line(event.type || "no type")}, attempt #{event.attempt}): #{text}" end,
      knocker_event_id: event.id,
      knocker_endpoint: event.endpoint,
      knocker_event_type: event.type,
      knocker_attempt: event.attempt
    )
  end

  # A type or an error comes from outside, and must not look like lines of the log.
  defp one_line(text), do: text |> String.split(~r/\R/, parts: 2) |> hd()
end
