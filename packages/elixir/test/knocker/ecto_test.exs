# Runs where Ecto and its adapter for SQLite are: see KNOCKER_DEPS in mix.exs.
if Code.ensure_loaded?(Ecto.Adapters.SQLite3) do
  defmodule Knocker.EctoTest do
    use ExUnit.Case, async: false

    import ExUnit.CaptureLog

    alias Knocker.Testing

    @moduletag :ecto
    @moduletag :capture_log

    defmodule Repo do
      use Ecto.Repo, otp_app: :knocker, adapter: Ecto.Adapters.SQLite3

      @impl true
      def init(_context, config), do: {:ok, Knocker.Ecto.configure(config)}
    end

    defmodule PlainRepo do
      use Ecto.Repo, otp_app: :knocker, adapter: Ecto.Adapters.SQLite3
    end

    defmodule Order do
      use Ecto.Schema

      @primary_key {:id, :string, autogenerate: false}
      schema "orders" do
        field(:note, :string)
      end

      def changeset(order, changes) do
        order |> Ecto.Changeset.cast(changes, [:id, :note]) |> Ecto.Changeset.validate_required([:id, :note])
      end
    end

    defmodule CreateOrders do
      use Ecto.Migration

      def change do
        create table(:orders, primary_key: false) do
          add(:id, :string, primary_key: true)
          add(:note, :string)
        end
      end
    end

    # The handler of a test is a function that the test has put here.
    defp setup_hooks(context, handlers) do
      context |> Testing.setup(endpoints: [shop: [handler: handlers]]) |> with_repo()
    end

    defp with_repo(context) do
      start_supervised!({Repo, database: context.knocker_file, pool_size: 3, log: :debug})
      assert [1] = Ecto.Migrator.run(Repo, [{1, CreateOrders}], :up, all: true, log: false)
      context
    end

    defp ingest!(hooks, key) do
      {:ok, %{event_id: id}} =
        Knocker.ingest(Knocker.endpoint(hooks, :shop), [valid: true, type: "order.paid", key: key], ~s({"secret": "body-text"}))

      id
    end

    defp status(hooks, id), do: with({:ok, event} <- Knocker.event(hooks, id), do: event.status)
    defp insert(event, note), do: %Order{} |> Order.changeset(%{id: event.key, note: note}) |> Repo.insert(on_conflict: :nothing)
    defp orders, do: Enum.map(Repo.all(Order), &{&1.id, &1.note})

    test "what a changeset writes and the event's being handled commit together", context do
      test = self()

      handler = fn event, tx ->
        Knocker.Ecto.transaction(tx, Repo, fn ->
          result = insert(event, "paid")
          # Nobody else sees it yet.
          send(test, {:seen, Task.await(Task.async(fn -> orders() end))})
          result
        end)
      end

      %{hooks: hooks} = setup_hooks(context, handler)
      id = ingest!(hooks, "o-1")
      assert [%{status: :handled, error: nil}] = Testing.drain(hooks)
      assert_received {:seen, []}
      assert orders() == [{"o-1", "paid"}]
      assert status(hooks, id) == :handled
      assert [%{result: :handled, attempt: 1}] = Enum.to_list(Knocker.attempts(hooks, event_id: id))
    end

    for {name, ending, status} <- [
          {"an exception", quote(do: raise("no")), :failed},
          {"Repo.rollback", quote(do: Repo.rollback(:no)), :failed},
          {"an invalid changeset", quote(do: %Order{} |> Order.changeset(%{}) |> Repo.insert()), :failed},
          {"{:retry, 60}", quote(do: {:retry, 60}), :failed},
          {"{:dead, why}", quote(do: {:dead, "no"}), :dead},
          {"{:ignore, why}", quote(do: {:ignore, "no"}), :ignored},
          {"a failed query", quote(do: Repo.query!("SELECT nothing_there")), :failed}
        ] do
      test "#{name} takes back what the repository wrote, and the event is #{status}", context do
        handler = fn event, tx ->
          Knocker.Ecto.transaction(tx, Repo, fn ->
            {:ok, _order} = insert(event, "paid")
            unquote(ending)
          end)
        end

        %{hooks: hooks} = setup_hooks(context, handler)
        id = ingest!(hooks, "o-1")
        capture_log(fn -> assert [%{status: unquote(status)}] = Testing.drain(hooks) end)
        assert orders() == []
        assert status(hooks, id) == unquote(status)
        assert [%{attempt: 1}] = Enum.to_list(Knocker.attempts(hooks, event_id: id))
      end
    end

    test "where the lease is lost nothing is written", context do
      test = self()

      handler = fn event, tx ->
        if event.attempt == 1 and Process.get(:again) == nil, do: Knocker.replay(event.hooks, event.id, force: true)
        result = Knocker.Ecto.transaction(tx, Repo, fn -> insert(event, "paid") end)
        send(test, {:said, result})
        result
      end

      %{hooks: hooks} = setup_hooks(context, fn event, tx -> handler.(Map.put(event, :hooks, :persistent_term.get(test)), tx) end)
      :persistent_term.put(test, hooks)
      ingest!(hooks, "o-1")
      capture_log(fn -> assert {:error, _never_ends} = Knocker.drain(hooks, limit: 1) end)
      assert_received {:said, {:error, %Knocker.LeaseLostError{}}}
      assert orders() == []
      :persistent_term.erase(test)
    end

    test "what comes before the transaction holds no lock", context do
      handler = fn event, tx ->
        # Of another connection.
        {:ok, _order} = insert(%{key: "before"}, "free")
        # region: handler
        Knocker.Ecto.transaction(tx, Repo, fn ->
          %Order{} |> Order.changeset(%{id: event.key, note: "paid"}) |> Repo.insert(on_conflict: :nothing)
        end)

        # endregion: handler
      end

      %{hooks: hooks} = setup_hooks(context, handler)
      ingest!(hooks, "o-1")
      assert [%{status: :handled}] = Testing.drain(hooks)
      assert Enum.sort(orders()) == [{"before", "free"}, {"o-1", "paid"}]
    end

    test "an event has one transaction", context do
      test = self()

      handler = fn
        %{key: "tx first"} = event, tx ->
          Knocker.execute!(tx, "INSERT INTO orders VALUES (?, 'by tx')", [event.key])
          said(test, Knocker.Ecto.transaction(tx, Repo, fn -> insert(event, "paid") end))

        event, tx ->
          :ok = Knocker.Ecto.transaction(tx, Repo, fn -> with({:ok, _order} <- insert(event, "paid"), do: :ok) end)
          said(test, Knocker.execute(tx, "DELETE FROM orders"))
      end

      %{hooks: hooks} = setup_hooks(context, handler)
      ingest!(hooks, "tx first")
      capture_log(fn -> assert [%{status: :failed}] = Testing.drain(hooks) end)
      assert_received {:said, {:error, %Knocker.UsageError{}}}
      ingest!(hooks, "repository first")
      assert capture_log(fn -> assert [%{status: :handled}] = Testing.drain(hooks) end) =~ "failed afterwards"
      assert_received {:said, {:error, %Knocker.ClosedError{}}}
      assert orders() == [{"repository first", "paid"}]
    end

    test "where several handlers want an event, it is refused", context do
      one = fn event, tx -> Knocker.Ecto.transaction(tx, Repo, fn -> insert(event, "paid") end) end
      %{hooks: hooks} = setup_hooks(context, [one, fn _event, _tx -> :ok end])
      ingest!(hooks, "o-1")
      capture_log(fn -> assert [%{status: :failed, error: %Knocker.UsageError{}}] = Testing.drain(hooks) end)
      assert orders() == []
    end

    test "a call that would wait for the repository's lock is refused", context do
      test = self()

      handler = fn event, tx ->
        Knocker.Ecto.transaction(tx, Repo, fn ->
          said(test, Knocker.ingest(Knocker.endpoint(:persistent_term.get(test), :shop), [valid: true, key: "further"], "{}"))
          insert(event, "paid")
        end)
      end

      %{hooks: hooks} = setup_hooks(context, handler)
      :persistent_term.put(test, hooks)
      ingest!(hooks, "o-1")
      assert [%{status: :handled}] = Testing.drain(hooks)
      assert_received {:said, {:error, %Knocker.UsageError{}}}
      :persistent_term.erase(test)
    end

    test "no query of Knocker's is logged, and no body", context do
      handler = fn event, tx -> Knocker.Ecto.transaction(tx, Repo, fn -> insert(event, "paid") end) end
      level = Logger.level()
      Logger.configure(level: :debug)
      on_exit(fn -> Logger.configure(level: level) end)

      log =
        capture_log([level: :debug], fn ->
          %{hooks: hooks} = setup_hooks(context, handler)
          {:ok, _endpoint} = Knocker.endpoint(hooks, :signed, provider: "standard-webhooks", secrets: ["whsec_c2VjcmV0LW9mLXRoZS10ZXN0"])
          ingest!(hooks, "o-1")
          assert [%{status: :handled}] = Testing.drain(hooks)
        end)

      # Ecto's own log is on.
      assert log =~ "INSERT INTO \"orders\""
      refute log =~ "knocker_handled"
      refute log =~ "body-text"
      refute log =~ "whsec_"
    end

    test "a repository without the library says what to do", context do
      test = self()
      handler = fn event, tx -> said(test, Knocker.Ecto.transaction(tx, PlainRepo, fn -> PlainRepo.insert(%Order{id: event.key}) end)) end
      %{hooks: hooks, knocker_file: file} = setup_hooks(context, handler)
      start_supervised!({PlainRepo, database: file, pool_size: 1, log: false})
      ingest!(hooks, "o-1")
      capture_log(fn -> assert [%{status: :failed}] = Testing.drain(hooks) end)
      assert_received {:said, {:error, %Knocker.CannotLoadError{message: message}}}
      assert message =~ "Knocker.Ecto.configure"
      assert orders() == []
    end

    test "a deferred transaction that reads first fails at once beside another writer, and an immediate one does not", context do
      %{hooks: hooks} = setup_hooks(context, fn _event, _tx -> :ok end)

      error =
        catch_error(
          Repo.transaction(fn ->
            [] = orders()
            ingest!(hooks, "meanwhile")
            Repo.insert!(%Order{id: "o-1"})
          end)
        )

      assert Exception.message(error) =~ ~r/busy|locked/i

      writing = fn ->
        Repo.transaction(fn -> with([] <- orders(), do: Repo.insert!(%Order{id: "o-1"})) end, mode: :immediate)
      end

      assert {:ok, %Order{}} = writing.()
      assert [{"o-1", nil}] = orders()
    end

    @tag :tmp_dir
    test "migrations leave Knocker's tables alone, and a dumped structure is loaded into a new file", %{tmp_dir: folder} = context do
      %{hooks: hooks, knocker_file: file} = setup_hooks(context, fn _event, _tx -> :ok end)
      id = ingest!(hooks, "o-1")
      assert [1] = Ecto.Migrator.run(Repo, [{1, CreateOrders}], :down, all: true, log: false)
      assert [1] = Ecto.Migrator.run(Repo, [{1, CreateOrders}], :up, all: true, log: false)
      assert status(hooks, id) == :received

      # As mix knocker.ecto.dump and mix ecto.load do.
      dump = Path.join(folder, "structure.sql")
      File.write!(dump, Knocker.Ecto.Structure.sql(Repo))
      refute File.read!(dump) =~ ~r/knocker|honker|sqlite_/
      loaded = Path.join(folder, "own.db")
      assert {:ok, ^dump} = Ecto.Adapters.SQLite3.structure_load(folder, database: loaded, dump_path: dump)
      works_on(loaded)

      # mix ecto.dump's, which has Knocker's tables too: SQLite refuses a table of its own in it, and takes the rest.
      assert {:ok, ^dump} = Ecto.Adapters.SQLite3.structure_dump(folder, database: file, dump_path: dump)
      loaded = Path.join(folder, "all.db")
      assert {:error, "Parse error near line " <> _rest} = Ecto.Adapters.SQLite3.structure_load(folder, database: loaded, dump_path: dump)
      works_on(loaded)
    end

    defp works_on(file) do
      start_supervised!({Knocker, name: file, database: file, endpoints: [shop: [handler: fn _event, _tx -> :ok end]]}, id: file)
      id = ingest!(file, "o-1")
      assert [%{status: :handled}] = Testing.drain(file)
      assert status(file, id) == :handled
      assert Testing.rows!(file, "SELECT version FROM schema_migrations") == [[1]]
      assert Testing.rows!(file, "SELECT count(*) FROM orders") == [[0]]
    end

    defp said(test, result) do
      send(test, {:said, result})
      result
    end
  end
end
