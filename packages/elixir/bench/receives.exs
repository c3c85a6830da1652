defmodule Bench.Receives do
  @moduledoc false
  # Receives a second, called from processes, on disks that sync slowly too, beside inserts by hand on one connection that callers take turns at.

  import Bench.Requests
  alias Bench.{Elsewhere, Goals}
  alias Knocker.Driver

  # Once: where there is no exqlite, asking for it costs more than a statement.
  @driver Driver.default()
  # Callers, receives in a round on the bare disk and on a slow one, the least ratio to by hand, and the least part of the floor where that is less.
  @runs [{1, 1_000, 200, 0.96, 0.8}, {8, 2_000, 800, nil, nil}, {64, 6_000, 4_000, 2.4, 0.5}]
  @in_one_transaction 6_000

  @doc "Prints the table, and gives what to say of its goals."
  def print(folder) do
    IO.puts("\n" <> row(["receives/s", "Knocker", "by hand", "ratio"]))
    {floor, _hand, _ratio} = measured(folder, "the library, all in one transaction", 0, "shared", 1, @in_one_transaction)

    for delay_ms <- Elsewhere.delays_ms(), words <- print(folder, delay_ms, floor), do: words
  end

  defp print(folder, delay_ms, floor) do
    disk = Elsewhere.disk(delay_ms)
    {lone, _hand, _ratio} = measured(folder, "the library, a commit each, #{disk}", delay_ms, "lone", 1, few(delay_ms))

    for {callers, many, some, times, least} <- @runs,
        name = "#{callers} #{if callers == 1, do: "process", else: "processes"}, #{disk}",
        figures = measured(folder, name, delay_ms, "knocker", callers, if(delay_ms > 0, do: some, else: many)),
        words = Goals.verdict(name, times, if(callers == 1, do: lone, else: floor), least, figures),
        do: words
  end

  defp few(0), do: 1_000
  defp few(_delay_ms), do: 200

  defp measured(folder, name, delay_ms, way, callers, total) do
    arguments = [way, callers, total, min(total, few(delay_ms)), if(delay_ms > 0, do: 3, else: 5)]
    rounds = Elsewhere.measure(folder, delay_ms, __MODULE__, arguments)
    [ours, hand] = for side <- [0, 1], do: rounds |> Enum.map(&Enum.at(&1, side)) |> median()
    ratio = median(Enum.map(rounds, fn [ours, hand] -> ours / hand end))
    IO.puts(row([name, round(ours), round(hand), "#{Float.round(ratio, 2)}x"]))
    {ours, hand, ratio}
  end

  @doc "What the process of its own does: it prints receives a second, of each side in turn, since the disk and the cores are others' too."
  def run([folder, way | numbers]) do
    Logger.configure(level: :none)
    [callers, total, by_hand, rounds] = Enum.map(numbers, &String.to_integer/1)

    for round <- 1..rounds do
      ours = run(way, Path.join(folder, "ours-#{round}.db"), callers, total)
      IO.puts("#{ours} #{run("hand", Path.join(folder, "hand-#{round}.db"), callers, by_hand)}")
    end
  end

  defp run("knocker", path, callers, total) do
    {hooks, endpoint} = open(path)
    prepare(total)
    rate = rate(callers, total, fn n -> {:ok, %{outcome: :accepted}} = Knocker.receive(endpoint, prepared(n)) end)
    Knocker.close(hooks)
    rate
  end

  # What people write: a table with a unique key, one insert and one commit a request. A lone caller needs no message to whoever owns the connection.
  defp run("hand", path, callers, total) do
    db = opened(path)
    execute(db, "CREATE TABLE deliveries (id INTEGER PRIMARY KEY, key TEXT UNIQUE, received_at INTEGER, headers TEXT, body BLOB)")
    prepare(total)

    rate =
      if callers == 1 do
        rate(1, total, fn n -> insert(db, prepared(n), n) end)
      else
        {:ok, owner} = Agent.start_link(fn -> db end)

        rate(callers, total, fn n ->
          request = prepared(n)
          Agent.get(owner, &insert(&1, request, n), :infinity)
        end)
      end

    @driver.close(db)
    rate
  end

  # What the library judges and stores alone, one after the other in one transaction: the most that any package can do here.
  defp run("shared", path, 1, total) do
    by_the_library(path, total, "SELECT knocker_store('github', knocker_judge('github', ?, ?, ?, ?))", fn db, work ->
      execute(db, "BEGIN IMMEDIATE")
      work.()
      execute(db, "COMMIT")
    end)
  end

  # With a commit for each, as a lone caller has it.
  defp run("lone", path, 1, total),
    do: by_the_library(path, total, "SELECT knocker_receive('github', ?, ?, ?, ?)", fn _db, work -> work.() end)

  defp by_the_library(path, total, sql, around) do
    {hooks, _endpoint} = open(path)
    Knocker.close(hooks)
    db = opened(path)
    {:ok, library} = Knocker.Library.path()
    :ok = @driver.load_extension(db, library, "sqlite3_knocker_init")

    requests =
      for n <- 1..total do
        %{url: url, headers: headers, body: body} = request(n)
        [Knocker.JSON.encode!(%{"method" => "POST", "url" => url, "headers" => Map.new(headers)}), {:blob, body}, Knocker.JSON.encode!([secret()])]
      end

    began = System.monotonic_time(:microsecond)
    around.(db, fn -> for request <- requests, do: execute(db, sql, request ++ [System.os_time(:millisecond)]) end)
    rate = total * 1_000_000 / (System.monotonic_time(:microsecond) - began)
    @driver.close(db)
    rate
  end

  # Where callers share them: each process would have a copy of all that a function brings.
  defp prepare(total), do: :persistent_term.put(__MODULE__, 1..total |> Enum.map(&request/1) |> List.to_tuple())
  defp prepared(n), do: elem(:persistent_term.get(__MODULE__), n - 1)

  defp opened(path) do
    {:ok, db} = @driver.open(path, busy_timeout_ms: 30_000)
    for pragma <- ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"], do: execute(db, pragma)
    db
  end

  @insert "INSERT OR IGNORE INTO deliveries (key, received_at, headers, body) VALUES (?, ?, ?, ?)"

  defp insert(db, request, n), do: execute(db, @insert, ["#{n}", System.os_time(:millisecond), inspect(request.headers), {:blob, request.body}])

  defp execute(db, sql, parameters \\ []), do: {:ok, _rows} = @driver.execute(db, sql, parameters)
end
