# Looking into the shop's file and acting on it: `mix run operate.exs`.

for event <- Knocker.events(Shop.Hooks, status: :dead, newest_first: true) do
  IO.puts("#{event.id} #{event.endpoint} #{event.type} #{event.reason}")

  for attempt <- Knocker.attempts(Shop.Hooks, event_id: event.id) do
    IO.puts("    #{attempt.finished_at} #{attempt.result} #{attempt.error}")
  end
end

# After the bug is fixed: every dead push of the last day goes back into the queue.
yesterday = DateTime.add(DateTime.utc_now(), -86_400)

{:ok, result} = Knocker.requeue_where(Shop.Hooks, status: :dead, endpoint: "github", type: "push", since: yesterday)

IO.puts("#{result.changed} requeued")

case Knocker.replay(Shop.Hooks, 1) do
  {:ok, _transition} -> IO.puts("event 1 is handled again")
  {:error, error} -> IO.puts("#{error.code}: #{error.hint}")
end

# Keep handled events for 30 days, refused and repeated deliveries for 7. Workers run the passes.
{:ok, _policy} = Knocker.retention(Shop.Hooks, handled_s: 30 * 86_400, deliveries_s: 7 * 86_400)

{:ok, stats} = Knocker.stats(Shop.Hooks)
IO.puts("#{stats.events.received + stats.events.failed} waiting, #{stats.events.dead} dead")
