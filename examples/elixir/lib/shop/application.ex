defmodule Shop.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _arguments) do
    children = if Application.fetch_env!(:shop, :start), do: children() ++ web(), else: []
    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end

  defp children do
    [
      {Knocker, Shop.Hooks.options()},
      Shop.Schema,
      {Knocker.Worker, hooks: Shop.Hooks, concurrency: 2}
    ]
  end

  # Where the application has a server for Plug. It stands last, so that it is stopped first.
  defp web do
    if Code.ensure_loaded?(Bandit) do
      [{Bandit, plug: Shop.Router, port: String.to_integer(System.get_env("PORT", "4000"))}]
    else
      []
    end
  end
end
