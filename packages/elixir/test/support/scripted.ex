defmodule Knocker.Scripted do
  @moduledoc false
  # An app of the conformance data of the kind worker: hooks on a file with one endpoint, scripted handlers, and an account of what was told.

  import ExUnit.Assertions, only: [flunk: 1]

  import Knocker.Waiting, only: [until: 1]
  alias Knocker.{ConformanceData, Driver, Errors, Scenario, Testing}

  defmodule TextlessError do
    defexception [:reason]
    @impl true
    def message(_error), do: raise("no text")
  end

  defstruct [:name, :endpoint, :path, :clock, :account]

  @doc "Opens the app that the data gives."
  def open(path, clock, given, hooks_fail) do
    {:ok, account} = Agent.start(fn -> %{calls: %{}, errors: [], dead: [], ended_before: [], tx: nil} end)
    app = %__MODULE__{name: {__MODULE__, make_ref()}, path: path, clock: clock, account: account, endpoint: given["name"] || "inbox"}

    handlers =
      for {handler, number} <- Enum.with_index(given["handlers"] || []) do
        {handler["on"], fn event, tx -> handle(app, handler, number, event, tx) end}
      end

    {:ok, _pid} =
      Knocker.start_link(
        name: app.name,
        database: path,
        clock: Testing.Clock.function(clock),
        synchronous: :normal,
        on_error: fn error, event -> tell(app, :errors, error_facts(error, event), hooks_fail) end,
        on_dead: fn event, reason -> tell(app, :dead, Map.put(facts(event), "reason", reason), hooks_fail) end
      )

    settings = Map.merge(given["endpoint"] || %{}, %{handler: handlers})
    {:ok, _endpoint} = Knocker.endpoint(app.name, app.endpoint, settings)
    app
  end

  def close(app) do
    Knocker.close(app.name)
    Agent.stop(app.account)
  end

  def told(app, key), do: app.account |> Agent.get(& &1[key]) |> Enum.reverse()
  def kept_tx(app), do: Agent.get(app.account, & &1.tx)
  def forget(app), do: Agent.update(app.account, &%{&1 | errors: [], dead: [], ended_before: []})

  @doc "What a process of its own does: it works on the file until a handler kills it."
  def die(given) do
    given = Knocker.JSON.decode!(given)
    clock = Testing.Clock.new()
    Testing.Clock.set(clock, given["now"])
    app = open(given["path"], clock, given["app"], false)

    if given["worker"] do
      {:ok, _pid} = Knocker.Worker.start_link(hooks: app.name)
      Process.sleep(:infinity)
    else
      Knocker.drain(app.name, share_commits: given["share_commits"])
    end
  end

  defp facts(event), do: %{"event_id" => event.id, "endpoint" => event.endpoint, "type" => event.type}

  defp error_facts(error, event),
    do: Map.merge(facts(event), %{"attempt" => event.attempt, "code" => Map.get(error, :code), "says" => Exception.message(error)})

  defp tell(app, key, fact, fails) do
    Agent.update(app.account, &Map.update!(&1, key, fn told -> [fact | told] end))
    if fails, do: raise("the hook failed")
  end

  defp handle(app, handler, number, event, tx) do
    count = Agent.get_and_update(app.account, &counted(&1, {number, event.id}))
    [[ended]] = Testing.rows!(app.name, "SELECT count(*) FROM knocker_attempts")
    Agent.update(app.account, &%{&1 | ended_before: [ended | &1.ended_before]})
    play(app, if(count > 1 && handler["then"], do: handler["then"], else: handler["do"]), event, tx)
  end

  defp counted(account, call) do
    account = %{account | calls: Map.update(account.calls, call, 1, &(&1 + 1))}
    {account.calls[call], account}
  end

  # What ends a script is what an action returns that is not :ok.
  defp play(app, script, event, tx) do
    Enum.reduce_while(script, :ok, fn action, :ok ->
      [{kind, given}] = Map.to_list(action)

      case act(kind, given, app, event, tx) do
        :ok -> {:cont, :ok}
        {:ok, _rows} -> {:cont, :ok}
        decided -> {:halt, decided}
      end
    end)
  end

  defp act("write", text, _app, event, tx), do: Knocker.execute(tx, "INSERT INTO written VALUES (?)", [of(event, hostile(text))])
  defp act("sql", sql, _app, event, tx), do: Knocker.execute(tx, of(event, hostile(sql)))
  # No statement stays open in Elixir: a list of rows comes back.
  defp act("begin_reading", sql, _app, _event, tx), do: Knocker.execute(tx, sql)
  defp act("keep_tx", true, app, _event, tx), do: Agent.update(app.account, &%{&1 | tx: tx})
  defp act("raise", %{"hostile" => "no_text"}, _app, _event, _tx), do: raise(TextlessError)
  defp act("raise", text, _app, _event, _tx), do: raise(hostile(text))
  defp act("raise_knocker", code, _app, _event, _tx), do: raise(Errors.new(code, "met elsewhere"))
  defp act("raise_no_error", true, _app, _event, _tx), do: throw(:no_error)
  defp act("ignore", why, _app, _event, _tx), do: {:ignore, hostile(why)}
  defp act("dead", why, _app, _event, _tx), do: {:dead, hostile(why)}
  defp act("advance_s", seconds, app, _event, _tx), do: Testing.Clock.advance(app.clock, seconds)

  defp act("retry", given, _app, _event, _tx), do: {:retry, given["after_s"], hostile(given["reason"])}

  defp act("on_event", given, app, event, tx) do
    ConformanceData.strictly(given, ~w(id do))
    if event.id == given["id"], do: play(app, given["do"], event, tx), else: :ok
  end

  defp act("write_elsewhere", text, app, event, _tx) do
    {:ok, db} = Driver.default().open(app.path, busy_timeout_ms: 1)

    try do
      case Driver.default().execute(db, "INSERT INTO written VALUES (?)", [of(event, hostile(text))]) do
        {:ok, _rows} -> :ok
        {:error, %{message: message}} -> raise message
      end
    after
      Driver.default().close(db)
    end
  end

  defp act("operate", step, app, event, _tx) do
    arguments = Scenario.resolve(step["args"] || %{}, %{"event" => event.id})

    case Scenario.run(step["op"], arguments, %{hooks: app.name, clock: app.clock}) do
      {:error, error} -> {:error, error}
      _done -> :ok
    end
  end

  defp act("try", given, app, event, tx) do
    result = tried(fn -> play(app, given["do"], event, tx) end)
    code = given["code"]

    cond do
      result == :ok -> note_mistake(app, "#{inspect(given)} did not fail")
      code == nil or match?({:error, %{code: ^code}}, result) -> :ok
      true -> note_mistake(app, "#{inspect(given)} gave #{inspect(result)}")
    end
  end

  defp act("close", true, app, _event, _tx) do
    spawn(fn -> Knocker.close(app.name) end)
    until(fn -> Knocker.closing?(app.name) end)
  end

  defp act("die", true, _app, _event, _tx) do
    System.cmd("kill", ["-9", System.pid()])
    Process.sleep(:infinity)
  end

  defp act(kind, _given, app, _event, _tx), do: note_mistake(app, "there is no action #{kind}")

  # An error of the test's own, which must not look like one of the handler's.
  defp note_mistake(app, text), do: Agent.update(app.account, &Map.update(&1, :mistakes, [text], fn mistakes -> [text | mistakes] end))

  @doc "Fails where a script did what it must not."
  def check_mistakes(app) do
    case Agent.get(app.account, & &1[:mistakes]) do
      nil -> :ok
      mistakes -> flunk(Enum.join(mistakes, "; "))
    end
  end

  defp tried(work) do
    work.()
  rescue
    error -> {:error, error}
  catch
    kind, reason -> {:error, {kind, reason}}
  end

  defp of(event, text), do: String.replace(text, "$event", Integer.to_string(event.id))

  # A text of the data, which may be one of a kind that JSON cannot hold.
  defp hostile(%{"hostile" => "lone_surrogate"}), do: "before \xff after"
  defp hostile(%{"hostile" => "nul"}), do: "before \0 after"
  defp hostile(%{"hostile" => "megabyte"}), do: String.duplicate("é", 500_000)
  defp hostile(text), do: text
end
