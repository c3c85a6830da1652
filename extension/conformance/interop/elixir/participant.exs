defmodule Participant do
  @moduledoc false
  # The Elixir package as a participant: the line protocol of ../README.md over its public API.

  alias Knocker.JSON

  @written "INSERT INTO written VALUES (?, ?, ?, ?, ?, ?, 'elixir', sqlite_version())"
  @hooks __MODULE__.Hooks
  @supervisor __MODULE__.Supervisor

  def run do
    {:ok, _applications} = Application.ensure_all_started(:knocker)
    Logger.configure(level: :none)
    {:ok, _supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one, max_restarts: 0, name: @supervisor)
    Process.register(spawn_link(fn -> gate([], false) end), __MODULE__.Gate)
    for line <- IO.binstream(:stdio, :line), do: spawn_link(fn -> answer(JSON.decode!(line)) end)
    # Whoever asks has gone.
    System.halt()
  end

  defp say(line), do: IO.binwrite([JSON.encode!(line), ?\n])

  defp answer(%{"id" => id, "op" => op} = asked) do
    case perform(op, asked) do
      :ok -> say(%{id: id, gives: nil})
      {:ok, result} -> say(%{id: id, gives: plain(result)})
      {:error, %{code: code} = error} -> say(%{id: id, error: code, says: Exception.message(error)})
    end
  end

  defp perform("open", %{"file" => file, "endpoints" => endpoints}) do
    options = [name: @hooks, database: file, busy_timeout_ms: 60_000]

    with {:ok, _pid} <- start({Knocker, options}) do
      Enum.find_value(endpoints, :ok, fn %{"name" => name, "secret" => secret, "settings" => settings} ->
        settings = Map.merge(settings, %{secrets: [secret], handler: &handle/2})
        with {:ok, _endpoint} <- Knocker.endpoint(@hooks, name, settings), do: nil
      end)
    end
  end

  defp perform("receive", %{"endpoint" => name, "request" => request, "body" => body}) do
    request = %Knocker.WebhookRequest{method: request["method"], url: request["url"], headers: request["headers"], body: body}
    Knocker.receive(Knocker.endpoint(@hooks, name), request)
  end

  defp perform("work", %{"lease_s" => lease_s}) do
    send(__MODULE__.Gate, :shut)
    with {:ok, pid} <- start({Knocker.Worker, hooks: @hooks, concurrency: 2, lease_s: lease_s}), do: :persistent_term.put(:worker, pid)
  end

  defp perform("rest", _asked), do: DynamicSupervisor.terminate_child(@supervisor, :persistent_term.get(:worker))

  defp perform("go", _asked) do
    send(__MODULE__.Gate, :go)
    :ok
  end

  defp perform("list", %{"view" => view}), do: {:ok, Enum.to_list(list(view))}
  defp perform("ignore", %{"event_id" => id, "reason" => why}), do: Knocker.ignore(@hooks, id, why)
  defp perform("replay", %{"event_id" => id}), do: Knocker.replay(@hooks, id)
  defp perform("requeue", %{"event_id" => id}), do: Knocker.requeue(@hooks, id)
  defp perform("replay_delivery", %{"delivery_id" => id}), do: Knocker.replay_delivery(@hooks, id)
  defp perform("replay_where", %{"filter" => filter}), do: Knocker.replay_where(@hooks, filter)
  defp perform("requeue_where", %{"filter" => filter}), do: Knocker.requeue_where(@hooks, filter)
  defp perform("ignore_where", %{"filter" => filter}), do: Knocker.ignore_where(@hooks, filter)
  defp perform("stats", _asked), do: Knocker.stats(@hooks)
  defp perform("close", _asked), do: Knocker.close(@hooks)

  defp list("events"), do: Knocker.events(@hooks)
  defp list("deliveries"), do: Knocker.deliveries(@hooks)
  defp list("attempts"), do: Knocker.attempts(@hooks)
  defp list("endpoints"), do: Knocker.stored_endpoints(@hooks)

  # What is closed is not started again by itself.
  defp start(child), do: DynamicSupervisor.start_child(@supervisor, Supervisor.child_spec(child, restart: :temporary))

  defp handle(event, tx) do
    %{"plan" => plan, "order" => order} = JSON.decode!(event.body)
    if plan == "hold" and event.attempt == 1, do: hold(event)
    row = [event.endpoint, event.key, event.type, order["customer"], order["total"], event.attempt]
    with {:ok, _rows} <- Knocker.execute(tx, @written, row), do: decide(plan, event.attempt)
  end

  defp decide("fail", 1), do: {:error, "no stock yet"}
  defp decide("retry", 1), do: {:retry, 0, "the till is closed"}
  defp decide("ignore", _attempt), do: {:ignore, "a test order"}
  defp decide("dead", _attempt), do: {:dead, "no such customer"}
  defp decide(_plan, _attempt), do: :ok

  defp hold(event) do
    say(%{held: event.key})
    send(__MODULE__.Gate, {:waits, self()})

    receive do
      :go -> :ok
    end
  end

  defp gate(waiting, open?) do
    receive do
      {:waits, pid} when open? -> send(pid, :go) && gate([], true)
      {:waits, pid} -> gate([pid | waiting], false)
      :go -> Enum.each(waiting, &send(&1, :go)) && gate([], true)
      :shut -> gate([], false)
    end
  end

  # Records as SQL has them: times as Unix milliseconds, and no bodies.
  defp plain(%DateTime{} = time), do: DateTime.to_unix(time, :millisecond)
  defp plain(%_record{} = record), do: record |> Map.from_struct() |> Map.delete(:body) |> plain()
  defp plain(map) when is_map(map), do: Map.new(map, fn {name, value} -> {name, plain(value)} end)
  defp plain(list) when is_list(list), do: Enum.map(list, &plain/1)
  defp plain(other), do: other
end

Participant.run()
