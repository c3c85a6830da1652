defmodule Knocker.SharedCommitsTest do
  # Where the shared data does not reach: other writers, other processes, a commit that fails, and what a worker learns.
  use ExUnit.Case, async: true

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Claims, Driver, Event, HeldLeases, Pace, Paces, Testing, Worker}

  @moduletag capture_log: true
  @moduletag timeout: 60_000

  @orders "CREATE TABLE orders (id INTEGER PRIMARY KEY)"

  # A repository as Ecto's are, on a connection of its own.
  defmodule Repo do
    @moduledoc false
    def open(path) do
      {:ok, db} = Driver.default().open(path, busy_timeout_ms: 10)
      {:ok, library} = Knocker.Library.path(nil)
      :ok = Driver.default().load_extension(db, library, "sqlite3_knocker_init")
      :persistent_term.put(__MODULE__, db)
    end

    def query(sql, parameters, _options \\ []),
      do: with({:ok, rows} <- Driver.default().execute(:persistent_term.get(__MODULE__), sql, parameters), do: {:ok, %{rows: rows}})

    def transaction(work, _options) do
      with {:ok, _rows} <- query("BEGIN IMMEDIATE", []) do
        said = work.()
        {:ok, _rows} = query("COMMIT", [])
        {:ok, said}
      end
    end
  end

  # One that runs a statement at a time.
  defmodule PlainDriver do
    @moduledoc false
    @behaviour Driver
    @driver Driver.default()
    defdelegate open(path, options), to: @driver
    defdelegate close(db), to: @driver
    defdelegate execute(db, sql, parameters), to: @driver
    defdelegate wait(db, milliseconds), to: @driver
    defdelegate load_extension(db, path, entry), to: @driver
    defdelegate interrupt(db), to: @driver
  end

  # Hooks on a file of the test's own with one endpoint, whose handler may ask for them.
  defp open(context, handler, options \\ []) do
    %{hooks: hooks} = opened = Testing.setup(context, Keyword.merge([schema: [@orders], endpoints: [inbox: [handler: handler]]], options))
    :persistent_term.put({__MODULE__, context.test}, hooks)
    opened
  end

  defp hooks(context), do: :persistent_term.get({__MODULE__, context.test})

  defp ingest(hooks, count, type \\ "order") do
    for _n <- 1..count do
      {:ok, receipt} = Knocker.ingest(Knocker.endpoint(hooks, :inbox), [valid: true, type: type], "{}")
      receipt.event_id
    end
  end

  # A handler that says when it has come to the sixth event, before it uses tx, and waits there to be told to go on.
  defp held_at_the_sixth do
    test = self()

    fn event, tx ->
      if event.id == 6 do
        send(test, {:sixth, self()})

        receive do
          :go_on -> :ok
        end
      end

      insert(event, tx)
    end
  end

  defp insert(event, tx), do: Knocker.execute(tx, "INSERT INTO orders VALUES (?)", [event.id])
  defp orders(hooks), do: hooks |> Testing.rows!("SELECT id FROM orders ORDER BY id") |> List.flatten()

  # How many attempts have ended, as others see it.
  defp ended(hooks), do: hooks |> Testing.rows!("SELECT count(*) FROM knocker_attempts") |> hd() |> hd()
  defp statuses(attempts), do: Enum.map(attempts, & &1.status)

  test "no more than so many events share a commit", context do
    test = self()
    %{hooks: hooks} = open(context, fn event, tx -> send(test, {:seen, ended(hooks(context))}) && insert(event, tx) end)
    ids = ingest(hooks, 240)
    assert hooks |> Testing.drain() |> statuses() |> Enum.uniq() == [:handled]
    assert orders(hooks) == ids
    together = for(_id <- ids, do: assert_received({:seen, seen}) && seen) |> Enum.frequencies() |> Map.values()
    assert Enum.max(together) == 64
    assert length(together) < 10
  end

  test "a handler that becomes slow before it uses tx holds no lock", context do
    %{hooks: hooks} = open(context, held_at_the_sixth(), clock: nil)
    ingest(hooks, 7)
    drain = Task.async(fn -> Testing.drain(hooks) end)
    assert_receive {:sixth, handler}, 20_000
    # As a handler that calls an API: others write meanwhile, and what was done before it is committed.
    Testing.execute!(hooks, "INSERT INTO orders VALUES (100)")
    assert ended(hooks) == 5
    send(handler, :go_on)
    assert drain |> Task.await(20_000) |> statuses() == List.duplicate(:handled, 7)
    assert orders(hooks) == Enum.to_list(1..7) ++ [100]
  end

  test "a slow type is committed alone until it is quick again", context do
    test = self()

    handler = fn event, tx ->
      insert(event, tx)
      if event.type == "slow", do: Testing.Clock.advance(:persistent_term.get({__MODULE__, context.test, :clock}), 0.021)
      send(test, {:seen, event.type, ended(hooks(context))}) && :ok
    end

    %{hooks: hooks, knocker_clock: clock} = open(context, handler)
    :persistent_term.put({__MODULE__, context.test, :clock}, clock)
    for _n <- 1..5, type <- ["slow", "quick"], do: ingest(hooks, 1, type)
    Testing.drain(hooks)
    # Whoever runs slow sees all of those before, and so does who comes after it.
    for n <- 0..9, do: assert_received({:seen, _type, ^n})
  end

  test "a commit that fails makes nothing count: all run again, alone, and one fails", context do
    child = "CREATE TABLE parts (id INTEGER PRIMARY KEY REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED)"
    test = self()

    handler = fn event, tx ->
      send(test, {:ran, event.id})
      # SQLite looks at it when the transaction ends.
      if event.id == 5, do: Knocker.execute(tx, "INSERT INTO parts VALUES (?)", [event.id]), else: insert(event, tx)
    end

    %{hooks: hooks} = open(context, handler, schema: [@orders, child], on_error: fn error, event -> send(test, {:error, event.id, error}) end)
    ingest(hooks, 7)
    assert hooks |> Testing.drain() |> statuses() == [:handled, :handled, :handled, :handled, :failed, :handled, :handled]
    assert orders(hooks) == [1, 2, 3, 4, 6, 7]
    for id <- [1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7], do: assert_received({:ran, ^id})
    assert_received {:error, 5, %{message: message}}
    assert message =~ "FOREIGN KEY"
    refute_received {:error, _id, _error}
    assert for(attempt <- Knocker.attempts(hooks), do: {attempt.event_id, attempt.attempt}) |> Enum.sort() == for(id <- 1..7, do: {id, 1})
  end

  test "handlers that do not use tx never run while others hold the lock", context do
    test = self()

    elsewhere = fn event, _tx ->
      {:ok, db} = Driver.default().open(:persistent_term.get({__MODULE__, context.test, :path}), busy_timeout_ms: 0)
      result = Driver.default().execute(db, "INSERT INTO orders VALUES (?)", [event.id])
      Driver.default().close(db)
      send(test, {:elsewhere, result}) && :ok
    end

    %{hooks: hooks, knocker_file: path} = open(context, [{"inside", &insert/2}, {"elsewhere", elsewhere}])
    :persistent_term.put({__MODULE__, context.test, :path}, path)
    for _n <- 1..12, type <- ["inside", "elsewhere"], do: ingest(hooks, 1, type)
    assert hooks |> Testing.drain() |> statuses() |> Enum.uniq() == [:handled]
    for _n <- 1..12, do: assert_received({:elsewhere, {:ok, []}})
  end

  test "a repository's transaction finds the file free, and its event has a commit of its own from then on", context do
    handler = fn event, tx ->
      if event.type == "repo",
        do: Knocker.Ecto.transaction(tx, Repo, fn -> with({:ok, _result} <- Repo.query("INSERT INTO orders VALUES (?)", [event.id]), do: :ok) end),
        else: insert(event, tx)
    end

    %{hooks: hooks, knocker_file: path} = open(context, handler)
    Repo.open(path)
    for _n <- 1..4, type <- ["order", "order", "repo"], do: ingest(hooks, 1, type)
    assert hooks |> Testing.drain() |> statuses() == List.duplicate(:handled, 12)
    assert orders(hooks) == Enum.to_list(1..12)
  end

  test "a handler that is killed takes back its own writes alone", context do
    handler = fn event, tx ->
      {:ok, _rows} = insert(event, tx)
      if event.id == 5, do: Process.exit(self(), :kill), else: :ok
    end

    %{hooks: hooks} = open(context, handler)
    ingest(hooks, 7)
    assert hooks |> Testing.drain() |> statuses() == [:handled, :handled, :handled, :handled, :failed, :handled, :handled]
    assert orders(hooks) == [1, 2, 3, 4, 6, 7]
  end

  test "a driver that runs one statement at a time is enough", context do
    handler = fn event, tx ->
      {:ok, _rows} = insert(event, tx)
      if event.id == 5, do: insert(event, tx), else: :ok
    end

    %{hooks: hooks} = open(context, handler, driver: PlainDriver)
    ingest(hooks, 7)
    assert hooks |> Testing.drain() |> statuses() == [:handled, :handled, :handled, :handled, :failed, :handled, :handled]
    assert orders(hooks) == [1, 2, 3, 4, 6, 7]
  end

  test "stopping commits what was done, and gives back the rest", context do
    %{hooks: hooks} = open(context, held_at_the_sixth())
    ingest(hooks, 20)
    worker = start_supervised!({Worker, hooks: hooks}, id: :worker)
    assert_receive {:sixth, handler}, 20_000

    spawn_link(fn ->
      until(fn -> match?({:current_function, {Worker, _function, _arity}}, Process.info(worker, :current_function)) end)
      send(handler, :go_on)
    end)

    assert stop_supervised(:worker) == :ok
    assert orders(hooks) == Enum.to_list(1..6)

    assert for(event <- Knocker.events(hooks), do: {event.status, event.attempts}) ==
             List.duplicate({:handled, 1}, 6) ++ List.duplicate({:received, 0}, 14)
  end

  test "a drain takes no more than its limit, with what is not committed yet", context do
    %{hooks: hooks} = open(context, &insert/2)
    ingest(hooks, 8)
    assert {:error, %Knocker.UsageError{}} = Knocker.drain(hooks, limit: 5)
    assert orders(hooks) == [1, 2, 3, 4, 5]
    assert hooks |> Testing.drain(limit: 3) |> statuses() == [:handled, :handled, :handled]
  end

  test "another writer gets its turn between the commits of a backlog", context do
    %{hooks: hooks} = open(context, &insert/2, clock: nil)
    ingest(hooks, 200)
    start_supervised!({Worker, hooks: hooks, concurrency: 2}, id: :worker)
    written = write_beside(hooks, 1_000)
    assert orders(hooks) == Enum.to_list(1..200) ++ Enum.to_list(1_001..written//1)
  end

  defp write_beside(hooks, last) do
    {:ok, stats} = Knocker.stats(hooks)

    if stats.events.handled == 200 do
      last
    else
      Testing.execute!(hooks, "INSERT INTO orders VALUES (#{last + 1})")
      write_beside(hooks, last + 1)
    end
  end

  test "it is turned off by a flag alone", context do
    assert {:error, %Knocker.UsageError{message: message}} = Worker.start_link(hooks: context.test, share_commits: "no")
    assert message =~ "share_commits"
  end

  test "the next attempt of an event that the commit of its verdict has claimed is handed out", context do
    handler = fn event, tx -> if event.id == 7 and event.attempt < 3, do: {:retry, 0}, else: insert(event, tx) end
    %{hooks: hooks} = open(context, handler)
    ids = ingest(hooks, 7)
    assert hooks |> Testing.drain() |> statuses() == List.duplicate(:handled, 6) ++ [:failed, :failed, :handled]
    assert orders(hooks) == ids
  end

  test "a job whose verdict is being committed is not handed out again", context do
    %{hooks: name} = open(context, &insert/2)
    [first, second] = ingest(name, 2)
    {:ok, hooks} = Knocker.Hooks.fetch(name)
    {:ok, connection, _generation} = Knocker.Database.open(hooks)
    held = HeldLeases.new(hooks, "worker", 60)
    claim = %Claims{reference: make_ref(), hooks: hooks, worker: "worker", lease_s: 60, held: held, limit: 1}
    assert {:ok, 0, [%{event: %{id: ^first}} = job], []} = Claims.claim(connection, claim)
    HeldLeases.hold(held, job)
    HeldLeases.settle(held, job)
    # Another process that claims beside the commit finds it leased still.
    assert {:ok, 0, [%{event: %{id: ^second}}], []} = Claims.claim(connection, claim)
    assert HeldLeases.renew(held, connection, &flunk("the lease of #{&1} is lost")) == :ok
    Knocker.Connection.close(connection)
  end

  describe "a pace" do
    @quick %{took_ms: 0.3, begun_after_ms: 0.1, returned: true, apart: false}

    test "notices slowness at once, and forgets it over some quick runs" do
      slow = Enum.reduce([@quick, %{@quick | took_ms: 50}], %Pace{}, &Pace.after_run(&2, &1))
      assert slow.expected_ms == 50.0
      assert Enum.reduce(1..10, slow, fn _n, pace -> Pace.after_run(pace, @quick) end).expected_ms < 20
    end

    test "says whether handlers use tx, sometimes at least and soon" do
      pace = Pace.after_run(%Pace{}, @quick)
      unused = %{@quick | begun_after_ms: nil}
      assert Pace.uses_tx?(pace)
      assert Pace.uses_tx?(Pace.after_run(pace, unused))
      assert Pace.after_run(pace, %{unused | returned: false}).unused == 0
      refute Pace.uses_tx?(Pace.after_run(pace, %{@quick | begun_after_ms: 8.0}))
      refute Pace.uses_tx?(Enum.reduce(1..8, pace, fn _n, pace -> Pace.after_run(pace, unused) end))
    end

    test "is known of the types that ran last", context do
      %{hooks: name} = open(context, &insert/2)
      {:ok, hooks} = Knocker.Hooks.fetch(name)
      event = fn type -> struct(Event, endpoint: "inbox", type: type) end
      assert Paces.of(hooks, event.("new")) == nil
      for n <- 1..1_500, do: Paces.note(hooks, event.("type-#{n}"), @quick)
      assert Paces.of(hooks, event.("type-1")) == nil
      assert %Pace{expected_ms: 0.3} = Paces.of(hooks, event.("type-1500"))
      assert :ets.info(hooks.paces, :size) <= 1_000
    end
  end

  test "an event waits for its turn behind a quick one of its type, but not for long where that one waits for something else", context do
    test = self()

    %{hooks: hooks} =
      open(context, fn event, tx ->
        # The last two wait for each other, before either uses tx.
        if event.id > 3 do
          send(test, {:begun, self()})

          receive do
            :go_on -> :ok
          end
        end

        insert(event, tx)
      end)

    ingest(hooks, 3)
    assert hooks |> Testing.drain() |> statuses() == [:handled, :handled, :handled]
    ingest(hooks, 2)
    start_supervised!({Worker, hooks: hooks, concurrency: 2}, id: :worker)

    handlers =
      for _n <- 1..2 do
        assert_receive {:begun, handler}, 30_000
        handler
      end

    for handler <- handlers, do: send(handler, :go_on)
    until(fn -> match?({:ok, %{events: %{handled: 5}}}, Knocker.stats(hooks)) end)
  end
end
