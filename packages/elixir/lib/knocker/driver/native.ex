defmodule Knocker.Driver.Native do
  @moduledoc """
  A SQLite of Knocker's own, for applications without exqlite.

  It is native code, and an application says in its configuration how it comes to it:

      # Fetched from the release of this version. Needs {:rustler_precompiled, "~> 0.8"} among the dependencies.
      config :knocker, native: :precompiled

      # Built with cargo, by `mix compile`.
      config :knocker, native: :build

  It refuses to open anything where exqlite is among the loaded applications: two SQLite libraries in one process drop each other's
  locks on a file.
  """

  @behaviour Knocker.Driver

  alias Knocker.Driver.Native.Nif
  alias Knocker.Driver.Patience

  @misuse 21

  @impl true
  def open(path, options \\ []) do
    with :ok <- alone(), :ok <- loaded(), {:ok, db} <- Nif.open(path, Keyword.get(options, :create, true)) do
      patience = :atomics.new(1, [])
      :atomics.put(patience, 1, Keyword.get(options, :busy_timeout_ms, 5_000))
      {:ok, {db, patience}}
    end
  end

  @impl true
  def close({db, _patience}), do: Nif.close(db)

  @impl true
  def execute({db, patience}, sql, parameters) do
    Patience.wait(:atomics.get(patience, 1), fn -> Nif.execute(db, sql, parameters) end, fn -> Nif.in_transaction(db) end)
  end

  @impl true
  def execute_each({db, _patience}, statements), do: Nif.execute_each(db, statements)

  @impl true
  def wait({_db, patience}, milliseconds), do: :atomics.put(patience, 1, milliseconds)

  @impl true
  def load_extension({db, _patience}, path, entry), do: Nif.load_extension(db, path, entry)

  @impl true
  def interrupt({db, _patience}), do: Nif.interrupt(db)

  @impl true
  def watch(path), do: Nif.watch(path, self())

  @impl true
  def arm(watch), do: Nif.arm(watch)

  defp alone do
    if Application.spec(:exqlite) || :code.is_loaded(Exqlite.Sqlite3NIF) do
      refused("exqlite is among the loaded applications, and two SQLite libraries in one process drop each other's locks: use Knocker.Driver.Exqlite")
    else
      :ok
    end
  end

  defp loaded do
    with false <- Nif.loaded(), {:error, why} <- Nif.load() do
      refused(
        "the native driver is not there (#{why}): set `config :knocker, native: :precompiled` or `:build`, and compile knocker again, or add exqlite to the dependencies"
      )
    else
      _ -> :ok
    end
  end

  # Named as the library names its own errors.
  defp refused(message), do: {:error, %{code: @misuse, message: "knocker: cannot_load: #{message}"}}
end
