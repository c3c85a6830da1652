defmodule Knocker.TelemetryStory do
  @moduledoc false
  # What a case of the telemetry does to hooks, and beside them.

  import ExUnit.Assertions
  import Knocker.ConformanceData, only: [strictly: 2]

  alias Knocker.{Driver, FileReplacedError, HTTP, Leases, LogCapture, Testing, Waiting}

  @body ~s({"customer": "never-to-be-logged"})

  def begin(one, context) do
    hook = if one["hooks_fail"], do: fn _first, _second -> raise "the hook is broken" end
    # Nobody waits for the lock but for one that is kept.
    locked = one["handler"] == "keeps_lock" or Enum.any?(one["steps"], & &1["work"]["locked"])
    patience = if locked, do: 50, else: 60_000
    name = {__MODULE__, make_ref()}
    settings = settings(one["endpoint"]) ++ secrets(one["secrets"]) ++ [handler: {"order.*", handler(one["handler"], name)}]
    options = [name: name, busy_timeout_ms: patience, on_error: hook, on_dead: hook, endpoints: [inbox: settings]]
    %{knocker_file: path} = Testing.setup(context, options)
    %{hooks: name, path: path, settings: settings}
  end

  defp settings(given), do: for({key, value} <- given || %{}, do: {String.to_atom(key), value})

  defp secrets(nil), do: []
  defp secrets("fails"), do: [secrets: fn _request -> raise "no never-to-be-logged in the vault" end]
  defp secrets(secrets), do: [secrets: secrets]

  # Where the case has not done so.
  def finish(story), do: ExUnit.Callbacks.stop_supervised(story.hooks)

  def take(%{hooks: hooks}, %{"ingest" => fields}) do
    fields = Map.new(fields, fn {key, value} -> {String.to_atom(key), value_of(key, value)} end)

    Waiting.until(fn ->
      case Knocker.ingest(Knocker.endpoint(hooks, :inbox), fields, @body) do
        {:ok, _receipt} -> true
        # Until the new one is open.
        {:error, %FileReplacedError{}} -> false
      end
    end)
  end

  def take(%{hooks: hooks}, %{"drain" => results}) do
    {:ok, attempts} = Knocker.drain(hooks)
    assert Enum.map(attempts, &to_string(&1.status)) == results
  end

  # Starts a worker, and stops it once the log has that record.
  def take(story, %{"work" => given}) do
    strictly(given, ~w(until locked lease_s))
    raw = if given["locked"], do: connect(story, ["BEGIN IMMEDIATE"])
    ExUnit.Callbacks.start_supervised!({Knocker.Worker, hooks: story.hooks, lease_s: given["lease_s"] || 60, id: :worker})
    Waiting.until(fn -> LogCapture.said?(given["until"]) end)
    :ok = ExUnit.Callbacks.stop_supervised(:worker)
    if raw, do: Driver.default().close(raw)
  end

  def take(story, %{"declare" => others}),
    do: {:ok, _endpoint} = Knocker.endpoint(story.hooks, :inbox, Keyword.merge(story.settings, settings(others)))

  def take(story, %{"read" => true}), do: connect(story, ["BEGIN", "SELECT count(*) FROM sqlite_schema"])

  def take(story, %{"replace_file" => true}) do
    other = story.path <> ".new"
    name = {__MODULE__, make_ref()}
    ExUnit.Callbacks.start_supervised!({Knocker, name: name, database: other}, id: name)
    :ok = ExUnit.Callbacks.stop_supervised(name)
    File.rename!(other, story.path)
  end

  def take(story, %{"close" => true}), do: :ok = Knocker.close(story.hooks)

  def take(story, %{"request" => status}) do
    head = %{method: "POST", target: "/inbox", headers: [{"host", "app.test"}, {"content-length", "0"}], scheme: :http, peer: {127, 0, 0, 1}}
    {answer, nil} = HTTP.respond(story.hooks, "inbox", head, nil, fn nil, _limit, _timeout -> {{:ok, ""}, nil} end)
    assert answer.status == status
  end

  def take(story, %{"scrape" => status}), do: assert(HTTP.Metrics.respond(story.hooks, nil).status == status)

  defp value_of("reason", reason), do: String.to_atom(reason)
  defp value_of(_key, value), do: value

  defp connect(%{path: path}, statements) do
    {:ok, db} = Driver.default().open(path, busy_timeout_ms: 5_000)
    for statement <- statements, do: {:ok, _rows} = Driver.default().execute(db, statement, [])
    db
  end

  defp handler("returns", _hooks), do: fn _event, _tx -> :ok end
  defp handler("fails", _hooks), do: fn _event, _tx -> raise "broken" end
  defp handler("retries", _hooks), do: fn _event, _tx -> {:retry, 60, "later"} end
  defp handler("dead", _hooks), do: fn _event, _tx -> {:dead, "never"} end
  defp handler("ignores", _hooks), do: fn _event, _tx -> {:ignore, "of no interest"} end

  # Another worker takes the job, and this one notices.
  defp handler("loses_lease", hooks) do
    fn _event, _tx ->
      [[worker]] = Testing.rows!(hooks, "SELECT worker FROM knocker_jobs")
      {:ok, 1} = Leases.release(hooks, worker)
      {:ok, 1} = Leases.claim(hooks, "another", 1, 60)
      Waiting.until(fn -> LogCapture.said?("lease_lost") end)
      :ok
    end
  end

  # Another connection has the write lock, and this worker notices.
  defp handler("keeps_lock", hooks) do
    fn _event, _tx ->
      [[_seq, "main", path] | _temporary] = Testing.rows!(hooks, "PRAGMA database_list")
      db = connect(%{path: path}, ["BEGIN IMMEDIATE"])
      Waiting.until(fn -> LogCapture.said?("leases_not_extended") end)
      Driver.default().close(db)
      :ok
    end
  end
end
