# Runs where exqlite is: see KNOCKER_DEPS in mix.exs.
if Code.ensure_loaded?(Exqlite.Sqlite3) do
  defmodule Knocker.Driver.ExqliteTest do
    use Knocker.DriverSuite, driver: Knocker.Driver.Exqlite, tag: :exqlite

    test "is the driver where exqlite is" do
      assert Knocker.Driver.default() == Knocker.Driver.Exqlite
    end

    test "keeps no more statements than it should", %{db: db} do
      for n <- 1..200, do: assert(rows!(db, "SELECT #{n}") == [[n]])
    end
  end
end
