defmodule Knocker.Driver.NativeTest do
  use Knocker.DriverSuite, driver: Knocker.Driver.Native, tag: :native

  test "what goes deeper than the stack of a dirty scheduler is an error, and not the end of the virtual machine", %{db: db} do
    for {part, most} <- [{"+1", 390}, {" OR 1", 390}, {" UNION ALL SELECT 1", 240}] do
      assert {:ok, _rows} = @driver.execute(db, "SELECT 1" <> String.duplicate(part, most), [])
      assert {:error, %{code: 1}} = @driver.execute(db, "SELECT 1" <> String.duplicate(part, 900), [])
    end
  end

  # Connections of many processes wait for one another on the dirty schedulers, and the others go on.
  test "many processes write at once, each with its own connection", %{db: db, path: path} do
    rows!(db, "PRAGMA journal_mode = WAL")
    rows!(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT")

    1..16
    |> Enum.map(fn _ ->
      Task.async(fn ->
        {:ok, own} = @driver.open(path, busy_timeout_ms: 60_000)
        for _ <- 1..20, do: {:ok, []} = @driver.execute(own, "INSERT INTO orders DEFAULT VALUES", [])
        @driver.close(own)
      end)
    end)
    |> Task.await_many(:infinity)

    assert rows!(db, "SELECT count(*) FROM orders") == [[320]]
  end

  test "is the driver where there is no exqlite" do
    if not Code.ensure_loaded?(Exqlite.Sqlite3), do: assert(Knocker.Driver.default() == Knocker.Driver.Native)
  end

  test "exqlite's driver says that there is no exqlite", %{path: path} do
    if not Code.ensure_loaded?(Exqlite.Sqlite3) do
      assert {:error, failure} = Knocker.Driver.Exqlite.open(path, [])
      assert %Knocker.CannotLoadError{message: "exqlite is not there" <> _advice} = Knocker.Errors.from_sqlite(failure)
    end
  end

  test "refuses to open anything beside exqlite", %{path: path} do
    if :code.where_is_file(~c"exqlite.app") == :non_existing do
      :ok = :application.load({:application, :exqlite, vsn: ~c"0", modules: [], registered: [], applications: []})
      on_exit(fn -> :application.unload(:exqlite) end)
    end

    assert {:error, failure} = @driver.open(path, [])
    assert %Knocker.CannotLoadError{message: "exqlite is among the loaded applications" <> advice} = Knocker.Errors.from_sqlite(failure)
    assert advice =~ "Knocker.Driver.Exqlite"
  end
end
