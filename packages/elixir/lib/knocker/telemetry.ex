defmodule Knocker.Telemetry do
  @moduledoc """
  Events in the form of [`:telemetry`](https://hex.pm/packages/telemetry): they go to the function that the hooks are started with (`telemetry:`, called with
  name, measurements and metadata), and to `:telemetry` where an application has it.

  | name | measurements | metadata |
  |---|---|---|
  | `[:knocker, :receive, :stop]` | `duration` (native units), `bytes` | `endpoint`, `outcome`, `reason` |
  | `[:knocker, :attempt, :start]` | `system_time` | `endpoint`, `event_id`, `type`, `attempt` |
  | `[:knocker, :attempt, :stop]` | `duration_ms` | the same, and `status` |
  | `[:knocker, :event, :dead]` | `count` | the same, and `reason` |

  All metadata has `hooks`, their name. Neither a body nor a secret is in any.
  """

  require Logger

  @doc false
  @spec execute(Knocker.Hooks.t(), [atom()], map(), map()) :: :ok
  def execute(hooks, name, measurements, metadata) do
    metadata = Map.put(metadata, :hooks, hooks.name)
    if hooks.options.telemetry, do: call(hooks.options.telemetry, name, measurements, metadata)
    if function_exported?(:telemetry, :execute, 3), do: :telemetry.execute(name, measurements, metadata)
    :ok
  end

  # Who measures must not be able to end what is measured.
  defp call(function, name, measurements, metadata) do
    function.(name, measurements, metadata)
  catch
    kind, reason ->
      text = Exception.format_banner(kind, reason)
      facts = Map.take(metadata, [:endpoint, :event_id, :type, :attempt])

      Logger.error(
        "the function for telemetry failed on #{inspect(name)} (#{kind})",
        [record: "hook_failed", hook: "telemetry", error: text] ++ Map.to_list(facts)
      )
  end
end
