defmodule Knocker.HTTPCases do
  @moduledoc false
  # The conformance data of the kind http, over a server: `use Knocker.HTTPCases, server: a module with start(hooks, reads_body)`.

  use ExUnit.CaseTemplate

  import ExUnit.Assertions
  import Knocker.ConformanceData

  alias Knocker.{Driver, LogCapture, RawSender, Testing}

  using options do
    quote do
      import Knocker.ConformanceData

      @moduletag timeout: 120_000
      @moduletag capture_log: true

      setup_all do
        ran = :counters.new(1, [])
        on_exit(fn -> unquote(__MODULE__).counted(unquote(options[:server]), :counters.get(ran, 1)) end)
        %{ran: ran}
      end

      for {file, content} <- files("http"), one <- content["cases"] do
        @one one
        @endpoints content["endpoints"] || %{}
        test "#{file}: #{one["name"]}", context do
          strictly(@one, ~w(name endpoints app database reads_body steps stored reported otherwise))
          Knocker.HTTPCases.play(unquote(options[:server]), @one, Map.merge(@endpoints, @one["endpoints"] || %{}), context)
          :counters.add(context.ran, 1, 1)
        end
      end
    end
  end

  # The table has one column for the kind: that of the server which is always there.
  def counted(Knocker.RawServer, ran), do: write_count("http", ran)
  def counted(server, ran), do: IO.puts("\n#{ran} conformance cases of http over #{inspect(server)}")

  def play(server, one, endpoints, context) do
    app = strictly(one["app"] || %{}, ~w(public_url trust_proxy))
    options = [busy_timeout_ms: 50, clock: nil] ++ for {"public_url", url} <- app, do: {:public_url, url}
    options = options ++ if(app["trust_proxy"], do: [trusted_proxies: ["127.0.0.0/8"]], else: [])
    %{hooks: hooks, knocker_file: path} = Testing.setup(context, options)
    for {name, settings} <- endpoints, do: declare(hooks, name, settings)
    port = server.start(hooks, one["reads_body"] || false)
    LogCapture.start()
    undo = spoil(hooks, path, one["database"])
    other = RawSender.play(port, one["steps"])
    # A request that is answered once everything before it has been seen.
    if one["database"] == nil, do: fence(hooks, port)
    undo.()

    expected = if other, do: strictly(one["otherwise"][other] || %{}, ~w(stored reported)), else: Map.take(one, ~w(stored reported))
    if one["database"] == nil, do: compare(expected["stored"] || [], stored(hooks), "stored")
    assert reported(server) == Enum.sort(expected["reported"] || [])
  end

  defp declare(hooks, name, settings) do
    {secrets, settings} = Map.pop(settings, "secrets")
    find = fn _request -> if secrets == "raises", do: raise("no answer from vault.internal"), else: secrets end
    {:ok, _endpoint} = Knocker.endpoint(hooks, name, Map.put(settings, :secrets, find))
  end

  # Does to the file what the case says, and gives what takes it back.
  defp spoil(_hooks, _path, nil), do: fn -> :ok end

  defp spoil(hooks, _path, "closed") do
    Knocker.close(hooks)
    fn -> :ok end
  end

  defp spoil(_hooks, path, "removed") do
    File.rm!(path)
    fn -> :ok end
  end

  defp spoil(hooks, path, how) do
    {:ok, db} = Driver.default().open(path, busy_timeout_ms: 5_000)
    statement = %{"locked" => "BEGIN IMMEDIATE", "newer" => "UPDATE _knocker_schema SET version = version + 4711", "full" => "SELECT 1"}[how]
    {:ok, _rows} = Driver.default().execute(db, statement, [])
    if how == "full", do: limit_pages(hooks)
    fn -> Driver.default().close(db) end
  end

  # A full disk, for every connection that writes receipts.
  defp limit_pages(hooks) do
    {:ok, found} = Knocker.Hooks.fetch(hooks)

    :sys.replace_state(Knocker.Hooks.process(found, Knocker.Writer), fn writer ->
      {:ok, connection, generation} = Knocker.Database.open(found)
      {:ok, pages} = Knocker.Connection.value(connection, "PRAGMA page_count")
      {:ok, _pages} = Knocker.Connection.value(connection, "PRAGMA max_page_count = #{pages}")
      %{writer | connection: connection, generation: generation}
    end)
  end

  defp fence(hooks, port) do
    {:ok, _endpoint} = Knocker.endpoint(hooks, "fence", provider: "token", secrets: ["test-token"])
    lines = ["POST /webhooks/fence HTTP/1.1", "Host: shop.example", "X-Webhook-Token: test-token", "Connection: close", "Content-Length: 2", "", "{}"]
    RawSender.play(port, [%{"send" => lines}, %{"answer" => %{"status" => 200}}])
  end

  defp stored(hooks) do
    for delivery <- Knocker.deliveries(hooks, body: true), delivery.endpoint != "fence" do
      delivery
      |> plain()
      |> Map.update!("headers", fn headers -> Map.new(headers, fn {name, value} -> {name, value |> List.wrap() |> Enum.join(", ")} end) end)
    end
  end

  # The codes of the errors that the application is told of, each once. A server that is not ours has errors of its own.
  defp reported(server) do
    LogCapture.lines()
    |> Enum.filter(fn {level, _text, meta} -> level == :error and (server == Knocker.RawServer or meta[:code] != nil) end)
    |> Enum.map(fn {_, _, meta} -> meta[:code] end)
    |> Enum.uniq()
    |> Enum.sort()
  end
end
