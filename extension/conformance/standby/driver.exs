# The Elixir package as a receiver that is killed: as driver.py.
# What is logged goes to the standard output, too.
Logger.configure(level: :warning)
[path, socket, callers] = System.argv()
{:ok, _started} = Application.ensure_all_started(:knocker)
replicated = if socket == "", do: [], else: [replicated: socket, replicated_timeout_ms: 60_000]
{:ok, _hooks} = Knocker.start_link([name: :standby, database: path, endpoints: [inbox: []], busy_timeout_ms: 60_000] ++ replicated)
inbox = Knocker.endpoint(:standby, :inbox)
IO.puts("ready")
IO.read(:line)

receive_next = fn receive_next, caller, number ->
  key = "key-#{caller}-#{number}"
  {:ok, _receipt} = Knocker.ingest(inbox, [valid: true, type: "order.paid", key: key], ~s({"paid": true}))
  IO.puts(key)
  receive_next.(receive_next, caller, number + 1)
end

1..String.to_integer(callers) |> Enum.map(fn caller -> Task.async(fn -> receive_next.(receive_next, caller, 1) end) end) |> Task.await_many(:infinity)
