defmodule Knocker.DriverSuite do
  @moduledoc """
  What every driver does, as tests that each of them runs: `use Knocker.DriverSuite, driver: Knocker.Driver.Native, tag: :native`.
  """
  use ExUnit.CaseTemplate

  using options do
    quote do
      @driver unquote(options[:driver])
      @moduletag :tmp_dir
      @moduletag unquote(options[:tag])

      setup %{tmp_dir: folder} do
        path = Path.join(folder, "app.db")
        {:ok, db} = @driver.open(path, busy_timeout_ms: 5_000)
        on_exit(fn -> @driver.close(db) end)
        %{db: db, path: path}
      end

      defp rows!(db, sql, parameters \\ []) do
        assert {:ok, rows} = @driver.execute(db, sql, parameters)
        rows
      end

      test "gives the values that SQLite has", %{db: db} do
        assert rows!(db, "SELECT NULL, 9007199254740993, 1.5, 'grün', x'00ff'") == [[nil, 9_007_199_254_740_993, 1.5, "grün", <<0, 255>>]]
      end

      test "binds binaries as text, and as blobs where told so", %{db: db} do
        parameters = [nil, -1, 2.5, "tëxt", {:blob, <<0, 255>>}, "", {:blob, ""}]
        kinds = Enum.map_join(1..7, ", ", &"typeof(?#{&1})")
        assert rows!(db, "SELECT #{kinds}", parameters) == [~w(null integer real text blob text blob)]
        assert rows!(db, "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7", parameters) == [[nil, -1, 2.5, "tëxt", <<0, 255>>, "", ""]]
      end

      test "keeps what a statement says from one run to the next", %{db: db} do
        assert rows!(db, "CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT") == []
        for id <- ["a", "b"], do: assert(rows!(db, "INSERT INTO orders VALUES (?1)", [id]) == [])
        assert rows!(db, "SELECT id FROM orders ORDER BY id") == [["a"], ["b"]]
        rows!(db, "ALTER TABLE orders ADD COLUMN note TEXT")
        assert rows!(db, "SELECT * FROM orders WHERE id = ?1", ["a"]) == [["a", nil]]
      end

      test "says what failed by code and text, and goes on", %{db: db} do
        rows!(db, "CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT")
        rows!(db, "INSERT INTO orders VALUES ('a')")
        assert {:error, %{code: code, message: message}} = @driver.execute(db, "INSERT INTO orders VALUES ('a')", [])
        assert Bitwise.band(code, 0xFF) == 19
        assert message =~ "UNIQUE constraint failed: orders.id"
        assert {:error, %{code: code, message: message}} = @driver.execute(db, "SELECT absent", [])
        assert Bitwise.band(code, 0xFF) == 1
        assert message =~ "no such column: absent"
        assert rows!(db, "SELECT count(*) FROM orders") == [[1]]
      end

      if Code.ensure_loaded?(@driver) and function_exported?(@driver, :execute_each, 2) do
        test "runs statements one after the other, up to the first that fails", %{db: db} do
          rows!(db, "CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT")
          rows!(db, "BEGIN")
          insert = {"INSERT INTO orders VALUES (?1)", ["a"]}
          assert @driver.execute_each(db, [{"SAVEPOINT one", []}, insert, {"SELECT id FROM orders", []}]) == {[[], [], [["a"]]], :ok}
          assert {[[]], {:error, %{code: code}}} = @driver.execute_each(db, [{"SELECT 1 WHERE 0", []}, insert, {"COMMIT", []}])
          assert Bitwise.band(code, 0xFF) == 19
          assert @driver.execute_each(db, [{"ROLLBACK TO one", []}, {"SELECT count(*) FROM orders", []}]) == {[[], [[0]]], :ok}
          assert @driver.execute_each(db, []) == {[], :ok}
          rows!(db, "ROLLBACK")
          @driver.close(db)
          assert {[], {:error, %{code: 21}}} = @driver.execute_each(db, [insert])
        end
      end

      test "refuses another number of values than the statement has places", %{db: db} do
        assert {:error, %{code: _}} = @driver.execute(db, "SELECT ?1", [])
        assert {:error, %{code: _}} = @driver.execute(db, "SELECT ?1", [1, 2])
        assert rows!(db, "SELECT ?1", [1]) == [[1]]
      end

      test "refuses a second statement, and runs neither", %{db: db} do
        rows!(db, "CREATE TABLE orders (id TEXT PRIMARY KEY) STRICT")
        assert {:error, %{code: _}} = @driver.execute(db, "INSERT INTO orders VALUES ('a'); COMMIT", [])
        assert rows!(db, "SELECT count(*), ';' FROM orders /* ; */ ; -- and no more;") == [[0, ";"]]
        rows!(db, "CREATE TRIGGER twice AFTER INSERT ON orders BEGIN DELETE FROM orders; SELECT 1; END")
      end

      test "fails with busy beside another writer", %{db: db, path: path} do
        rows!(db, "PRAGMA journal_mode = WAL")
        {:ok, impatient} = @driver.open(path, busy_timeout_ms: 0)
        rows!(db, "BEGIN IMMEDIATE")
        assert {:error, %{code: code}} = @driver.execute(impatient, "BEGIN IMMEDIATE", [])
        assert Bitwise.band(code, 0xFF) == 5
        rows!(db, "ROLLBACK")
        assert {:ok, []} = @driver.execute(impatient, "BEGIN IMMEDIATE", [])
        @driver.close(impatient)
      end

      # Erlang has ten schedulers for calls that block.
      test "more connections wait for a lock than Erlang has schedulers, and the one that has it gives it back", %{db: db, path: path} do
        rows!(db, "PRAGMA journal_mode = WAL")
        rows!(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT")

        1..24
        |> Enum.map(fn _ ->
          Task.async(fn ->
            {:ok, own} = @driver.open(path, busy_timeout_ms: 600_000)

            for _ <- 1..4 do
              for sql <- ["BEGIN IMMEDIATE", "INSERT INTO orders DEFAULT VALUES", "COMMIT"], do: rows!(own, sql)
            end

            @driver.close(own)
          end)
        end)
        |> Task.await_many(:infinity)

        assert rows!(db, "SELECT count(*) FROM orders") == [[96]]
      end

      test "a transaction that has read waits for nobody who has written since", %{db: db, path: path} do
        rows!(db, "PRAGMA journal_mode = WAL")
        rows!(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT")
        {:ok, other} = @driver.open(path, busy_timeout_ms: 600_000)
        rows!(other, "BEGIN")
        rows!(other, "SELECT count(*) FROM orders")
        rows!(db, "INSERT INTO orders DEFAULT VALUES")
        assert {:error, %{code: code}} = @driver.execute(other, "INSERT INTO orders DEFAULT VALUES", [])
        assert Bitwise.band(code, 0xFF) == 5
        @driver.close(other)
      end

      test "how long it waits can be said anew", %{db: db, path: path} do
        rows!(db, "PRAGMA journal_mode = WAL")
        {:ok, other} = @driver.open(path, busy_timeout_ms: 600_000)
        rows!(db, "BEGIN IMMEDIATE")
        assert @driver.wait(other, 1) == :ok
        assert {:error, %{code: 5}} = @driver.execute(other, "BEGIN IMMEDIATE", [])
        assert @driver.wait(other, 600_000) == :ok
        waiting = Task.async(fn -> @driver.execute(other, "BEGIN IMMEDIATE", []) end)
        assert Task.yield(waiting, 20) == nil
        rows!(db, "ROLLBACK")
        assert Task.await(waiting, :infinity) == {:ok, []}
        @driver.close(other)
      end

      test "a running statement ends where another process interrupts it", %{db: db} do
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        running = Task.async(fn -> @driver.execute(db, endless, []) end)
        assert {:error, %{code: 9}} = interrupted(db, running)
        assert rows!(db, "SELECT 1") == [[1]]
      end

      test "opens nothing where nothing can be", %{path: path} do
        assert {:error, %{code: code, message: message}} = @driver.open(Path.join([Path.dirname(path), "none", "app.db"]), [])
        assert is_integer(code) and is_binary(message)
      end

      test "makes no file where it is told not to", %{path: path} do
        assert {:error, %{code: code}} = @driver.open(path <> ".none", create: false)
        assert Bitwise.band(code, 0xFF) == 14
        refute File.exists?(path <> ".none")
        assert {:ok, db} = @driver.open(path, create: false)
        assert rows!(db, "SELECT 1") == [[1]]
        @driver.close(db)
      end

      test "several processes use one connection, one after the other", %{db: db} do
        rows!(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT) STRICT")

        1..8
        |> Enum.map(fn n ->
          Task.async(fn ->
            for _ <- 1..25 do
              assert rows!(db, "INSERT INTO orders (note) VALUES (?1) RETURNING note", ["from #{n}"]) == [["from #{n}"]]
            end
          end)
        end)
        |> Task.await_many(:infinity)

        assert rows!(db, "SELECT count(*), count(DISTINCT note) FROM orders") == [[200, 8]]
      end

      test "a statement ends as it should where its caller is killed", %{db: db, path: path} do
        rows!(db, "PRAGMA journal_mode = WAL")
        rows!(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT")
        {:ok, observer} = @driver.open(path, busy_timeout_ms: 0)
        many = "INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT i FROM n"
        {caller, monitor} = spawn_monitor(fn -> @driver.execute(db, many, []) end)
        begun(observer)
        Process.exit(caller, :kill)
        assert_receive {:DOWN, ^monitor, :process, ^caller, _}, 60_000
        assert rows!(db, "SELECT count(*) FROM orders") == [[200_000]]
        @driver.close(observer)
      end

      test "what nobody closed is closed after its process", %{path: path} do
        other = path <> "2"

        {opener, monitor} =
          spawn_monitor(fn ->
            {:ok, db} = @driver.open(other, [])
            rows!(db, "PRAGMA journal_mode = WAL")
            rows!(db, "CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT")
            assert File.exists?(other <> "-wal")
          end)

        assert_receive {:DOWN, ^monitor, :process, ^opener, :normal}, 60_000
        # The last connection takes the log away when it is closed.
        gone(other <> "-wal")
      end

      test "a closed connection is misuse, and may be closed again", %{db: db} do
        assert @driver.close(db) == :ok
        assert @driver.close(db) == :ok
        assert {:error, %{code: _, message: _}} = @driver.execute(db, "SELECT 1", [])
      end

      test "loads the library, and says why it cannot load another file", %{db: db, path: path} do
        assert @driver.load_extension(db, System.fetch_env!("KNOCKER_EXTENSION"), "sqlite3_knocker_init") == :ok
        assert [[version]] = rows!(db, "SELECT knocker_version()")
        assert version =~ ~r/^\d+\.\d+\.\d+/
        assert {:error, %{message: message}} = @driver.load_extension(db, path <> ".none", "sqlite3_knocker_init")
        assert message =~ "none"
        assert {:error, %{message: message}} = @driver.execute(db, "SELECT load_extension('x')", [])
        assert message =~ "not authorized"
      end

      # Until the statement holds the write lock, or has ended.
      defp begun(observer) do
        with {:ok, []} <- @driver.execute(observer, "BEGIN IMMEDIATE", []) do
          [[count]] = rows!(observer, "SELECT count(*) FROM orders")
          rows!(observer, "ROLLBACK")
          if count == 0, do: begun(observer)
        end
      end

      defp gone(file), do: if(File.exists?(file), do: gone(file))

      # The statement may not have begun when the first interruption comes.
      defp interrupted(db, running) do
        @driver.interrupt(db)

        Task.yield(running, 10)
        |> case do
          {:ok, result} -> result
          nil -> interrupted(db, running)
        end
      end
    end
  end
end
