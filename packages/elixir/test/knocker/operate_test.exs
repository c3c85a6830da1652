defmodule Knocker.OperateTest do
  use ExUnit.Case, async: true

  use Knocker.Testing,
    endpoints: [inbox: [handler: {"order.*", &Knocker.OperateTest.refuse/2}]],
    schema: ["CREATE TABLE orders (id INTEGER PRIMARY KEY)"]

  alias Knocker.Testing

  doctest Knocker.Event
  doctest Knocker.Testing.Clock

  @moduletag capture_log: true

  def refuse(_event, _tx), do: {:dead, "no such customer"}

  defp ingest(hooks, type, key \\ nil) do
    {:ok, receipt} = Knocker.ingest(Knocker.endpoint(hooks, :inbox), [valid: true, type: type, key: key], ~s({"type": "#{type}"}))
    receipt.event_id
  end

  test "lists are streams with a cursor, and read what is asked for", %{hooks: hooks} do
    for n <- 1..1_100, do: ingest(hooks, "order.#{rem(n, 2)}", "k#{n}")
    assert Enum.count(Knocker.events(hooks)) == 1_100
    assert hooks |> Knocker.events(limit: 3) |> Enum.map(& &1.id) == [1, 2, 3]
    assert hooks |> Knocker.events(newest_first: true) |> Enum.take(2) |> Enum.map(& &1.id) == [1_100, 1_099]
    assert hooks |> Knocker.events(after: 1_098) |> Enum.map(& &1.key) == ["k1099", "k1100"]
    assert hooks |> Knocker.events(after: 3, newest_first: true) |> Enum.map(& &1.id) == [2, 1]
    assert Enum.count(Knocker.events(hooks, type: "order.1")) == 550
    assert Enum.count(Knocker.events(hooks, type: "order.*", status: [:received, :dead])) == 1_100
    assert [%{body: nil}] = Enum.to_list(Knocker.events(hooks, key: "k7"))
    assert [%{body: ~s({"type": "order.1"})}] = Enum.to_list(Knocker.events(hooks, key: "k7", body: true))
    assert Enum.to_list(Knocker.events(hooks, endpoint: :other)) == []
    assert Enum.to_list(Knocker.events(hooks, limit: 0)) == []
  end

  test "times are DateTime, in what goes in and in what comes out", %{hooks: hooks} = context do
    ingest(hooks, "order.paid")
    advance(context, 3_600)
    ingest(hooks, "order.paid")
    hour = ~U[2026-01-01 01:00:00.000Z]
    assert [%{id: 2, received_at: ^hour}] = Enum.to_list(Knocker.events(hooks, since: hour))
    assert [%{id: 1}] = Enum.to_list(Knocker.events(hooks, until: hour))
    assert {:ok, %{matched: 1}} = Knocker.ignore_where(hooks, since: hour, dry_run: true)
  end

  test "lists by a time page as they do without", %{hooks: hooks} = context do
    # A second each, but for a stretch in which the clock was set back.
    for n <- 1..520 do
      ingest(hooks, "order.paid", "k#{n}")
      advance(context, if(n == 100, do: -90, else: 1))
    end

    all = hooks |> Knocker.events() |> Enum.map(&{&1.id, DateTime.to_unix(&1.received_at, :millisecond)})
    start = all |> hd() |> elem(1)
    moments = [nil | Enum.map([9, 50, 600], &(start + &1 * 1_000))]

    for since <- moments, until <- moments, last <- [nil, 7, 110], newest_first <- [false, true] do
      met =
        for {id, at} <- all,
            since == nil or at >= since,
            until == nil or at < until,
            last == nil or if(newest_first, do: id < last, else: id > last),
            do: id

      filters = [since: since, until: until, after: last, newest_first: newest_first]
      listed = hooks |> Knocker.events(filters) |> Enum.map(& &1.id)
      assert {filters, listed} == {filters, if(newest_first, do: Enum.reverse(met), else: met)}
    end
  end

  test "an event that is dead is found, requeued and handled", %{hooks: hooks} do
    id = ingest(hooks, "order.paid")
    assert [%{status: :dead, event_id: ^id}] = drain(hooks)
    assert [%{id: ^id, reason: "no such customer"}] = Enum.to_list(Knocker.events(hooks, status: :dead))
    assert [%{result: :dead, error: "no such customer"}] = Enum.to_list(Knocker.attempts(hooks, event_id: id))
    {:ok, _endpoint} = Knocker.endpoint(hooks, :inbox, handler: fn event, tx -> Knocker.execute(tx, "INSERT INTO orders VALUES (?)", [event.id]) end)
    assert {:ok, %{status: :received}} = Knocker.requeue(hooks, id)
    assert [%{status: :handled}] = drain(hooks)
    assert Testing.rows!(hooks, "SELECT id FROM orders") == [[id]]
    assert {:error, %Knocker.BadStateError{}} = Knocker.requeue(hooks, id)
    assert {:error, %Knocker.UnknownEventError{family: :not_found}} = Knocker.replay(hooks, 4_711)
    assert {:ok, %{events: %{handled: 1}}} = Knocker.stats(hooks)
  end

  test "an operator's switch outlives a declaration", %{hooks: hooks} do
    assert Knocker.update_endpoint(hooks, :inbox, enabled: false) == :ok
    {:ok, endpoint} = Knocker.endpoint(hooks, :inbox, max_attempts: 3)
    assert [%{enabled: false, max_attempts: 3}] = Enum.to_list(Knocker.stored_endpoints(hooks))
    assert endpoint == Knocker.endpoint(hooks, "inbox")
    assert Knocker.endpoints(hooks) == [endpoint]
    assert {:error, %Knocker.UnknownEndpointError{}} = Knocker.update_endpoint(hooks, :none, enabled: true)
  end

  test "retention is stored, runs and is recorded", %{hooks: hooks} = context do
    id = ingest(hooks, "order.paid")
    {:ok, _transition} = Knocker.ignore(hooks, id, "a test")
    assert {:ok, %{}} = Knocker.retention(hooks, ignored_s: 86_400)
    assert [%{}] = Enum.to_list(Knocker.policies(hooks))
    advance(context, 3 * 86_400)
    assert {:ok, %{}} = Knocker.retain(hooks)
    assert [%{kind: :retention}] = Enum.to_list(Knocker.prunes(hooks))
    assert Enum.to_list(Knocker.events(hooks)) == []
  end
end
