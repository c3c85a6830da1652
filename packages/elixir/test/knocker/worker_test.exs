defmodule Knocker.WorkerTest do
  use ExUnit.Case, async: true

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Child, Testing, Worker}

  @moduletag capture_log: true
  @moduletag timeout: 60_000

  defmodule ThrowingError do
    defexception [:message]
    @impl true
    def message(_error), do: throw(:no_text)
  end

  # Hooks on a file of the test's own with one endpoint.
  defp open(context, handler, options \\ []) do
    schema = "CREATE TABLE orders (id INTEGER PRIMARY KEY)"
    test = self()
    told = [on_error: fn error, event -> send(test, {:error, event.id, error}) end, on_dead: fn event, why -> send(test, {:dead, event.id, why}) end]
    Testing.setup(context, Keyword.merge(told, [schema: schema, endpoints: [inbox: [handler: handler]]] ++ options))
  end

  defp ingest(hooks, type \\ "order") do
    {:ok, receipt} = Knocker.ingest(Knocker.endpoint(hooks, :inbox), [valid: true, type: type], "{}")
    receipt.event_id
  end

  defp work(hooks, options \\ []) do
    {:ok, worker} = Worker.start_link([hooks: hooks] ++ options)
    worker
  end

  defp status(hooks, id) do
    {:ok, event} = Knocker.event(hooks, id)
    event.status
  end

  # On either driver.
  defp in_statement?(pid),
    do: match?({:current_function, {module, _, _}} when module in [Knocker.Driver.Native.Nif, :gen], Process.info(pid, :current_function))

  defp insert(event, tx), do: Knocker.execute(tx, "INSERT INTO orders VALUES (?)", [event.id])

  test "a worker whose own processes crash does not hurry to crash again, and a drain says so", context do
    clock = :counters.new(2, [])

    now = fn ->
      :counters.add(clock, 1, 1)
      if :counters.get(clock, 2) == 1, do: raise("the clock stands"), else: System.os_time(:millisecond)
    end

    %{hooks: hooks} = open(context, fn _event, _tx -> :ok end, clock: now)
    id = ingest(hooks)
    :counters.put(clock, 2, 1)
    :counters.put(clock, 1, 0)
    assert {:error, %Knocker.ClosedError{}} = Knocker.drain(hooks)
    # Twice at least, and a pause lies between.
    began = System.monotonic_time(:millisecond)
    work(hooks)
    until(fn -> :counters.get(clock, 1) >= 3 end)
    assert System.monotonic_time(:millisecond) - began > 500
    :counters.put(clock, 2, 0)
    until(fn -> status(hooks, id) == :handled end)
  end

  describe "what a handler says" do
    test "decides how the event goes on, and only success keeps its writes", context do
      results = %{
        "fine" => {:ok, :handled},
        "error" => {{:error, "no answer"}, :failed},
        "error of an exception" => {{:error, %RuntimeError{message: "no answer"}}, :failed},
        "error of a term" => {{:error, {:no, 1}}, :failed},
        "retry" => {{:retry, 60}, :failed},
        "retry with why" => {{:retry, 60, "closed"}, :failed},
        "ignore" => {{:ignore, "a test"}, :ignored},
        "dead" => {{:dead, "no such customer"}, :dead},
        "nonsense" => {:nonsense, :failed}
      }

      %{hooks: hooks} =
        open(context, fn event, tx ->
          {:ok, _} = insert(event, tx)
          elem(results[event.type], 0)
        end)

      ids = Map.new(results, fn {type, _result} -> {type, ingest(hooks, type)} end)
      Testing.drain(hooks)
      for {type, {_said, status}} <- results, do: assert({type, status(hooks, ids[type])} == {type, status})
      assert Testing.rows!(hooks, "SELECT id FROM orders") == [[ids["fine"]]]
      reasons = Map.new(Knocker.events(hooks), &{&1.type, &1.reason})
      assert reasons["error"] == "no answer"
      assert reasons["error of a term"] == "{:no, 1}"
      assert reasons["retry with why"] == "closed"
      assert reasons["ignore"] == "a test"
      assert reasons["nonsense"] =~ "returned :nonsense"
    end

    test "crashes of every kind are failed attempts with their stack trace", context do
      crashes = %{
        "raise" => fn -> raise "broken" end,
        "throw" => fn -> throw(:broken) end,
        "exit" => fn -> exit(:broken) end,
        "killed" => fn -> Process.exit(self(), :kill) end,
        "linked" => fn -> spawn_link(fn -> exit(:broken) end) && Process.sleep(:infinity) end
      }

      %{hooks: hooks} =
        open(context, fn event, tx ->
          {:ok, _} = insert(event, tx)
          crashes[event.type].()
        end)

      for {type, _crash} <- crashes, do: ingest(hooks, type)
      assert Enum.map(Testing.drain(hooks), & &1.status) == List.duplicate(:failed, 5)
      assert Testing.rows!(hooks, "SELECT id FROM orders") == []
      errors = Map.new(Enum.zip(Enum.map(Knocker.events(hooks), & &1.type), Enum.map(Knocker.attempts(hooks), & &1.error)))
      for type <- ["raise", "throw", "exit"], do: assert(errors[type] =~ "broken" and errors[type] =~ "worker_test.exs")
      assert errors["killed"] =~ "killed"
      assert errors["linked"] =~ "broken"
      for _n <- 1..5, do: assert_receive({:error, _id, %{__exception__: true}})
    end

    test "a handler that nobody is linked with any more, and an exception without a text, are failed attempts as well", context do
      ends = %{
        "unlinked" => fn tx -> Process.unlink(tx.attempt) && Process.exit(self(), :kill) end,
        "killed by another" => fn _tx -> (handler = self()) && spawn(fn -> Process.exit(handler, :kill) end) && Process.sleep(:infinity) end,
        "normal" => fn _tx -> Process.exit(self(), :normal) && Process.sleep(:infinity) end,
        "shutdown" => fn _tx -> exit(:shutdown) end,
        "no text" => fn _tx -> raise ThrowingError end,
        "no text returned" => fn _tx -> {:error, %ThrowingError{}} end,
        "messages" => fn tx -> for(to <- [self(), tx.attempt], _n <- 1..3, do: send(to, :stray)) && {:error, "strays"} end
      }

      %{hooks: hooks} = open(context, fn event, tx -> insert(event, tx) && ends[event.type].(tx) end)
      for {type, _end} <- ends, do: ingest(hooks, type)
      assert Enum.map(Testing.drain(hooks), & &1.status) == List.duplicate(:failed, map_size(ends))
      assert Testing.rows!(hooks, "SELECT id FROM orders") == []
      for _n <- 1..map_size(ends), do: assert_receive({:error, _id, %{__exception__: true}})
    end

    test "a statement without sense is the handler's error, and not the end of its process", context do
      wrong = [
        [true],
        [:paid],
        [~D[2026-01-01]],
        [%{}],
        [Integer.pow(2, 63)],
        [{:blob, 1}],
        [1 | 2],
        :none
      ]

      %{hooks: hooks} =
        open(context, fn event, tx ->
          for parameters <- wrong,
              do: assert({:error, %Knocker.InvalidArgumentError{}} = Knocker.execute(tx, "INSERT INTO orders VALUES (?)", parameters))

          for sql <- [nil, :commit, 'COMMIT', "SELECT '\xff'", "SELECT 1\0; COMMIT"],
              do: assert({:error, %Knocker.InvalidArgumentError{}} = Knocker.execute(tx, sql))

          # SQLite takes a byte order mark for white space.
          for sql <- ["COMMIT", "\uFEFFCOMMIT", " ;\uFEFF/* */ END"], do: assert({:error, %Knocker.UsageError{}} = Knocker.execute(tx, sql))
          insert(event, tx)
        end)

      id = ingest(hooks)
      assert [%{status: :handled}] = Testing.drain(hooks)
      assert Testing.rows!(hooks, "SELECT id FROM orders") == [[id]]
    end

    test "a handler that closes its own hooks is told, and does not wait for itself", context do
      %{hooks: hooks} = open(context, fn _event, _tx -> Knocker.close(context.test) end, name: context.test)
      id = ingest(hooks)
      assert [%{status: :failed, error: %Knocker.UsageError{}}] = Testing.drain(hooks)
      assert status(hooks, id) == :failed
    end

    test "a statement without end is ended with its worker", context do
      test = self()

      %{hooks: hooks} =
        open(context, fn _event, tx ->
          send(test, :begun)
          Knocker.execute(tx, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        end)

      id = ingest(hooks)
      worker = work(hooks, shutdown_ms: 1)
      assert_receive :begun, 20_000
      monitor = Process.monitor(worker)
      Process.unlink(worker)
      Process.exit(worker, :shutdown)
      assert_receive {:DOWN, ^monitor, :process, ^worker, _reason}, 30_000
      assert status(hooks, id) == :failed
    end

    test "an error's stored text holds no body", context do
      %{hooks: hooks} = open(context, fn %{body: body}, _tx -> String.to_integer(body) end)
      {:ok, _} = Knocker.ingest(Knocker.endpoint(hooks, :inbox), [valid: true, type: "order"], "the customer's")
      Testing.drain(hooks)
      assert [%{error: error}] = Enum.to_list(Knocker.attempts(hooks))
      refute error =~ "customer"
    end

    test "a clause that does not match is no handler for the event, and one deeper down is a bug", context do
      defmodule Clauses do
        use Knocker.Handler
        def handle_event(%{type: "known"}, _tx), do: :ok
        def handle_event(%{type: "bug"} = event, _tx), do: other(event, 1)
        defp other(%{type: "another"}, _n), do: :ok
      end

      %{hooks: hooks} = open(context, Clauses)
      for type <- ["known", "unknown", "bug"], do: ingest(hooks, type)
      assert [%{status: :handled}, %{status: :failed, error: unknown}, %{status: :failed, error: bug}] = Testing.drain(hooks)
      assert %Knocker.NoHandlerError{} = unknown
      assert %FunctionClauseError{} = bug
    end

    test "so it is of functions, whatever they have captured", context do
      test = self()
      tell = fn event -> send(test, {:got, event.type}) && :ok end
      %{hooks: hooks} = open(context, fn %{type: "known"} = event, _tx -> tell.(event) end)
      for type <- ["known", "unknown"], do: ingest(hooks, type)
      assert [%{status: :handled}, %{error: %Knocker.NoHandlerError{}}] = Testing.drain(hooks)
      assert_received {:got, "known"}
    end
  end

  describe "the transaction" do
    test "begins at its first use, so that a slow handler keeps nobody from writing", context do
      test = self()

      %{hooks: hooks} =
        open(context, fn event, tx ->
          send(test, {:slow, self()})

          receive do
            :go_on -> insert(event, tx)
          end
        end)

      id = ingest(hooks)
      work(hooks)
      assert_receive {:slow, handler}, 10_000
      # While it runs, receipts are taken and operators' calls done.
      for _n <- 1..20, do: ingest(hooks, "other")
      assert {:ok, %{}} = Knocker.stats(hooks)
      send(handler, :go_on)
      until(fn -> status(hooks, id) == :handled end)
      for _n <- 1..20, do: assert_receive({:slow, other} when other != handler, 10_000) && send(other, :go_on)
    end

    test "is used by processes that the handler waits for", context do
      %{hooks: hooks} = open(context, fn event, tx -> Task.await(Task.async(fn -> insert(event, tx) end)) end)
      id = ingest(hooks)
      assert [%{status: :handled}] = Testing.drain(hooks)
      assert Testing.rows!(hooks, "SELECT id FROM orders") == [[id]]
    end

    test "refuses a call that would wait for its own lock", context do
      test = self()

      %{hooks: hooks} =
        open(context, fn event, tx ->
          {:ok, _} = insert(event, tx)
          send(test, Knocker.ignore(:persistent_term.get({__MODULE__, :hooks}), event.id)) && :ok
        end)

      :persistent_term.put({__MODULE__, :hooks}, hooks)
      ingest(hooks)
      assert [%{status: :handled}] = Testing.drain(hooks)
      assert_receive {:error, %Knocker.UsageError{}}
    end
  end

  describe "stopping" do
    test "lets what runs finish and gives back the rest, uncounted", context do
      test = self()

      %{hooks: hooks} =
        open(context, fn event, tx ->
          send(test, {:runs, self()})

          receive do
            :finish -> insert(event, tx)
          end
        end)

      first = ingest(hooks)
      others = for _n <- 1..5, do: ingest(hooks)
      supervisor = start_supervised!({Worker, hooks: hooks})
      assert_receive {:runs, handler}, 10_000

      spawn_link(fn ->
        until(fn -> stopping?(supervisor) end)
        send(handler, :finish)
      end)

      assert stop_supervised(child_id(hooks)) == :ok
      assert status(hooks, first) == :handled
      assert Enum.map(others, &status(hooks, &1)) |> Enum.uniq() == [:received]
      assert Enum.all?(Knocker.events(hooks), &(&1.attempts <= 1))
    end

    test "kills a handler that takes longer than the supervisor waits: a failed attempt", context do
      test = self()

      %{hooks: hooks} =
        open(context, fn _event, _tx ->
          send(test, :runs)
          Process.sleep(:infinity)
        end)

      id = ingest(hooks)
      start_supervised!({Worker, hooks: hooks, shutdown_ms: 2_000})
      assert_receive :runs, 10_000
      assert stop_supervised(child_id(hooks)) == :ok
      assert status(hooks, id) == :failed
      assert [%{error: error}] = Enum.to_list(Knocker.attempts(hooks))
      assert error =~ "stopped before the handler returned"
    end

    # A process whose terminate runs answers nothing.
    defp stopping?(pid), do: match?({:current_function, {Worker, _function, _arity}}, Process.info(pid, :current_function))
    defp child_id(hooks), do: {Worker, hooks}
  end

  describe "waking" do
    test "at once for a receipt of the same virtual machine", context do
      test = self()
      %{hooks: hooks} = open(context, fn event, _tx -> send(test, {:handled, event.id}) && :ok end)
      work(hooks, poll_ms: 3_600_000)
      id = ingest(hooks)
      assert_receive {:handled, ^id}, 20_000
    end

    test "for the commit of another process", context do
      test = self()
      %{hooks: hooks, knocker_file: path} = open(context, fn event, _tx -> send(test, {:handled, event.key}) && :ok end, clock: nil)
      work(hooks, poll_ms: 3_600_000)
      child = Child.start("Knocker.Child.receive_when_asked(#{inspect(path)})")
      assert Child.line(child) == "ready"

      for n <- 1..5 do
        Port.command(child.port, "go\n")
        key = "other-#{n}"
        assert_receive {:handled, ^key}, 20_000
      end

      Child.kill(child)
    end
  end

  # Calls fail while the processes come back: again, until it is stored.
  defp ingested(hooks, key) do
    case Knocker.ingest(Knocker.endpoint(hooks, :inbox), [valid: true, type: "order", key: key], "{}") do
      {:ok, receipt} -> receipt.event_id
      {:error, _error} -> ingested(hooks, key)
    end
  end

  describe "restarts" do
    test "of any process of the hooks are outlived, by receipts and by the worker", context do
      test = self()
      %{hooks: hooks} = open(context, fn event, _tx -> send(test, {:handled, event.id}) && :ok end)
      work(hooks)

      for module <- [Knocker.Writer, Knocker.Judges, Knocker.Checkpoints, Knocker.Database] do
        {:ok, found} = Knocker.Hooks.fetch(hooks)
        pid = GenServer.whereis(Knocker.Hooks.process(found, module))
        Process.exit(pid, :kill)
        until(fn -> GenServer.whereis(Knocker.Hooks.process(found, Knocker.Writer)) not in [nil, pid] end)
        id = ingested(hooks, "#{module}")
        assert_receive {:handled, ^id}, 20_000
      end
    end

    test "of the hooks as a whole, too", context do
      test = self()
      %{knocker_file: path} = open(context, nil)
      handler = fn event, _tx -> send(test, {:handled, event.key}) && :ok end
      name = {:restarted, make_ref()}
      hooks = {Knocker, name: name, database: path, endpoints: [inbox: [handler: handler]]}
      start_supervised!(%{id: :tree, type: :supervisor, start: {Supervisor, :start_link, [[hooks, {Worker, hooks: name}], [strategy: :one_for_one]]}})
      [{pid, _hooks}] = Registry.lookup(Knocker.Registry, name)
      Process.exit(pid, :kill)
      until(fn -> match?([{other, _}] when other != pid, Registry.lookup(Knocker.Registry, name)) end)
      until(fn -> match?({:ok, _}, Knocker.ingest(Knocker.endpoint(name, :inbox), [valid: true, type: "order", key: "after"], "{}")) end)
      assert_receive {:handled, "after"}, 20_000
    end

    test "of a process that runs handlers costs that event an attempt at most", context do
      test = self()

      %{hooks: hooks} =
        open(context, fn event, tx ->
          send(test, {:runs, event.id, tx})
          if event.type == "waits", do: Process.sleep(:infinity), else: :ok
        end)

      id = ingest(hooks, "waits")
      worker = work(hooks)
      assert_receive {:runs, ^id, tx}, 10_000
      Process.exit(tx.attempt, :kill)
      other = ingest(hooks, "fine")
      assert_receive {:runs, ^other, _tx}, 20_000
      until(fn -> status(hooks, other) == :handled end)
      assert Process.alive?(worker)
    end

    # A heap that has grown over a limit ends a process so.
    test "of a process that runs handlers give back the write lock, also amid a statement", context do
      test = self()
      endless = "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"

      %{hooks: hooks} =
        open(context, fn event, tx ->
          {:ok, _} = insert(event, tx)
          if event.type != "fine", do: send(test, {:writes, event.id, tx})
          if event.type == "endless", do: Knocker.execute(tx, endless)
          if event.type == "waits", do: Process.sleep(:infinity), else: :ok
        end)

      worker = work(hooks)

      for type <- ["waits", "endless"] do
        id = ingest(hooks, type)
        assert_receive {:writes, ^id, tx}, 20_000
        if type == "endless", do: until(fn -> in_statement?(tx.attempt) end)
        Process.exit(tx.attempt, :kill)
        other = ingest(hooks, "fine")
        until(fn -> status(hooks, other) == :handled end)
        assert Testing.rows!(hooks, "SELECT count(*) FROM orders WHERE id = ?", [id]) == [[0]]
      end

      assert Process.alive?(worker)
    end
  end

  test "several workers share a file, and each event is handled once", context do
    test = self()
    %{hooks: hooks} = open(context, fn event, tx -> with({:ok, _} <- insert(event, tx), do: send(test, {:handled, event.id}) && :ok) end)
    ids = for _n <- 1..100, do: ingest(hooks)
    for _n <- 1..3, do: work(hooks, concurrency: 2)
    for id <- ids, do: assert_receive({:handled, ^id}, 30_000)
    until(fn -> Enum.all?(ids, &(status(hooks, &1) == :handled)) end)
    assert Testing.rows!(hooks, "SELECT count(*) FROM orders") == [[100]]
    assert Enum.count(Knocker.attempts(hooks)) == 100
  end

  test "mistakes in its options are said", context do
    assert {:error, %Knocker.UsageError{}} = Worker.start_link([])
    assert {:error, %Knocker.UsageError{message: message}} = Worker.start_link(hooks: context.test, concurency: 2)
    assert message =~ ":concurency"
    assert {:error, %Knocker.UsageError{}} = Worker.start_link(hooks: context.test, lease_s: 0)
  end
end
