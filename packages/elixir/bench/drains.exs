defmodule Bench.Drains do
  @moduledoc false
  # A backlog worked off, with shared commits and without, beside a table worked off by hand with one commit a job, on slow disks too.

  import Bench.Requests
  alias Bench.Elsewhere
  alias Knocker.{Driver, Testing, Worker}

  # Once: where there is no exqlite, asking for it costs more than a statement.
  @driver Driver.default()
  @rounds 3
  @ways ~w(hand apart shared shared-4)

  @doc "Events handled a second for each delay of a sync, the ways in turn. Gives the goals that were missed."
  def print(folder) do
    IO.puts("\n" <> row(["events handled/s, syncs delayed by", "by hand", "apart", "shared", "4 at once", "shared/hand"]))
    for delay_ms <- Elsewhere.delays_ms(), goal <- print(folder, delay_ms), do: goal
  end

  defp print(folder, delay_ms) do
    rounds = for figures <- Elsewhere.measure(folder, delay_ms, __MODULE__, [delay_ms]), do: @ways |> Enum.zip(figures) |> Map.new()
    ratio = median(Enum.map(rounds, &(&1["shared"] / &1["hand"])))
    middle = for way <- @ways, do: rounds |> Enum.map(& &1[way]) |> median() |> round()
    IO.puts(row(["#{delay_ms} ms"] ++ middle ++ ["#{Float.round(ratio, 1)}x"]))
    goal = if delay_ms == 0, do: 1.5, else: 10
    if ratio < goal, do: ["a backlog at syncs of #{delay_ms} ms: #{Float.round(ratio, 1)} times by hand, goal #{goal}"], else: []
  end

  @doc "What the process of its own does: it prints events a second of each way, the ways in turn."
  def run([folder, delay_ms]) do
    Logger.configure(level: :none)

    for round <- 1..@rounds do
      figures =
        for way <- @ways do
          path = Path.join(folder, "#{way}-#{round}.db")
          # One commit a job takes its time there.
          total = if delay_ms != "0" and way in ["hand", "apart"], do: 400, else: 4_000
          if way == "hand", do: by_hand(path, total), else: by_worker(path, total, way)
        end

      figures |> Enum.join(" ") |> IO.puts()
    end
  end

  # The oldest waiting row, the handler's row and the row's new state in one commit, and the next one.
  defp by_hand(path, total) do
    {:ok, db} = @driver.open(path, busy_timeout_ms: 30_000)

    for sql <- [
          "PRAGMA journal_mode = WAL",
          "PRAGMA synchronous = FULL",
          "CREATE TABLE inbox (id INTEGER PRIMARY KEY, headers TEXT, body BLOB, state TEXT NOT NULL)",
          "CREATE INDEX waiting ON inbox (id) WHERE state = 'waiting'",
          "CREATE TABLE orders (id INTEGER)",
          "BEGIN"
        ],
        do: execute(db, sql)

    for n <- 1..total do
      %{headers: headers, body: body} = request(n)
      headers = headers |> Enum.map(&Tuple.to_list/1) |> Knocker.JSON.encode!()
      execute(db, "INSERT INTO inbox (headers, body, state) VALUES (?, ?, 'waiting')", [headers, {:blob, body}])
    end

    execute(db, "COMMIT")
    began = System.monotonic_time(:microsecond)
    ^total = work_off(db, 0)
    figure = a_second(total, began)
    @driver.close(db)
    figure
  end

  defp work_off(db, done) do
    case execute(db, "SELECT id, headers, body FROM inbox WHERE state = 'waiting' ORDER BY id LIMIT 1") do
      [] ->
        done

      [[id, headers, _body]] ->
        Knocker.JSON.decode!(headers)
        execute(db, "BEGIN IMMEDIATE")
        execute(db, "INSERT INTO orders VALUES (?)", [id])
        execute(db, "UPDATE inbox SET state = 'handled' WHERE id = ?", [id])
        execute(db, "COMMIT")
        work_off(db, done + 1)
    end
  end

  defp execute(db, sql, parameters \\ []) do
    {:ok, rows} = @driver.execute(db, sql, parameters)
    rows
  end

  # Each handler writes one row through tx.
  defp by_worker(path, total, way) do
    counter = :atomics.new(1, [])
    test = self()

    handler = fn event, tx ->
      {:ok, _rows} = Knocker.execute(tx, "INSERT INTO orders VALUES (?)", [event.id])
      if :atomics.add_get(counter, 1, 1) == total, do: send(test, :done)
      :ok
    end

    {hooks, endpoint} = open(path, handler)
    Testing.execute!(hooks, "CREATE TABLE orders (id INTEGER)")
    requests = 1..total |> Enum.map(&request/1) |> List.to_tuple()
    rate(32, total, fn n -> {:ok, _receipt} = Knocker.receive(endpoint, elem(requests, n - 1)) end)
    began = System.monotonic_time(:microsecond)
    {:ok, worker} = Worker.start_link(hooks: hooks, concurrency: if(way == "shared-4", do: 4, else: 1), share_commits: way != "apart")

    receive do
      :done -> :ok
    end

    # Stopping waits for the last commit.
    GenServer.stop(worker)
    figure = a_second(total, began)
    {:ok, %{events: %{handled: ^total}}} = Knocker.stats(hooks)
    Knocker.close(hooks)
    figure
  end

  defp a_second(total, began), do: total * 1_000_000 / (System.monotonic_time(:microsecond) - began)
end
