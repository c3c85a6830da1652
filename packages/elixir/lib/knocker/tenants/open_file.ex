defmodule Knocker.Tenants.OpenFile do
  @moduledoc false
  # A tenant's file while it is open, as a child of the tenants' supervisor: it has the hooks. It is opened in this process, so that one that takes long
  # keeps no other waiting, and says to its pool what came of that.

  use GenServer, restart: :temporary, shutdown: :infinity

  alias Knocker.{Database, Decision, Errors, Hooks}
  alias Knocker.Tenants.Pattern

  require Logger

  def start_link({pool, tenants, kind, name}), do: GenServer.start_link(__MODULE__, {pool, tenants, kind, name})

  @doc "Closes it."
  @spec close(pid()) :: :ok
  def close(file), do: GenServer.cast(file, :close)

  @doc "What hooks of tenants are called."
  @spec hooks_name(term(), atom(), String.t()) :: term()
  def hooks_name(tenants, kind, name), do: {Knocker.Tenants, tenants, kind, name}

  @doc """
  `:ok` once those of this virtual machine that have the tenant's file open have seen which file it is now: where it was replaced, they alone know the log that
  the former one has left behind, which SQLite would replay into the next one.
  """
  @spec settle(Knocker.Tenants.t(), String.t()) :: :ok | {:error, Exception.t()}
  def settle(tenants, name) do
    Enum.reduce_while([:receiving, :working], :ok, fn kind, :ok ->
      with {:ok, hooks} <- Hooks.fetch(hooks_name(tenants.name, kind, name)),
           {:error, %{code: "file_replaced"} = error} <- Database.run(hooks, fn _connection -> {:ok, nil} end) do
        {:halt, {:error, error}}
      else
        _not_open_or_settled -> {:cont, :ok}
      end
    end)
  end

  @impl true
  def init(given) do
    Process.flag(:trap_exit, true)
    {:ok, nil, {:continue, given}}
  end

  @impl true
  def handle_continue({pool, tenants, kind, name}, nil) do
    case opened(tenants, kind, name) do
      {:ok, hooks} ->
        send(pool, {:opened, self(), :ok})
        {:noreply, hooks}

      {:error, error} ->
        send(pool, {:opened, self(), {:error, error}})
        {:stop, :normal, nil}
    end
  end

  @impl true
  def handle_cast(:close, hooks), do: {:stop, :normal, hooks}

  @impl true
  # Somebody has closed them, or they failed too often.
  def handle_info({:EXIT, hooks, _reason}, hooks), do: {:stop, :normal, nil}
  def handle_info(_stray, hooks), do: {:noreply, hooks}

  @impl true
  def terminate(_reason, nil), do: :ok

  def terminate(_reason, hooks) do
    GenServer.stop(hooks, :normal, :infinity)
  catch
    :exit, _reason -> :ok
  end

  defp opened(tenants, kind, name) do
    with {:ok, path} <- Pattern.file(tenants.pattern, name),
         {:ok, endpoints} <- endpoints(tenants, name, path),
         :ok <- settle(tenants, name) do
      options = [name: hooks_name(tenants.name, kind, name), database: path, endpoints: endpoints] ++ tenants.options

      case Hooks.start_link(fn -> options end, create: false) do
        # One that was removed in this very moment.
        {:error, %{__exception__: true} = error} -> with {:ok, _path} <- Pattern.file(tenants.pattern, name), do: {:error, error}
        {:error, reason} -> {:error, Errors.new("closed", "the file of the tenant #{inspect(name)} is not open: #{inspect(reason, limit: 5)}")}
        {:ok, hooks} -> {:ok, hooks}
      end
    end
  end

  # What the application's own function raises may hold a secret: only its kind is told, and where.
  defp endpoints(tenants, name, path) do
    {:ok, tenants.endpoints.(name)}
  rescue
    error ->
      {module, function, arity, _place} = __STACKTRACE__ |> List.first() |> then(&(&1 || {__MODULE__, :endpoints, 1, []}))
      arity = if is_list(arity), do: length(arity), else: arity
      text = "#{inspect(error.__struct__)} in #{Exception.format_mfa(module, function, arity)}"
      {:error, Errors.new("usage", "endpoints: of the tenant #{inspect(name)} (#{path}) failed: #{Decision.message(%RuntimeError{message: text})}")}
  catch
    kind, _reason -> {:error, Errors.new("usage", "endpoints: of the tenant #{inspect(name)} (#{path}) failed: #{kind}")}
  end
end
