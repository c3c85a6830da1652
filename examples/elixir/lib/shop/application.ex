defmodule Shop.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _arguments) do
    children = if Application.fetch_env!(:shop, :start), do: children(), else: []
    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end

  defp children do
    [
      {Knocker, Shop.Hooks.options()},
      Shop.Schema,
      {Knocker.Worker, hooks: Shop.Hooks, concurrency: 2}
    ]
  end
end
