defmodule Knocker.SupervisedTest do
  use ExUnit.Case, async: true

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Hooks, Testing, WebhookRequest}

  @moduletag capture_log: true
  @moduletag timeout: 60_000

  setup context do
    folder = Path.join(System.tmp_dir!(), "supervised-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    test = self()
    handler = fn event, _tx -> send(test, {:handled, event.body}) && :ok end
    endpoints = [token: [provider: "token", secrets: "test-token", handler: handler]]
    hooks = [name: context.test, database: Path.join(folder, "app.db"), endpoints: endpoints, synchronous: :normal]
    %{options: hooks, children: [{Knocker, hooks}, {Knocker.Worker, hooks: context.test}]}
  end

  defp supervise(children, options) do
    spec = %{id: :tree, start: {Supervisor, :start_link, [children, [strategy: :one_for_one] ++ options]}, type: :supervisor, restart: :temporary}
    start_supervised!(spec)
  end

  defp request(body), do: %WebhookRequest{url: "/", headers: [{"x-webhook-token", "test-token"}], body: body}

  defp running(tree), do: for({_id, pid, _type, _modules} <- Supervisor.which_children(tree), is_pid(pid), do: pid)

  test "hooks that were closed stay closed, and take nobody with them", %{children: children, test: name} do
    tree = supervise(children, max_restarts: 0)
    Knocker.close(name)
    # The worker ends as well, and its supervisor hears of both ends before it is asked.
    assert running(tree) == []
    assert {:error, %Knocker.ClosedError{}} = Knocker.stats(name)
    {:ok, _pid} = Supervisor.restart_child(tree, name)
    {:ok, _pid} = Supervisor.restart_child(tree, {Knocker.Worker, name})
    assert {:ok, %{outcome: :accepted}} = Knocker.receive(Knocker.endpoint(name, :token), request("again"))
    assert_receive {:handled, "again"}, 20_000
  end

  test "hooks whose processes fail too often are started again, and their worker finds them", %{children: children, test: name} do
    tree = supervise(children, max_restarts: 5)
    [{first, _hooks}] = Registry.lookup(Knocker.Registry, name)
    # More often than their own supervisor bears.
    until(fn ->
      with {:ok, found} <- Hooks.fetch(name),
           writer when is_pid(writer) <- GenServer.whereis(Hooks.process(found, Knocker.Writer)),
           do: Process.exit(writer, :kill)

      not Process.alive?(first)
    end)

    until(fn -> match?({:ok, %{outcome: :accepted}}, Knocker.receive(Knocker.endpoint(name, :token), request("after"))) end)
    assert_receive {:handled, "after"}, 20_000
    assert Process.alive?(tree)
  end

  test "a worker that lost a process of its own outlives its hooks all the same", %{options: options, test: name} do
    broken = :counters.new(2, [])

    clock = fn ->
      if :counters.get(broken, 1) == 1, do: :counters.add(broken, 2, 1) && raise("the clock stands"), else: System.os_time(:millisecond)
    end

    tree = supervise([{Knocker, [clock: clock] ++ options}, {Knocker.Worker, hooks: name}], max_restarts: 5)
    :counters.put(broken, 1, 1)
    until(fn -> :counters.get(broken, 2) > 0 end)
    :counters.put(broken, 1, 0)
    {:ok, %{outcome: :accepted}} = Knocker.receive(Knocker.endpoint(name, :token), request("1"))
    assert_receive {:handled, "1"}, 20_000
    {Knocker.Worker, worker} = List.keyfind(for({{kind, _name}, pid, _, _} <- Supervisor.which_children(tree), do: {kind, pid}), Knocker.Worker, 0)
    [{hooks, _}] = Registry.lookup(Knocker.Registry, name)
    Process.exit(hooks, :kill)
    until(fn -> match?({:ok, %{outcome: :accepted}}, Knocker.receive(Knocker.endpoint(name, :token), request("2"))) end)
    assert_receive {:handled, "2"}, 20_000
    assert Process.alive?(worker)
  end

  test "a name is one pair of hooks', and a file may be under two", %{options: options, test: name} do
    {:ok, pid} = Knocker.start_link(options)
    assert {:error, {:already_started, ^pid}} = Knocker.start_link(options)
    {:ok, _pid} = Knocker.start_link(Keyword.put(options, :name, {name, 2}))

    tasks =
      for n <- 1..40,
          do: Task.async(fn -> Knocker.receive(Knocker.endpoint(if(rem(n, 2) == 0, do: name, else: {name, 2}), :token), request("#{n}")) end)

    for result <- Task.await_many(tasks, 30_000), do: assert({:ok, %{outcome: :accepted}} = result)
    Knocker.close({name, 2})
    assert Enum.count(Knocker.events(name)) == 40
    Knocker.close(name)
    {:ok, _pid} = Knocker.start_link(options)
    Knocker.close(name)
  end

  test "what a killed caller was counted for is taken back", %{options: options, test: name} do
    {:ok, _pid} = Knocker.start_link(options)
    {:ok, found} = Hooks.fetch(name)
    endpoint = Knocker.endpoint(name, :token)
    # As many as may wait, each killed between its count and its message: no test can kill there, so they are counted here.
    Hooks.add_number(found, :waiting_calls, 4_096)
    Hooks.add_number(found, :waiting_bytes, 4_096)
    assert {:error, %Knocker.BusyError{}} = Knocker.receive(endpoint, request("1"))
    until(fn -> match?({:ok, _receipt}, Knocker.receive(endpoint, request("1"))) end)
    until(fn -> Hooks.number(found, :waiting_bytes) == 0 end)
    assert Hooks.number(found, :waiting_calls) == 0
    Knocker.close(name)
  end

  if File.dir?("/proc/self/fd") do
    test "closed hooks leave no descriptor of their file open", %{options: options, test: name} do
      for round <- 1..5 do
        {:ok, _pid} = Knocker.start_link(options)
        tasks = for n <- 1..20, do: Task.async(fn -> Knocker.receive(Knocker.endpoint(name, :token), request("#{round} #{n}")) end)
        Task.await_many(tasks, 30_000)
        Testing.drain(name, concurrency: 3)
        Enum.to_list(Knocker.events(name))
        Knocker.close(name)
      end

      # A connection that nobody closed is closed by a thread, once it is collected.
      file = options[:database]

      until(fn ->
        for(fd <- File.ls!("/proc/self/fd"), {:ok, to} <- [File.read_link("/proc/self/fd/#{fd}")], String.starts_with?(to, file), do: to) == []
      end)
    end
  end
end
