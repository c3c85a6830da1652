# What the Elixir package costs on this machine, each figure beside what it is compared with. The first argument is a folder on the disk to measure; by
# default it is the one for temporary files.

for file <- ["requests.exs", "elsewhere.exs", "goals.exs", "receives.exs", "drains.exs", "other_writers.exs"], do: Code.require_file(file, __DIR__)

defmodule Bench do
  @moduledoc false

  import Bench.Requests
  alias Knocker.Driver

  # Once: where there is no exqlite, asking for it costs more than a statement.
  @driver Driver.default()

  def main(arguments) do
    folder = Path.join(List.first(arguments) || System.tmp_dir!(), "knocker-bench-#{System.pid()}")
    File.mkdir_p!(folder)
    Logger.configure(level: :none)

    try do
      IO.puts("Elixir #{System.version()}, OTP #{System.otp_release()}, #{inspect(@driver)}, synchronous=FULL, signed GitHub requests of 1 kB")

      IO.puts("by hand: one insert and one commit a request, on one connection that callers take turns at, with the same driver")
      verdicts = Bench.Receives.print(folder)
      # A table of their own.
      IO.puts("")
      below = wake(folder) ++ idle(folder) ++ Bench.Drains.print(folder)
      Bench.OtherWriters.print(folder)
      for {:told, words} <- verdicts, do: IO.puts("against the floor: #{words}")
      for words <- for({:missed, words} <- verdicts, do: words) ++ below, do: IO.puts("below the goal: #{words}")
    after
      File.rm_rf!(folder)
    end
  end

  # Another process, whose receipts wake a worker of this one.
  def receive_for(path, times) do
    Logger.configure(level: :none)
    {hooks, endpoint} = open(path)

    for n <- 1..times do
      IO.gets("")
      {:ok, _receipt} = Knocker.receive(endpoint, request(n))
      IO.puts(System.os_time(:microsecond))
    end

    Knocker.close(hooks)
  end

  # From the commit of a receipt in another process to the handler of it here.
  defp wake(folder) do
    path = Path.join(folder, "wake.db")
    times = 200
    test = self()
    {hooks, _endpoint} = open(path, fn _event, _tx -> send(test, {:handled, System.os_time(:microsecond)}) && :ok end)
    {:ok, worker} = Knocker.Worker.start_link(hooks: hooks)
    script = "Application.ensure_all_started(:knocker); Code.require_file(#{inspect(__ENV__.file)}); Bench.receive_for(#{inspect(path)}, #{times})"

    port =
      Port.open({:spawn_executable, System.find_executable("elixir")}, [
        :binary,
        :use_stdio,
        {:line, 200},
        args: Bench.Elsewhere.paths() ++ ["-e", script],
        env: [{'KNOCKER_BENCH', 'other'}]
      ])

    took =
      for _n <- 1..times do
        Port.command(port, "go\n")

        committed =
          receive do
            {^port, {:data, {:eol, line}}} -> String.to_integer(line)
          end

        handled =
          receive do
            {:handled, at} -> at
          end

        Process.sleep(10)
        (handled - committed) / 1_000
      end

    GenServer.stop(worker)
    Knocker.close(hooks)
    sorted = Enum.sort(took)
    median = Enum.at(sorted, div(times, 2))
    IO.puts(row(["wake across processes, ms", "#{Float.round(median, 2)} p50", "#{Float.round(Enum.at(sorted, div(times * 99, 100)), 2)} p99"]))
    if median >= 3, do: ["wake: #{Float.round(median, 1)} ms, goal 3"], else: []
  end

  defp idle(folder) do
    {hooks, _endpoint} = open(Path.join(folder, "idle.db"), fn _event, _tx -> :ok end)
    Process.sleep(1_000)
    without = used(5_000)
    {:ok, worker} = Knocker.Worker.start_link(hooks: hooks)
    Process.sleep(1_000)
    share = max(0.0, used(5_000) - without)
    GenServer.stop(worker)
    Knocker.close(hooks)
    IO.puts(row(["CPU of an idle worker", "#{Float.round(100 * share, 2)}%", "of a core"]))
    if share >= 0.01, do: ["an idle worker: #{Float.round(100 * share, 1)}% of a core, goal 1"], else: []
  end

  # The share of a core that this process uses, all of its threads together.
  defp used(milliseconds) do
    before = cpu_ticks()
    Process.sleep(milliseconds)
    (cpu_ticks() - before) * 10 / milliseconds
  end

  defp cpu_ticks do
    [_command, numbers] = "/proc/self/stat" |> File.read!() |> String.split(") ", parts: 2)
    [user, system] = numbers |> String.split(" ") |> Enum.slice(11, 2)
    String.to_integer(user) + String.to_integer(system)
  end
end

if System.get_env("KNOCKER_BENCH") != "other", do: Bench.main(System.argv())
