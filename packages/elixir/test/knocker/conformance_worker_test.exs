defmodule Knocker.ConformanceWorkerTest do
  # The log is everybody's.
  use ExUnit.Case, async: false

  import Knocker.ConformanceData

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{Child, Leases, LogCapture, Scenario, Scripted, Testing}

  @moduletag timeout: 120_000
  @moduletag capture_log: true
  @body ~s({"customer": "never-to-be-logged"})
  @schema "CREATE TABLE written (text TEXT NOT NULL UNIQUE)"

  @kinds ~w(worker shared_commits)
  # A drain with shared commits, one without, and a worker with them.
  @ways [:drain, :apart, :worker]

  # A case has run when it has in every way.
  setup_all do
    ran = for kind <- @kinds, way <- @ways, into: %{}, do: {{kind, way}, :counters.new(1, [])}
    on_exit(fn -> for kind <- @kinds, do: write_count(kind, @ways |> Enum.map(&:counters.get(ran[{kind, &1}], 1)) |> Enum.min()) end)
    %{ran: ran}
  end

  setup do
    LogCapture.start()
  end

  for kind <- @kinds, {file, content} <- files(kind), one <- content["cases"], way <- @ways do
    @kind kind
    @one one
    @way way
    test "#{kind}, #{file}: #{one["name"]} (#{way})", context do
      strictly(@one, ~w(name schema endpoint handlers apps hooks_fail only_shared steps))
      unless @one["only_shared"] && @way != :drain, do: tell(context, @one, @way)
      :counters.add(context.ran[{@kind, @way}], 1, 1)
    end
  end

  defp tell(context, one, way) do
    %{hooks: observer, knocker_clock: clock, knocker_file: path} = Testing.setup(context, schema: [@schema | one["schema"] || []])
    {:ok, apps} = Agent.start_link(fn -> %{} end)
    story = %{observer: observer, clock: clock, path: path, apps: apps, one: one, way: way}
    Enum.reduce(one["steps"], %{}, &step(story, &1, &2))
    for {_name, app} <- Agent.get(apps, & &1), do: Scripted.check_mistakes(app)
  end

  defp step(story, step, saved) do
    strictly(step, ~w(now app event run dies use_kept_tx op args expect expect_error save))
    if step["now"], do: Testing.Clock.set(story.clock, step["now"])

    cond do
      step["op"] ->
        Scenario.step(
          %{hooks: story.observer, clock: story.clock, saved: saved, folder: Path.dirname(story.path)},
          Map.take(step, ~w(op args expect expect_error save))
        ).saved

      step["dies"] ->
        dies(story, step["app"])
        saved

      step["run"] ->
        run(story, app(story, step["app"]), strictly(step["run"], ~w(results errors dead written log events attempts ended_before)))
        saved

      step["use_kept_tx"] ->
        assert {:error, %{code: code}} = story |> app(step["app"]) |> Scripted.kept_tx() |> Knocker.execute(step["use_kept_tx"])
        assert code == step["expect_error"]
        saved

      true ->
        app = app(story, step["app"])
        assert {:ok, _receipt} = Knocker.ingest(Knocker.endpoint(app.name, app.endpoint), [valid: true, type: step["event"]], @body)
        saved
    end
  end

  # Opened at its first step.
  defp app(story, name) do
    case Agent.get(story.apps, & &1[name]) do
      nil ->
        app = Scripted.open(story.path, story.clock, given(story, name), story.one["hooks_fail"] || false)
        on_exit(fn -> Scripted.close(app) end)
        Agent.update(story.apps, &Map.put(&1, name, app))
        app

      app ->
        app
    end
  end

  defp given(story, nil), do: Map.take(story.one, ~w(endpoint handlers))
  defp given(story, name), do: strictly(story.one["apps"][name], ~w(name endpoint handlers))

  defp run(story, app, expected) do
    Scripted.forget(app)
    LogCapture.lines()

    if story.way == :worker do
      work(story, app)
    else
      [[before]] = Testing.rows!(story.observer, "SELECT count(*) FROM knocker_attempts")
      assert {:ok, attempts} = Knocker.drain(app.name, share_commits: story.way == :drain)
      compare(expected["results"] || [], Enum.map(attempts, &to_string(&1.status)), "results")
      apart = Enum.map(0..length(attempts), &(before + &1))
      wanted = if story.way == :drain, do: expected["ended_before"], else: Enum.drop(apart, -1)
      if expected["ended_before"], do: assert(Scripted.told(app, :ended_before) == wanted)
    end

    compare(expected["errors"] || [], Scripted.told(app, :errors), "errors")
    compare(expected["dead"] || [], Scripted.told(app, :dead), "dead")
    compare(expected["written"] || [], plain(List.flatten(Testing.rows!(story.observer, "SELECT text FROM written ORDER BY rowid"))), "written")
    if expected["events"], do: compare(expected["events"], story.observer |> Knocker.events(body: true) |> Enum.map(&plain/1), "events")
    if expected["attempts"], do: compare(expected["attempts"], story.observer |> Knocker.attempts() |> Enum.map(&plain/1), "attempts")
    check_log(app, expected["log"] || [])
  end

  # A worker at its work until nothing is due; what it has claimed and not begun is given back when it stops.
  defp work(story, app) do
    if due?(story, app) do
      {:ok, worker} = Knocker.Worker.start_link(hooks: app.name)
      until(fn -> not due?(story, app) end)
      Process.unlink(worker)
      if Process.alive?(worker), do: stop(worker)
      # One that another has stopped is waited for too.
      work(story, app)
    end
  end

  defp stop(worker) do
    GenServer.stop(worker, :normal, :infinity)
  catch
    :exit, _closed_meanwhile -> :ok
  end

  defp due?(story, app), do: not Knocker.closing?(app.name) and {:ok, 0} == Leases.next_due(story.observer, "nobody", [app.endpoint])

  # Each failed attempt is a warning, each dead event an error, and there is nothing else but what the case names.
  defp check_log(app, beside) do
    lines = LogCapture.lines()
    for {_level, text, _meta} <- lines, do: refute(text =~ "never-to-be-logged")
    said = for {level, text, meta} <- lines, level in [:warning, :error], do: {level, meta[:event_id], text}
    told = Enum.map(Scripted.told(app, :errors), &{:warning, &1["event_id"]}) ++ Enum.map(Scripted.told(app, :dead), &{:error, &1["event_id"]})
    missing = told -- Enum.map(said, fn {level, id, _text} -> {level, id} end)
    assert missing == [], "the log does not say #{inspect(missing)}: #{inspect(said)}"
    surplus = Enum.map(said, fn {level, id, _text} -> {level, id} end) -- told
    assert surplus |> Enum.map(fn {level, _id} -> to_string(level) end) |> Enum.sort() == Enum.sort(beside), inspect(said)
  end

  defp dies(story, name) do
    given =
      Knocker.JSON.encode!(%{
        path: story.path,
        now: now(story),
        app: given(story, name),
        worker: story.way == :worker,
        share_commits: story.way != :apart
      })

    script = "{:ok, _} = Application.ensure_all_started(:knocker); Knocker.Scripted.die(hd(System.argv()))"
    {output, status} = System.cmd("elixir", Child.paths() ++ ["-e", script, given], stderr_to_stdout: true)
    assert status == 128 + 9, "it did not die: #{output}"
  end

  defp now(story), do: story.clock |> Testing.Clock.now() |> DateTime.to_unix(:millisecond)
end
