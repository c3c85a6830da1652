defmodule Knocker.Child do
  @moduledoc false
  # Other virtual machines: processes of the operating system, which work on a file of a test's and can be killed.

  alias Knocker.Testing

  @doc "Starts one that evaluates a call, and gives its port and the id of its process. What it prints comes in lines."
  def start(code) do
    script = "{:ok, _} = Application.ensure_all_started(:knocker); Logger.configure(level: :none); IO.puts(System.pid()); #{code}"
    executable = System.find_executable("elixir")
    port = Port.open({:spawn_executable, executable}, [:binary, :exit_status, {:line, 1_000}, args: paths() ++ ["-e", script]])
    %{port: port, pid: line(port)}
  end

  @doc "Arguments that let another one find what this one has."
  def paths do
    built = Path.wildcard(Path.join(Mix.Project.build_path(), "lib/*/ebin"))
    Enum.flat_map([to_string(:code.lib_dir(:ex_unit, :ebin)) | built], &["-pa", &1])
  end

  @doc "The next line."
  def line(%{port: port}), do: line(port)

  def line(port) do
    receive do
      {^port, {:data, {:eol, line}}} -> line
      {^port, {:exit_status, status}} -> raise "the other process ended with #{status}"
    end
  end

  @doc "Kills it with SIGKILL, waits for its end, and gives the lines that it printed before."
  def kill(%{port: port, pid: pid}) do
    System.cmd("kill", ["-9", pid])
    rest(port, [])
  end

  defp rest(port, lines) do
    receive do
      {^port, {:data, {:eol, line}}} -> rest(port, [line | lines])
      {^port, {:data, {:noeol, _torn}}} -> rest(port, lines)
      {^port, {:exit_status, _killed}} -> Enum.reverse(lines)
    end
  end

  @doc """
  Receives until it is killed, and prints the keys of what was acknowledged; works on it beside. It begins with a backlog, and prints `shared` when an event
  shares its transaction with others.
  """
  def receive_and_work(path, first) do
    {:ok, _pid} = Knocker.start_link(name: :inbox, database: path, endpoints: [inbox: [handler: &done/2]])
    receive_on(first, 0, 40)
    {:ok, _pid} = Knocker.Worker.start_link(hooks: :inbox, concurrency: 2)
    for lane <- 1..4, do: spawn_link(fn -> receive_on(first, lane, :infinity) end)
    Process.sleep(:infinity)
  end

  defp done(event, tx) do
    with {:ok, _rows} <- Knocker.execute(tx, "INSERT INTO done (key) VALUES (?)", [event.key]) do
      # Who has the lock is the only one with rows that others do not see.
      {:ok, [[own]]} = Knocker.execute(tx, "SELECT count(*) FROM done")
      [[others]] = Testing.rows!(:inbox, "SELECT count(*) FROM done")
      if own - others > 1, do: IO.puts("shared")
      :ok
    end
  end

  defp receive_on(first, lane, count) do
    for n <- Stream.iterate(1, &(&1 + 1)) |> Stream.take_while(&(&1 <= count)) do
      key = "#{first}-#{lane}-#{n}"
      {:ok, %{outcome: :accepted}} = Knocker.ingest(Knocker.endpoint(:inbox, :inbox), [valid: true, type: "order", key: key], "{}")
      IO.puts(key)
    end
  end

  @doc "Works on the files of tenants until it is killed. The event `2` of each has written when it prints the tenant's name, and does not end."
  def work_on_many(files) do
    endpoints = fn tenant -> [inbox: [handler: &stop_at_two(&1, &2, tenant)]] end
    {:ok, _pid} = Knocker.Tenants.start_link(name: :tenants, files: files, endpoints: endpoints)
    {:ok, _pid} = Knocker.Tenants.Worker.start_link(tenants: :tenants, lease_s: 1)
    Process.sleep(:infinity)
  end

  defp stop_at_two(event, tx, tenant) do
    {:ok, _rows} = Knocker.execute(tx, "INSERT INTO done (key) VALUES (?)", [event.key])

    if event.key == "2" do
      IO.puts(tenant)
      Process.sleep(:infinity)
    end

    :ok
  end

  @doc "Ingests one event for each line that it reads."
  def receive_when_asked(path) do
    {:ok, _pid} = Knocker.start_link(name: :inbox, database: path, endpoints: [inbox: []])
    IO.puts("ready")
    receive_next(1)
  end

  defp receive_next(n) do
    if IO.gets("") != :eof do
      {:ok, _receipt} = Knocker.ingest(Knocker.endpoint(:inbox, :inbox), [valid: true, type: "order", key: "other-#{n}"], "{}")
      IO.puts("received")
      receive_next(n + 1)
    end
  end
end
