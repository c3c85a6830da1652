defmodule Knocker.Tenants.Look do
  @moduledoc false
  # Looking whether something is due in a file, which costs one connection and no write.

  alias Knocker.{Connection, Database, Hooks, JSON, Options}
  alias Knocker.Tenants.{OpenFile, Pattern}

  # A change may be told of before its commit can be seen: the file is looked at again after so long, one time after the other, while it stays open. After
  # longer pauses it is opened again, since others wait for a look: see `Knocker.Tenants.Schedule`.
  @again_ms [2, 5, 10, 20]
  # A file that takes the place of another is opened once it has been at rest.
  @at_rest_ms 110
  @most_tries 3

  @doc """
  The milliseconds until something can be handled, or nil. `tenant.handled` are the endpoints that have handlers, nil where that is not known. Where a change
  was told of, it is looked for.
  """
  @spec due(Knocker.Tenants.t(), map(), boolean()) :: {:ok, non_neg_integer() | nil} | {:error, Exception.t()}
  def due(tenants, tenant, changed) do
    case Enum.find_value([:working, :receiving], &through_open(tenants, tenant, &1, @most_tries)) do
      nil -> by_path(tenants, tenant, changed)
      result -> result
    end
  end

  # Who has it open knows the log of one that was replaced, and sets it aside before another connection takes it for that of the next one.
  defp through_open(tenants, tenant, kind, tries) do
    with {:ok, _path} <- Pattern.file(tenants.pattern, tenant.name),
         {:ok, hooks} <- Hooks.fetch(OpenFile.hooks_name(tenants.name, kind, tenant.name)) do
      case Database.run(hooks, &due_on(&1, hooks.options, tenant.handled, tenant.tour)) do
        {:error, %{code: "file_replaced"}} when tries > 0 ->
          Process.sleep(@at_rest_ms)
          through_open(tenants, tenant, kind, tries - 1)

        {:error, %{code: "closed"}} ->
          nil

        result ->
          unprepared(result)
      end
    else
      # One that takes its place is told of as a new one. To be opened by its path it might be there again by then, beside the log of the former one.
      {:error, %{code: "unknown_tenant"}} = gone -> gone
      _closed -> nil
    end
  catch
    # It was closed meanwhile.
    :exit, _reason -> nil
  end

  defp by_path(tenants, tenant, changed) do
    with {:ok, path} <- Pattern.file(tenants.pattern, tenant.name) do
      case Connection.open(path, false, tenants.read) do
        {:ok, connection} ->
          result = look(connection, tenants, tenant, if(changed, do: @again_ms, else: []))
          Connection.close(connection)
          unprepared(result)

        # One that was removed in this very moment.
        {:error, error} ->
          with {:ok, _path} <- Pattern.file(tenants.pattern, tenant.name), do: unprepared({:error, error})
      end
    end
  end

  defp look(connection, tenants, tenant, again) do
    case {due_on(connection, tenants.read, tenant.handled, tenant.tour), again} do
      {{:ok, due}, [pause | rest]} when due != 0 ->
        Process.sleep(pause)
        look(connection, tenants, %{tenant | tour: false}, rest)

      {result, _again} ->
        result
    end
  end

  @doc "The same over a connection; with `retain` a retention pass that is due is run, too."
  @spec due_on(Connection.t(), Options.t(), [String.t()] | nil, boolean()) :: {:ok, non_neg_integer() | nil} | {:error, Exception.t()}
  def due_on(connection, options, handled, retain) do
    with :ok <- if(retain, do: retain(connection, options), else: :ok) do
      case handled do
        [] -> {:ok, nil}
        nil -> Connection.call(connection, "knocker_next_due", [Options.now(options)])
        names -> Connection.call(connection, "knocker_next_due", [JSON.encode!(%{endpoints: names}), Options.now(options)])
      end
    end
  end

  # Where somebody writes for long, the next tour comes by again.
  defp retain(connection, options) do
    case Connection.call(connection, "knocker_retain", [Options.now(options)]) do
      {:error, %{code: code} = error} when code != "busy" -> {:error, error}
      _done_or_busy -> :ok
    end
  end

  # Nothing is prepared in it, or by an older version: opening its hooks does it.
  defp unprepared({:error, %{code: code}}) when code in ["not_bootstrapped", "schema_incomplete"], do: {:ok, 0}
  defp unprepared(result), do: result
end
