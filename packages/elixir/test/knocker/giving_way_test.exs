defmodule Knocker.GivingWayTest do
  # Other writers beside a worker with a backlog: when the write lock is left to them, and for how long.
  use ExUnit.Case, async: true

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Driver, GivingWay, Testing, Worker}
  alias Knocker.Testing.Clock

  @moduletag capture_log: true
  @moduletag timeout: 60_000

  # On which connection, and with how many commits of the worker elsewhere.
  defp look(way, number, now, connection \\ :own, own \\ 0, quiet \\ true), do: GivingWay.look(way, {connection, number, own, quiet}, now)

  describe "of the time that the lock was held" do
    test "a tenth is left to whoever may wait, five milliseconds at most" do
      way = GivingWay.held(%GivingWay{}, 19, 19)
      refute GivingWay.due?(way, 19)
      way = GivingWay.held(way, 1, 20)
      assert GivingWay.due?(way, 20)
      assert {2, way} = GivingWay.pause(way, 20)
      assert {5, _way} = way |> GivingWay.held(3_000, 3_020) |> GivingWay.pause(3_020)
    end

    test "what was free between the commits is a part of that" do
      assert {1, way} = %GivingWay{} |> GivingWay.held(10, 10) |> GivingWay.held(10, 21) |> GivingWay.pause(21)
      assert {0, _way} = way |> GivingWay.held(10, 40) |> GivingWay.held(10, 60) |> GivingWay.pause(60)
    end

    test "a clock that was set back meanwhile leaves them no more" do
      assert {5, _way} = %GivingWay{} |> GivingWay.held(60, 3_600_060) |> GivingWay.pause(60)
    end

    test "others that write get turns as long as between two looks of theirs" do
      way = %GivingWay{} |> look(1, 0) |> GivingWay.held(50, 50) |> look(2, 50)
      refute GivingWay.due?(way, 50)
      assert {25, way} = way |> GivingWay.held(10, 60) |> GivingWay.pause(60)
      assert {0, _way} = way |> GivingWay.held(50, 110) |> GivingWay.pause(110)
    end

    test "others are forgotten that have not written for a while" do
      way = %GivingWay{} |> look(1, 0) |> look(2, 0) |> look(2, 9_000) |> GivingWay.held(20, 10_000)
      assert {2, _way} = GivingWay.pause(way, 10_000)
    end

    test "what the worker commits itself is not of others, nor is what another connection has seen" do
      way = %GivingWay{} |> look(1, 0) |> look(2, 0, :own, 1) |> look(7, 0, :another, 1) |> GivingWay.held(20, 20)
      assert {2, _way} = GivingWay.pause(way, 20)
    end

    test "what the worker was committing at the last look is not of others" do
      way = %GivingWay{} |> look(1, 0, :own, 1, false) |> look(2, 0, :own, 1) |> GivingWay.held(20, 20)
      assert {2, _way} = GivingWay.pause(way, 20)
    end
  end

  # How often a worker leaves the lock to others beside so many events, whose handlers hold it for 20 ms each by the test's clock, and whether it knows of
  # others.
  defp pauses(context, total, before, concurrency \\ 1) do
    test = self()

    handler = fn event, tx ->
      before.(event, test)
      {:ok, _rows} = Knocker.execute(tx, "INSERT INTO orders VALUES (?)", [event.id])
      Clock.advance(:persistent_term.get(test).knocker_clock, 0.02)
      :ok
    end

    opened = Testing.setup(context, schema: ["CREATE TABLE orders (id INTEGER)"], endpoints: [inbox: [handler: handler]])
    :persistent_term.put(test, opened)
    for _n <- 1..total, do: {:ok, _receipt} = Knocker.ingest(Knocker.endpoint(opened.hooks, :inbox), [valid: true], "{}")
    {:ok, worker} = Worker.start_link(hooks: opened.hooks, share_commits: false, concurrency: concurrency)
    :persistent_term.put({test, :worker}, worker)
    :erlang.trace(worker, true, [:receive, :set_on_spawn])
    until(fn -> match?({:ok, %{events: %{handled: ^total}}}, Knocker.stats(opened.hooks)) end)
    known = for runner <- Map.keys(:sys.get_state(worker).runners), do: :sys.get_state(runner).way.others_until
    GenServer.stop(worker)
    {counted(0), Enum.any?(known)}
  end

  defp counted(count) do
    receive do
      {:trace, _pid, :receive, :gave_way} -> counted(count + 1)
      {:trace, _pid, :receive, _other} -> counted(count)
    after
      0 -> count
    end
  end

  test "a worker leaves the lock to whoever may wait, and is none of the others itself", context do
    assert pauses(context, 40, fn _event, _test -> :ok end) == {40, false}
  end

  test "what extends a worker's leases is none of the others", context do
    assert pauses(context, 9, &extend_leases/2) == {9, false}
  end

  test "handlers of a worker are none of the others for each other", context do
    assert {_pauses, false} = pauses(context, 40, fn _event, _test -> :ok end, 3)
  end

  test "a worker leaves the lock for longer and less often where others write", context do
    assert pauses(context, 9, &write_beside/2) == {3, true}
  end

  # As another program does.
  defp write_beside(%{id: 2}, test) do
    %{knocker_file: file} = :persistent_term.get(test)
    driver = Driver.default()
    {:ok, db} = driver.open(file, busy_timeout_ms: 0)
    {:ok, _rows} = driver.execute(db, "INSERT INTO orders VALUES (0)", [])
    driver.close(db)
  end

  defp write_beside(_event, _test), do: :ok

  # As the worker does several times in their length.
  defp extend_leases(%{id: 2}, test) do
    until(fn -> :persistent_term.get({test, :worker}, nil) end)
    worker = :persistent_term.get({test, :worker})
    send(worker, {:extend, :sys.get_state(worker).held})
    until(fn -> :sys.get_state(worker).extending == nil end)
  end

  defp extend_leases(_event, _test), do: :ok
end
