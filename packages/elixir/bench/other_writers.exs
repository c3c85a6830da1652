defmodule Bench.OtherWriters do
  @moduledoc false
  # How long small write transactions of another process wait beside a worker with a backlog. What is measured, and what the worker's process is to do, says
  # extension/bench/other-writers.

  import Bench.Requests, only: [rate: 3]
  alias Knocker.{Testing, Worker}

  @table Path.expand("../../../extension/bench/other-writers", __DIR__)
  @events 16_000
  @one_in 20
  @slow_ms 50
  @receivers 64

  @doc "Prints the table, and which goals were missed."
  def print(folder) do
    files = for name <- ["requests.exs", "elsewhere.exs", "other_writers.exs"], do: Path.join(__DIR__, name)

    script =
      "Application.ensure_all_started(:knocker); for file <- #{inspect(files)}, do: Code.require_file(file); Bench.OtherWriters.work(System.argv())"

    arguments = [folder, System.find_executable("elixir")] ++ Bench.Elsewhere.paths() ++ ["-e", script]
    {_printed, 0} = System.cmd(@table, arguments, into: IO.stream(:stdio, :line))
  end

  @doc "What the worker's process does."
  def work([way, path]) do
    Logger.configure(level: :none)
    name = {__MODULE__, path}
    {:ok, _pid} = Knocker.start_link(name: name, database: path, endpoints: [inbox: [handler: &handle/2]])
    for table <- ["notes (text TEXT)", "handled (id INTEGER)"], do: Testing.execute!(name, "CREATE TABLE #{table}")
    inbox = Knocker.endpoint(name, :inbox)
    slow = String.starts_with?(way, "slow")
    body = String.duplicate("x", 1_000)

    rate(@receivers, @events, fn n ->
      type = if slow and rem(n, @one_in) == 0, do: "slow", else: "quick"
      {:ok, _receipt} = Knocker.ingest(inbox, [valid: true, type: type], body)
    end)

    IO.puts("ready")
    if IO.gets("") != :eof, do: {:ok, _pid} = Worker.start_link(hooks: name, share_commits: String.ends_with?(way, "shared"))
    IO.gets("")
    Knocker.close(name)
  end

  defp handle(event, tx) do
    if event.type == "slow", do: Process.sleep(@slow_ms)
    with {:ok, _rows} <- Knocker.execute(tx, "INSERT INTO handled VALUES (?)", [event.id]), do: :ok
  end
end
