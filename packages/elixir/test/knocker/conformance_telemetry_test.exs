defmodule Knocker.ConformanceTelemetryTest do
  # The log and the spans are everybody's.
  use ExUnit.Case, async: false

  import Knocker.ConformanceData

  alias Knocker.{Event, LogCapture, TelemetryStory, Testing, WebhookRequest}

  @moduletag capture_log: true
  @sent "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

  # Keeps the spans of OpenTelemetry's own SDK: as a processor it is called in the process that ends one.
  defmodule Kept do
    def processor_init(_pid, config), do: {:ok, config}
    def on_start(_context, span, _config), do: span

    def on_end(span, _config) do
      case Process.whereis(__MODULE__) do
        nil -> :dropped
        test -> send(test, {:span, span})
      end

      true
    end

    def force_flush(_config), do: :ok
  end

  # It is no dependency: the suite takes it where ERL_LIBS leads to it.
  @sdk Code.ensure_loaded?(:opentelemetry_app)

  setup_all do
    ran = :counters.new(1, [])
    on_exit(fn -> write_count("telemetry", :counters.get(ran, 1)) end)
    unless @sdk, do: IO.puts("\nNOT TESTED HERE: spans, because opentelemetry is not in ERL_LIBS")
    %{ran: ran}
  end

  setup context do
    level = Logger.level()
    Logger.configure(level: :debug)
    on_exit(fn -> Logger.configure(level: level) end)
    LogCapture.start()
    if @sdk and not Map.get(context, :plain, false), do: start_sdk()
    :ok
  end

  defp start_sdk do
    Application.load(:opentelemetry)
    Application.put_env(:opentelemetry, :traces_exporter, :none)
    Application.put_env(:opentelemetry, :processors, [{Kept, %{}}])
    {:ok, _started} = Application.ensure_all_started(:opentelemetry)
    Process.register(self(), Kept)
  end

  for {file, %{"cases" => cases} = content} <- files("telemetry"), one <- cases do
    @one one
    @table Map.take(content, ["records", "everywhere"])
    test "#{file}: #{one["name"]}", context do
      if @table["records"], do: story(@one, @table, context), else: trace(@one, context)
      :counters.add(context.ran, 1, 1)
    end
  end

  defp trace(one, context) do
    strictly(one, ~w(name headers traceparent tracestate))
    test = self()
    handler = fn event, _tx -> send(test, {:trace, Event.traceparent(event), Event.tracestate(event)}) && :ok end
    %{hooks: hooks} = Testing.setup(context, endpoints: [inbox: [handler: handler]])
    # Without the package's receive, which has a span of its own where there is an SDK.
    fields = Knocker.JSON.encode!(%{valid: true, headers: one["headers"]})
    [[_receipt]] = Testing.rows!(hooks, "SELECT knocker_ingest('inbox', ?, '', 1767225600000)", [fields])
    {:ok, _attempts} = Knocker.drain(hooks)
    assert_received {:trace, traceparent, tracestate}
    assert {traceparent, tracestate} == {one["traceparent"], one["tracestate"]}
  end

  defp story(one, table, context) do
    strictly(one, ~w(name endpoint secrets handler hooks_fail active_span steps records spans))
    story = TelemetryStory.begin(one, context)
    {active, result} = active(one["active_span"], fn -> Enum.each(one["steps"], &TelemetryStory.take(story, &1)) end)
    assert result == :ok
    TelemetryStory.finish(story)
    check_records(one["records"], table)
    if @sdk, do: check_spans(one["spans"], active)
  end

  defp active(true, work) when @sdk do
    tracer = apply(:opentelemetry, :get_tracer, [:app, "1", :undefined])
    span = apply(:otel_tracer, :start_span, [tracer, "active", %{}])
    before = apply(:otel_tracer, :current_span_ctx, [])
    apply(:otel_tracer, :set_current_span, [span])
    result = work.()
    apply(:otel_tracer, :set_current_span, [before])
    {apply(:otel_span, :hex_span_id, [span]), result}
  end

  defp active(_none, work), do: {nil, work.()}

  # What the logger itself says of each.
  @usual ~w(record pid gl time mfa file line domain crash_reason callers error_logger application ansi_color report_cb)a

  defp check_records(expected, %{"records" => table, "everywhere" => everywhere}) do
    found =
      for {level, text, %{application: :knocker} = meta} <- LogCapture.lines() do
        record = meta[:record]
        known = Enum.find(table, &(&1["record"] == record)) || flunk("no record: #{text}")
        assert to_string(level) == known["level"], text
        assert Map.has_key?(known["only_in"] || %{"elixir" => ""}, "elixir"), text
        fields = for {key, _value} <- Map.drop(meta, @usual), do: to_string(key)
        assert fields -- (known["fields"] ++ Map.keys(everywhere)) == [], text
        refute inspect({text, meta}) =~ "never-to-be-logged"
        known["fields"] |> Map.new(&{&1, plain(meta[String.to_atom(&1)])}) |> Map.put("record", record)
      end

    compare(expected, found, "records")
  end

  # A record of Erlang's, by the place of what is asked: trace id, span id, tracestate, parent, name, kind, attributes, events, status.
  defp check_spans(nil, _active), do: :ok

  defp check_spans(expected, active) do
    spans = for span <- kept(), elem(span, 6) != "active", do: span
    ids = Enum.map(spans, &hex(elem(&1, 2), 16))

    found =
      for span <- spans do
        attributes = apply(:otel_attributes, :map, [elem(span, 10)])
        refute inspect({attributes, elem(span, 11), elem(span, 13)}) =~ ~r/never-to-be-logged|broken/

        %{
          "name" => elem(span, 6),
          "kind" => to_string(elem(span, 7)),
          "trace_id" => hex(elem(span, 1), 32),
          "parent" => if(is_integer(elem(span, 4)), do: hex(elem(span, 4), 16)),
          "failed" => match?({:status, :error, _message}, elem(span, 13)),
          "attributes" => Map.new(attributes, fn {key, value} -> {to_string(key), value} end)
        }
      end

    wanted =
      for span <- expected do
        strictly(span, ~w(name kind parent trace_id failed attributes))

        case span["parent"] do
          number when is_integer(number) -> %{span | "parent" => Enum.at(ids, number)}
          "active" -> %{span | "parent" => active}
          _id_or_nil -> span
        end
      end

    compare(wanted, found, "spans")
  end

  defp kept do
    receive do
      {:span, span} -> [span | kept()]
    after
      0 -> []
    end
  end

  defp hex(number, digits), do: number |> Integer.to_string(16) |> String.downcase() |> String.pad_leading(digits, "0")

  if @sdk do
    @body ~s({"customer": "never-to-be-logged"})

    test "what handlers and functions of secrets do is a child, and the sender's headers stay as they were", context do
      look = fn name ->
        tracer = apply(:opentelemetry, :get_tracer, [:app, "1", :undefined])
        apply(:otel_span, :end_span, [apply(:otel_tracer, :start_span, [tracer, name, %{}])])
      end

      secrets = fn _request -> look.("look up") && ["test-token"] end
      handler = fn _event, _tx -> look.("work") && :ok end
      %{hooks: hooks} = Testing.setup(context, endpoints: [inbox: [provider: "token", secrets: secrets, handler: handler]])
      other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      headers = [{"X-Webhook-Token", "test-token"}, {"traceparent", @sent}, {"tracestate", "congo=t61rcWkgMzE"}, {"Knocker-Traceparent", other}]
      {:ok, receipt} = Knocker.receive(Knocker.endpoint(hooks, :inbox), %WebhookRequest{headers: headers, body: @body})
      {:ok, _attempts} = Knocker.drain(hooks)
      [look_up, received, work, processed] = kept()
      assert Enum.map([look_up, received, work, processed], &elem(&1, 6)) == ["look up", "receive inbox", "work", "process inbox"]
      assert {elem(look_up, 4), elem(work, 4)} == {elem(received, 2), elem(processed, 2)}
      {:ok, delivery} = Knocker.delivery(hooks, receipt.delivery_id)
      assert delivery.headers["traceparent"] == @sent
      own = "00-0af7651916cd43dd8448eb211c80319c-#{hex(elem(received, 2), 16)}-01"
      assert delivery.headers["knocker-traceparent"] == [other, own]
      assert delivery.headers["knocker-tracestate"] == "congo=t61rcWkgMzE"
    end
  end
end
