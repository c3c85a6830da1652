defmodule Shop.Schema do
  @moduledoc "The shop's own tables. An app with Ecto has migrations instead."

  def tables do
    [
      "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, total INTEGER, email TEXT)",
      "CREATE TABLE IF NOT EXISTS builds (repository TEXT, revision TEXT, PRIMARY KEY (repository, revision))"
    ]
  end

  def child_spec(_options), do: %{id: __MODULE__, start: {__MODULE__, :make, []}}

  @doc "Makes them on a connection of its own, before the worker starts."
  def make do
    driver = Knocker.Driver.default()
    {:ok, db} = driver.open(Keyword.fetch!(Shop.Hooks.options(), :database), [])
    for table <- tables(), do: {:ok, []} = driver.execute(db, table, [])
    driver.close(db)
    :ignore
  end
end
