defmodule Knocker.Keeper do
  @moduledoc false
  # What the name of hooks leads to: it owns their tables and their supervisor, and ends as they end. A supervisor ends with the same reason where it is
  # stopped and where its children fail too often, and whoever supervises it could start hooks again after both, or after neither. This ends normally where
  # the hooks were closed, and abnormally where they failed.

  use GenServer

  alias Knocker.{Hooks, Paces}

  @impl true
  def init({hooks, endpoints}) do
    Process.flag(:trap_exit, true)
    hooks = %{hooks | table: :ets.new(Hooks, [:public, read_concurrency: true]), paces: Paces.new()}
    Registry.update_value(Knocker.Registry, hooks.name, fn _without_table -> hooks end)

    case Hooks.start_processes(hooks, endpoints) do
      {:ok, supervisor} -> {:ok, supervisor}
      {:error, {:shutdown, {:failed_to_start_child, _child, error}}} -> {:stop, {:shutdown, error}}
    end
  end

  @impl true
  def handle_info({:EXIT, supervisor, reason}, supervisor), do: {:stop, {:failed_too_often, reason}, nil}
  def handle_info(_stray, supervisor), do: {:noreply, supervisor}

  @impl true
  def terminate(_reason, nil), do: :ok

  def terminate(_reason, supervisor) do
    Supervisor.stop(supervisor, :shutdown)
  catch
    # It was faster.
    :exit, _reason -> :ok
  end
end
