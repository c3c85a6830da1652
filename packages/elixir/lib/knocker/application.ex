defmodule Knocker.Application do
  @moduledoc false
  # Hooks are found by their names, and workers by the names of their hooks.

  use Application

  @impl true
  def start(_type, _arguments) do
    Supervisor.start_link(
      [{Registry, keys: :unique, name: Knocker.Registry}, {Registry, keys: :duplicate, name: Knocker.News}],
      strategy: :one_for_one,
      name: Knocker.Supervisor
    )
  end
end
