defmodule Knocker.KillTest do
  use ExUnit.Case, async: true

  alias Knocker.{Child, Testing}

  @moduletag timeout: 120_000

  @tag capture_log: true
  test "a SIGKILL loses nothing that was acknowledged, and nothing is handled twice", context do
    # A day ahead of the others, so that the leases of the dead have run out.
    clock = fn -> System.os_time(:millisecond) + 86_400_000 end
    test = self()

    handler = fn event, tx ->
      with {:ok, _} <- Knocker.execute(tx, "INSERT INTO done (key) VALUES (?)", [event.key]), do: send(test, :handled) && :ok
    end

    schema = "CREATE TABLE done (key TEXT PRIMARY KEY)"
    %{hooks: hooks, knocker_file: path} = Testing.setup(context, synchronous: :full, clock: clock, schema: schema)

    acknowledged =
      for round <- 1..4, reduce: [] do
        acknowledged ->
          child = Child.start("Knocker.Child.receive_and_work(#{inspect(path)}, #{round})")
          before = lines(child, 20 * round, [])
          acknowledged ++ Enum.reject(before ++ Child.kill(child), &(&1 == "shared"))
      end

    # What is left, and what the dead have let go of.
    {:ok, _endpoint} = Knocker.endpoint(hooks, :inbox, handler: handler)
    Knocker.drain(hooks)
    drain_until_nothing_waits(hooks)

    stored = for event <- Knocker.events(hooks), do: event.key
    assert acknowledged -- stored == []
    assert Enum.uniq(stored) == stored
    assert for(event <- Knocker.events(hooks), do: event.status) |> Enum.uniq() == [:handled]
    # A key that was written twice would have failed its attempt.
    assert hooks |> Testing.rows!("SELECT key FROM done") |> List.flatten() |> Enum.sort() == Enum.sort(stored)
  end

  # So many, and on until events have shared a commit.
  defp lines(child, count, lines) do
    if length(lines) >= 40 + count and "shared" in lines, do: lines, else: lines(child, count, [Child.line(child) | lines])
  end

  # An attempt that died is tried again after its backoff: at once, by a replay.
  defp drain_until_nothing_waits(hooks) do
    for event <- Knocker.events(hooks, status: [:failed, :dead]), do: {:ok, _} = Knocker.requeue(hooks, event.id)
    if Enum.any?(Knocker.events(hooks, status: [:received, :processing, :failed])), do: {:ok, _} = Knocker.drain(hooks)
    if Enum.any?(Knocker.events(hooks, status: [:received, :processing, :failed])), do: drain_until_nothing_waits(hooks), else: :ok
  end
end
