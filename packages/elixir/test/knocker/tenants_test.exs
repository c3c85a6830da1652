defmodule Knocker.TenantsTest do
  # The log is everybody's.
  use ExUnit.Case, async: false

  import ExUnit.CaptureLog
  import Knocker.Waiting, only: [until: 1]

  alias Knocker.{Child, HTTP, JSON, LogCapture, Tenants, Testing}
  alias Knocker.Tenants.{Pattern, Schedule}

  @moduletag :tmp_dir
  @moduletag capture_log: true
  @moduletag timeout: 120_000
  @data Path.expand("../../../../extension/conformance/tenants", __DIR__)

  setup %{tmp_dir: folder} do
    File.mkdir_p!(Path.join(folder, "tenants"))
    :ok
  end

  defp data(name), do: @data |> Path.join("#{name}.json") |> File.read!() |> JSON.decode!()

  defp note_events(tenant, test), do: [inbox: [handler: fn event, _tx -> send(test, {:handled, tenant, event.key}) && :ok end]]

  defp start(context, options \\ []) do
    test = self()
    defaults = [name: context.test, files: Path.join(context.tmp_dir, "tenants/*.db"), endpoints: &note_events(&1, test), synchronous: :normal]
    start_supervised!({Tenants, Keyword.merge(defaults, options)}, id: make_ref())
    context.test
  end

  defp work(tenants, options \\ []), do: start_supervised!({Tenants.Worker, [tenants: tenants] ++ options}, id: make_ref())

  defp ingest(hooks, key), do: {:ok, _receipt} = Knocker.ingest(Knocker.endpoint(hooks, :inbox), %{valid: true, type: "order", key: key}, "{}")
  defp ingest_for(tenants, tenant, key), do: {:ok, _receipt} = Tenants.hooks(tenants, tenant, &ingest(&1, key))

  # By hooks of their own, as another process has them.
  defp receive_in(path, keys) do
    {:ok, _pid} = Knocker.start_link(name: path, database: path, endpoints: [inbox: []], synchronous: :normal)
    for key <- keys, do: ingest(path, key)
    Knocker.close(path)
  end

  # A file in one piece, as a backup is: what it holds is in no log beside it.
  defp backup_with(context, key) do
    [inbox, backup] = for kind <- ["inbox", "backup"], do: Path.join(context.tmp_dir, "#{key}.#{kind}")
    {:ok, _pid} = Knocker.start_link(name: inbox, database: inbox, endpoints: [inbox: []])
    ingest(inbox, key)
    Testing.rows!(inbox, "VACUUM INTO ?1", [backup])
    Knocker.close(inbox)
    backup
  end

  defp file(context, tenant), do: Path.join(context.tmp_dir, "tenants/#{tenant}.db")
  defp receive_for(context, tenant, keys), do: receive_in(file(context, tenant), keys)

  defp take(count) do
    for _ <- 1..count do
      assert_receive {:handled, tenant, key}, 60_000
      {tenant, key}
    end
  end

  defp post(tenants, target, options \\ %{}) do
    head = %{method: "POST", target: target, headers: [{"host", "shop.example"}, {"content-length", "2"}], scheme: :https, peer: nil}

    {answer, nil} =
      HTTP.respond_for(tenants, options[:tenant] || HTTP.tenant_of(target), HTTP.name_of(target), head, nil, fn nil, _, _ -> {{:ok, "{}"}, nil} end)

    answer
  end

  test "what a pattern stands for is as in the data", %{tmp_dir: folder} do
    for {one, n} <- Enum.with_index(data("patterns")["cases"]) do
      folder = Path.join(folder, "case-#{n}")

      for file <- one["files"], path = Path.join(folder, file) do
        File.mkdir_p!(Path.dirname(path))
        File.touch!(path)
      end

      {:ok, pattern} = Pattern.read(Path.join(folder, one["pattern"]))
      assert Pattern.names(pattern) == one["names"] |> Map.keys() |> Enum.sort()

      for {name, file} <- one["names"] do
        assert Pattern.file(pattern, name) == {:ok, Path.join(folder, file)}
        assert Pattern.name(pattern, Path.join(folder, file)) == name
      end
    end
  end

  test "what is no pattern, or no option, is refused" do
    endpoints = fn _tenant -> [] end

    for wrong <- data("patterns")["wrong"] ++ [nil, 1, "a\0*.db"],
        do: assert({:error, %Knocker.UsageError{}} = Tenants.start_link(files: wrong, endpoints: endpoints))

    for wrong <- [[endpoints: []], [max_open: 0], [database: "x"], [synchronous: :no], [other: 1]],
        do: assert({:error, %Knocker.UsageError{}} = Tenants.start_link([files: "tenants/*.db", endpoints: endpoints] |> Keyword.merge(wrong)))

    assert {:error, %Knocker.UsageError{}} = Tenants.Worker.start_link(tenants: :any, concurrency: 0)
    assert {:error, %Knocker.ClosedError{}} = Tenants.names(:nobody)
  end

  test "names of strangers reach no other file and make none", %{tmp_dir: folder} = context do
    given = data("names")
    for path <- given["folders"], do: File.mkdir_p!(Path.join(folder, path))

    for path <- given["files"], path = Path.join(folder, path) do
      File.mkdir_p!(Path.dirname(path))
      File.touch!(path)
    end

    for {link, to} <- given["links"], do: File.ln_s!(to, Path.join(folder, link))
    endpoints = fn _tenant -> [inbox: [provider: "token", secrets: "t"]] end
    tenants = start(context, files: Path.join(folder, given["pattern"]), endpoints: endpoints)
    before = Path.wildcard(Path.join(folder, "**"), match_dot: true)

    for %{"name" => name, "known" => known} <- given["cases"] do
      name = if is_map(name), do: String.duplicate(name["repeated"], name["times"]), else: name
      status = post(tenants, "/inbox", %{tenant: name}).status

      if known do
        # It names its endpoint, and proves nothing.
        assert {name, status} == {name, 401}
        assert {:ok, 1} = Tenants.hooks(tenants, name, &Enum.count(Knocker.deliveries(&1)))
      else
        assert {name, status} == {name, 404}
        assert {:error, %Knocker.UnknownTenantError{}} = Tenants.hooks(tenants, name, fn _hooks -> flunk() end)
      end
    end

    after_it = Path.wildcard(Path.join(folder, "**"), match_dot: true) |> Enum.reject(&String.ends_with?(&1, ["-wal", "-shm"]))
    assert after_it -- before == []
    assert File.stat!(Path.join(folder, "outside.db")).size == 0
    assert Tenants.names(tenants) == {:ok, Enum.sort(for %{"name" => name, "known" => true} <- given["cases"], do: name)}
    assert {:error, %Knocker.UnknownTenantError{}} = Tenants.create(tenants, "../new")
    assert {:error, %Knocker.UnknownTenantError{}} = Tenants.hooks(tenants, :acme, fn _hooks -> flunk() end)
  end

  test "the tenant is the part before the endpoint", context do
    tenants = start(context, endpoints: fn _tenant -> [inbox: [provider: "token", secrets: "t"]] end)
    for name <- ["acme", "a b"], do: assert(:ok = Tenants.create(tenants, name))

    for target <- ["/acme/inbox", "/acme/inbox/", "/x/acme/inbox?y=/z/u", "/a%20b/inbox"],
        do: assert({target, 401} == {target, post(tenants, target).status})

    for target <- ["/inbox", "/", "/acme", "/acme/other", "/acme%2Finbox", "/..%2Facme/inbox", "/%00/inbox", "/%ff/inbox", "/acme/inbox/more"],
        do: assert({target, 404} == {target, post(tenants, target).status})
  end

  test "a tenant is made once, and its endpoints are asked for each time its file is opened", context do
    test = self()

    endpoints = fn tenant ->
      send(test, {:opened, tenant})
      [inbox: []]
    end

    tenants = start(context, files: Path.join(context.tmp_dir, "tenants/*/app.db"), endpoints: endpoints, max_open: 1)
    for name <- ["acme", "zoe"], do: assert(:ok = Tenants.create(tenants, name))
    assert {:error, %Knocker.UsageError{}} = Tenants.create(tenants, "acme")
    for _ <- 1..2, do: ingest_for(tenants, "acme", "1")
    assert Tenants.names(tenants) == {:ok, ["acme", "zoe"]}
    for name <- ["acme", "zoe", "acme"], do: assert_received({:opened, ^name})
    refute_received {:opened, _name}
  end

  test "no more files are open than allowed, and none is closed under its user", context do
    tenants = start(context, max_open: 2, busy_timeout_ms: 2_000)
    for name <- ["a", "b", "c"], do: assert(:ok = Tenants.create(tenants, name))
    open = fn -> Enum.count(["a", "b", "c"], &File.exists?(file(context, &1) <> "-shm")) end

    Tenants.hooks(tenants, "a", fn hooks ->
      Tenants.hooks(tenants, "b", fn _hooks ->
        assert {:error, %Knocker.TooManyOpenError{retryable: true}} = Tenants.hooks(tenants, "c", fn _hooks -> flunk() end)
        {answer, log} = with_log(fn -> post(tenants, "/c/inbox") end)
        assert answer.status == 503
        assert {"retry-after", "5"} in answer.headers
        assert log =~ "all of the 2 files that may be open at once are in use"
      end)

      Tenants.hooks(tenants, "c", fn _hooks -> assert open.() == 2 end)
      assert {:ok, _stats} = Knocker.stats(hooks)
    end)

    assert open.() == 2
    stop_supervised(Tenants)
  end

  test "a body that comes slowly keeps no file open", context do
    tenants = start(context, max_open: 1, busy_timeout_ms: 5_000)
    for name <- ["a", "b"], do: assert(:ok = Tenants.create(tenants, name))
    head = %{method: "POST", target: "/a/inbox", headers: [{"host", "shop.example"}, {"content-length", "2"}], scheme: :https, peer: nil}
    receive = fn reading -> HTTP.respond_for(tenants, "a", "inbox", head, nil, fn nil, _, _ -> {{:ok, "{}"}, reading.()} end) end
    assert {%{status: status}, {:ok, :b_was_open}} = receive.(fn -> Tenants.hooks(tenants, "b", fn _hooks -> :b_was_open end) end)
    assert status == post(tenants, "/a/inbox").status
    # It may go while its body comes.
    assert {%{status: 404}, :ok} = receive.(fn -> File.rm(file(context, "a")) end)
    refute File.exists?(file(context, "a"))
  end

  test "who waits gets the place of who ends, also of one that is killed", context do
    tenants = start(context, max_open: 1, busy_timeout_ms: 60_000)
    for name <- ["a", "b"], do: assert(:ok = Tenants.create(tenants, name))
    test = self()

    user =
      spawn(fn ->
        Tenants.hooks(tenants, "a", fn _hooks ->
          send(test, :inside)
          Process.sleep(:infinity)
        end)
      end)

    assert_receive :inside, 10_000
    waiting = Task.async(fn -> Tenants.hooks(tenants, "b", &ingest(&1, "1")) end)
    assert Task.yield(waiting, 100) == nil
    Process.exit(user, :kill)
    assert {:ok, {:ok, %{outcome: :accepted}}} = Task.await(waiting, 30_000)
  end

  test "many processes use more files than may be open", context do
    tenants = start(context, max_open: 3, busy_timeout_ms: 60_000)
    names = for n <- 1..8, do: "t#{n}"
    for name <- names, do: assert(:ok = Tenants.create(tenants, name))

    1..12
    |> Enum.map(fn n -> Task.async(fn -> for k <- 0..7, do: ingest_for(tenants, Enum.at(names, rem(n * k, 8)), "#{n}-#{k}") end) end)
    |> Task.await_many(60_000)

    counts = for name <- names, do: elem(Tenants.hooks(tenants, name, &Enum.count(Knocker.events(&1))), 1)
    assert Enum.sum(counts) == 96
    assert context.tmp_dir |> Path.join("tenants/*-shm") |> Path.wildcard() |> length() <= 3
  end

  test "what the application's function raises is one tenant's trouble, and its words are in no log", context do
    endpoints = fn tenant -> if tenant == "bad", do: raise("s3cret"), else: [inbox: [provider: "token", secrets: "t"]] end
    tenants = start(context, endpoints: endpoints)
    assert :ok = Tenants.create(tenants, "good")
    assert {:error, %Knocker.UsageError{message: message}} = Tenants.create(tenants, "bad")
    refute message =~ "s3cret"
    {answer, log} = with_log(fn -> post(tenants, "/bad/inbox") end)
    assert answer.status == 500
    assert log =~ "RuntimeError"
    refute log =~ "s3cret"
    LogCapture.start()
    post(tenants, "/bad/inbox")
    assert [%{tenant: "bad", endpoint: "inbox"}] = for({_level, _text, %{record: "receipt_failed"} = meta} <- LogCapture.lines(), do: meta)
    refute Keyword.has_key?(Logger.metadata(), :tenant)
    assert post(tenants, "/good/inbox").status == 401
    File.write!(file(context, "damaged"), String.duplicate("no database", 1000))
    assert {%{status: 503}, _log} = with_log(fn -> post(tenants, "/damaged/inbox") end)
  end

  test "a file that is removed is unknown, and hooks that their user has closed are opened again", context do
    tenants = start(context)
    assert :ok = Tenants.create(tenants, "acme")
    ingest_for(tenants, "acme", "1")
    assert {:ok, :ok} = Tenants.hooks(tenants, "acme", &Knocker.close/1)
    ingest_for(tenants, "acme", "2")
    for path <- Path.wildcard(file(context, "acme") <> "*"), do: File.rm!(path)
    assert {:error, %Knocker.UnknownTenantError{}} = Tenants.hooks(tenants, "acme", &Knocker.stats/1)
    assert post(tenants, "/acme/inbox").status == 404
    refute File.exists?(file(context, "acme"))
  end

  test "the events of all tenants are handled once", context do
    names = for n <- 1..12, do: "t#{n}"
    for name <- names, do: receive_for(context, name, ["before"])
    tenants = start(context, max_open: 3)
    work(tenants, concurrency: 2)
    assert Enum.sort(take(12)) == Enum.sort(for name <- names, do: {name, "before"})
    for name <- names, do: receive_for(context, name, ["other"])
    assert Enum.sort(take(12)) == Enum.sort(for name <- names, do: {name, "other"})
    for name <- names, do: ingest_for(tenants, name, "own")
    assert Enum.sort(take(12)) == Enum.sort(for name <- names, do: {name, "own"})

    for name <- names do
      until(fn ->
        elem(Tenants.hooks(tenants, name, &Enum.map(Knocker.events(&1), fn event -> {event.status, event.attempts} end)), 1) ==
          List.duplicate({:handled, 1}, 3)
      end)
    end

    refute_received {:handled, _tenant, _key}
  end

  test "a file that is added while it runs is worked on, and one that is replaced is opened anew", context do
    tenants = start(context)
    work(tenants)
    receive_for(context, "new", ["1"])
    assert take(1) == [{"new", "1"}]
    backup = backup_with(context, "2")

    capture_log(fn ->
      File.rename!(backup, file(context, "new"))
      assert take(1) == [{"new", "2"}]
    end)

    for path <- Path.wildcard(file(context, "new") <> "*"), do: File.rm!(path)
    receive_for(context, "other", ["3"])
    assert take(1) == [{"other", "3"}]
    refute File.exists?(file(context, "new"))
  end

  test "a backup in the place of a file is taken without the log of the former one", context do
    tenants = start(context, endpoints: fn _tenant -> [inbox: []] end)
    work(tenants)
    events = fn -> Tenants.hooks(tenants, "acme", &Enum.map(Knocker.events(&1), fn event -> event.key end)) end

    for seen_gone <- [false, true] do
      key = "backup-#{seen_gone}"
      backup = backup_with(context, key)
      assert :ok = Tenants.create(tenants, "acme")
      ingest_for(tenants, "acme", "former")

      if seen_gone do
        File.rm!(file(context, "acme"))
        assert {:error, %Knocker.UnknownTenantError{}} = events.()
      end

      File.rename!(backup, file(context, "acme"))

      until(fn ->
        try do
          events.() == {:ok, [key]}
        rescue
          Knocker.FileReplacedError -> false
        end
      end)

      for path <- Path.wildcard(file(context, "acme") <> "*"), do: File.rm!(path)
    end
  end

  test "files in folders of their own are heard as well", context do
    tenants = start(context, files: Path.join(context.tmp_dir, "tenants/*/app.db"))
    work(tenants)
    assert :ok = Tenants.create(tenants, "acme")
    receive_in(Path.join(context.tmp_dir, "tenants/acme/app.db"), ["1"])
    assert take(1) == [{"acme", "1"}]
  end

  test "what fails is tried again in its time", context do
    test = self()

    endpoints = fn tenant ->
      handler = fn event, _tx -> if event.attempt == 1, do: {:error, "not yet"}, else: send(test, {:handled, tenant, event.attempt}) && :ok end
      [inbox: [backoff: %{base_s: 1, factor: 1}, handler: handler]]
    end

    tenants = start(context, endpoints: endpoints)
    assert :ok = Tenants.create(tenants, "acme")
    work(tenants)

    capture_log(fn ->
      ingest_for(tenants, "acme", "1")
      assert take(1) == [{"acme", 2}]
    end)
  end

  test "a long backlog keeps the others waiting for no longer than its turn", context do
    test = self()
    receive_for(context, "long", for(n <- 1..400, do: "#{n}"))
    others = for n <- 1..50, do: "t#{n}"
    for name <- others, do: receive_for(context, name, ["1"])

    endpoints = fn tenant ->
      handler = fn event, _tx ->
        if tenant == "long", do: Process.sleep(50)
        send(test, {:handled, tenant, event.key}) && :ok
      end

      [inbox: [handler: handler]]
    end

    work(start(context, max_open: 4, endpoints: endpoints))
    of_long = take_until(fn counts -> counts |> Map.delete("long") |> Enum.count() == 50 end)["long"] || 0
    assert of_long < 400
  end

  test "two long backlogs share one place", context do
    test = self()
    for name <- ["a", "b"], do: receive_for(context, name, for(n <- 1..200, do: "#{n}"))

    endpoints = fn tenant ->
      handler = fn event, _tx ->
        Process.sleep(20)
        send(test, {:handled, tenant, event.key}) && :ok
      end

      [inbox: [handler: handler]]
    end

    work(start(context, max_open: 1, endpoints: endpoints))
    seen = take_until(&(map_size(&1) == 2))
    assert seen |> Map.values() |> Enum.max() < 200
    # And the first one goes on.
    take_until(&(map_size(&1) == 2))
  end

  defp take_until(enough, counts \\ %{}) do
    if enough.(counts) do
      counts
    else
      [{tenant, _key}] = take(1)
      take_until(enough, Map.update(counts, tenant, 1, &(&1 + 1)))
    end
  end

  test "a damaged file and one whose endpoints are none are told of, and the others go on", context do
    File.write!(file(context, "damaged"), String.duplicate("no database", 1000))
    for name <- ["bad", "good"], do: receive_for(context, name, ["1"])
    broken = :counters.new(1, [])
    :counters.put(broken, 1, 1)
    test = self()
    endpoints = fn tenant -> if tenant == "bad" and :counters.get(broken, 1) == 1, do: raise("s3cret"), else: note_events(tenant, test) end
    tenants = start(context, endpoints: endpoints)

    log =
      capture_log(fn ->
        work(tenants)
        assert take(1) == [{"good", "1"}]
        Process.sleep(200)
      end)

    assert log =~ ~s(the tenant "damaged" is tried again in 1 s: #{file(context, "damaged")})
    assert log =~ ~s(the tenant "bad" is tried again in 1 s)
    assert log =~ "RuntimeError"
    refute log =~ "s3cret"

    capture_log(fn ->
      :counters.put(broken, 1, 0)
      assert take(1) == [{"bad", "1"}]
    end)
  end

  test "retention of a file in which nothing happens runs", context do
    path = file(context, "acme")
    clock = fn -> 1_700_000_000_000 end
    {:ok, _pid} = Knocker.start_link(name: path, database: path, endpoints: [inbox: []], clock: clock)
    {:ok, %{event_id: id}} = ingest(path, "old")
    {:ok, _transition} = Knocker.ignore(path, id)
    {:ok, _policy} = Knocker.retention(path, endpoint: "inbox", ignored_s: 60)
    Knocker.close(path)
    tenants = start(context, endpoints: fn _tenant -> [inbox: []] end)
    work(tenants)
    until(fn -> Tenants.hooks(tenants, "acme", &Enum.count(Knocker.events(&1))) == {:ok, 0} end)
  end

  test "after a SIGKILL in the middle another virtual machine goes on, and nothing is handled twice", context do
    names = ["a", "b", "c"]

    for name <- names do
      receive_for(context, name, ["1", "2", "3"])
      {:ok, _pid} = Knocker.start_link(name: name, database: file(context, name))
      Testing.rows!(name, "CREATE TABLE done (key TEXT PRIMARY KEY)")
      Knocker.close(name)
    end

    files = Path.join(context.tmp_dir, "tenants/*.db")
    child = Child.start("Knocker.Child.work_on_many(#{inspect(files)})")
    assert Enum.sort(for _ <- names, do: Child.line(child)) == names
    Child.kill(child)

    handler = fn event, tx -> with {:ok, _rows} <- Knocker.execute(tx, "INSERT INTO done (key) VALUES (?)", [event.key]), do: :ok end
    tenants = start(context, endpoints: fn _tenant -> [inbox: [handler: handler]] end)
    work(tenants)

    for name <- names do
      until(fn ->
        Tenants.hooks(tenants, name, &Enum.map(Knocker.events(&1), fn event -> event.status end)) == {:ok, [:handled, :handled, :handled]}
      end)

      assert {:ok, [["1"], ["2"], ["3"]]} = Tenants.hooks(tenants, name, &Testing.rows!(&1, "SELECT key FROM done ORDER BY key"))
    end
  end

  test "a file whose hooks fail while it is worked on is opened again", context do
    test = self()

    endpoints = fn tenant ->
      handler = fn event, _tx ->
        send(test, {:handled, tenant, event.attempt})
        if event.attempt == 1, do: Process.sleep(:infinity), else: :ok
      end

      [inbox: [handler: handler, backoff: %{base_s: 1, factor: 1}]]
    end

    receive_for(context, "acme", ["1"])
    tenants = start(context, endpoints: endpoints)
    work(tenants, lease_s: 1)
    assert take(1) == [{"acme", 1}]
    [{hooks, _}] = Registry.lookup(Knocker.Registry, Tenants.OpenFile.hooks_name(tenants, :working, "acme"))
    Process.exit(hooks, :kill)
    assert take(1) == [{"acme", 2}]
  end

  test "it is stopped as a worker is: what runs comes to its end", context do
    test = self()

    endpoints = fn tenant ->
      handler = fn event, _tx ->
        send(test, {:begun, self()})
        receive do: (:go_on -> :ok)
        send(test, {:handled, tenant, event.key}) && :ok
      end

      [inbox: [handler: handler]]
    end

    tenants = start(context, endpoints: endpoints)
    assert :ok = Tenants.create(tenants, "acme")
    ingest_for(tenants, "acme", "1")
    {:ok, worker} = Tenants.Worker.start_link(tenants: tenants)
    Process.unlink(worker)
    assert_receive {:begun, handler}, 10_000
    stopping = Task.async(fn -> GenServer.stop(worker, :shutdown, :infinity) end)
    assert Task.yield(stopping, 100) == nil
    send(handler, :go_on)
    assert Task.await(stopping, 30_000) == :ok
    assert take(1) == [{"acme", "1"}]
    assert Tenants.hooks(tenants, "acme", &Enum.map(Knocker.events(&1), fn event -> event.status end)) == {:ok, [:handled]}
  end

  describe "the schedule" do
    setup do
      {tenant, schedule} = %Schedule{} |> Schedule.change("acme", "/acme.db", 0) |> Schedule.next_look(:slow)
      %{tenant: tenant, schedule: schedule}
    end

    defp look_at(schedule, kind, now), do: schedule |> Schedule.tick(now) |> Schedule.next_look(kind)

    test "has each file looked at on a tour, with its retention", %{tenant: tenant, schedule: schedule} do
      assert tenant.tour
      schedule = Schedule.looked(schedule, "acme", nil, 0)
      assert {nil, schedule} = look_at(schedule, :slow, 200_000)
      assert {%{name: "acme", tour: true}, _schedule} = look_at(schedule, :slow, 601_000)
    end

    test "has a change during a look or a turn looked for after it", %{schedule: schedule} do
      schedule = schedule |> Schedule.change("acme", "/acme.db", 0) |> Schedule.looked("acme", nil, 0)
      assert {%{tour: false}, schedule} = Schedule.next_look(schedule, :urgent)
      assert {%{name: "acme"}, schedule} = schedule |> Schedule.looked("acme", 0, 0) |> Schedule.next_turn()
      schedule = schedule |> Schedule.change("acme", "/acme.db", 0) |> Schedule.turned("acme", ["inbox"], nil, 0)
      assert {%{handled: ["inbox"]}, _schedule} = Schedule.next_look(schedule, :urgent)
    end

    test "has a change looked for again for a while, and leaves the place of a look to others meanwhile", %{schedule: schedule} do
      schedule = schedule |> Schedule.looked("acme", nil, 0) |> Schedule.change("acme", "/acme.db", 0)
      assert {%{fresh: true}, schedule} = Schedule.next_look(schedule, :urgent)

      {now, schedule} =
        Enum.reduce([50, 100, 500], {0, schedule}, fn pause, {now, schedule} ->
          schedule = Schedule.looked(schedule, "acme", nil, now)
          assert {nil, _schedule} = look_at(schedule, :urgent, now + pause - 1)
          assert {%{name: "acme", fresh: false}, schedule} = look_at(schedule, :urgent, now + pause)
          {now + pause, schedule}
        end)

      assert {nil, _schedule} = schedule |> Schedule.looked("acme", nil, now) |> look_at(:urgent, now + 100_000)
    end

    test "gives a turn when something is due", %{schedule: schedule} do
      schedule = Schedule.looked(schedule, "acme", 5_000, 0)
      assert {nil, _schedule} = schedule |> Schedule.tick(4_900) |> Schedule.next_turn()
      assert {%{name: "acme"}, _schedule} = schedule |> Schedule.tick(5_000) |> Schedule.next_turn()
    end

    test "makes pauses after failures that grow to a minute, and begin anew after a turn", %{schedule: schedule} do
      {pauses, schedule} =
        Enum.map_reduce(0..7, schedule, fn n, schedule ->
          now = n * 100_000
          {_tenant, schedule} = schedule |> Schedule.looked("acme", 0, now) |> Schedule.next_turn()
          {pause, schedule} = Schedule.failed(schedule, "acme", now)
          # A change is no reason to try earlier.
          schedule = Schedule.change(schedule, "acme", "/acme.db", now)
          assert {nil, schedule} = look_at(schedule, :urgent, now + pause - 1)
          assert {%{name: "acme"}, schedule} = look_at(schedule, :urgent, now + pause)
          {pause, schedule}
        end)

      assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
      assert {1_000, _schedule} = schedule |> Schedule.turned("acme", [], nil, 900_000) |> Schedule.failed("acme", 900_000)
    end
  end
end
