defmodule Bench.Requests do
  @moduledoc false
  # What is measured with: signed requests of a kilobyte, hooks that take them, and many callers at once.

  alias Knocker.WebhookRequest

  @secret "test-secret"

  def secret, do: @secret

  def request(n) do
    body = ~s({"ref": "refs/heads/main", "pad": "#{String.duplicate("x", 1_000)}", "n": #{n}})
    signature = :hmac |> :crypto.mac(:sha256, @secret, body) |> Base.encode16(case: :lower)
    headers = [{"X-GitHub-Event", "push"}, {"X-GitHub-Delivery", "#{n}"}, {"X-Hub-Signature-256", "sha256=" <> signature}]
    %WebhookRequest{url: "/webhooks/github", headers: headers, body: body}
  end

  def open(path, handler \\ nil) do
    name = {__MODULE__, path}
    {:ok, _pid} = Knocker.start_link(name: name, database: path, endpoints: [github: [provider: "github", secrets: [@secret], handler: handler]])
    {name, Knocker.endpoint(name, :github)}
  end

  @doc "How many calls a second so many processes make that call one after the other."
  def rate(callers, total, work) do
    counter = :atomics.new(1, [])
    began = System.monotonic_time()
    tasks = for _n <- 1..callers, do: Task.async(fn -> calls(counter, total, work) end)
    Task.await_many(tasks, :infinity)
    total / (System.convert_time_unit(System.monotonic_time() - began, :native, :microsecond) / 1_000_000)
  end

  defp calls(counter, total, work) do
    n = :atomics.add_get(counter, 1, 1)

    if n <= total do
      work.(n)
      calls(counter, total, work)
    end
  end

  # The widest heading, shared/hand, still stands two spaces from the one before it: what reads a table tells columns apart by that.
  def row([first | rest]), do: String.pad_trailing("#{first}", 41) <> Enum.map_join(rest, &String.pad_leading("#{&1}", 13))
  def median(values), do: values |> Enum.sort() |> Enum.at(div(length(values), 2))
end
