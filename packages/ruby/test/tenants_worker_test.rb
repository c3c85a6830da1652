# frozen_string_literal: true

require "test_helper"

# One worker for a folder of files, one a tenant.
class TenantsWorkerTest < KnockerTest
  def setup
    super
    @tenants_folder = File.join(@folder, "tenants")
    Dir.mkdir(@tenants_folder)
    @handled = Thread::Queue.new
  end

  def open_many(**settings, &set_up)
    set_up ||= method(:note_events)
    tenants = Knocker.open_many(File.join(@tenants_folder, "*.db"), set_up, logger: Logger.new(@log), synchronous: :normal, **settings)
    @opened << tenants
    tenants
  end

  def note_events(hooks, tenant)
    hooks.endpoint("inbox").on("*") { |event, _tx| @handled.push([tenant, event.key]) }
  end

  def path(tenant) = File.join(@tenants_folder, "#{tenant}.db")

  # Receives with hooks of their own, as another process would.
  def receive(tenant, *keys) = receive_at(path(tenant), *keys)

  def receive_at(path, *keys)
    hooks = Knocker.open(path, logger: false, synchronous: :normal)
    inbox = hooks.endpoint("inbox")
    keys.each { |key| inbox.ingest("{}", valid: true, type: "order", key: key) }
  ensure
    hooks&.close
  end

  def take(count) = Timeout.timeout(PATIENCE_S) { Array.new(count) { @handled.pop } }

  def statuses(tenants, name) = tenants.hooks(name) { |hooks| hooks.events.map(&:status) }

  def test_the_events_of_all_tenants_are_handled_once
    names = Array.new(12) { |n| "t#{n}" }
    names.each { |name| receive(name, "before") }
    tenants = open_many(max_open: 3)
    tenants.start_worker(concurrency: 2)
    assert_equal names.map { |name| [name, "before"] }.sort, take(12).sort
    # By another process, in a file that is idle, and by the same one.
    names.each { |name| receive(name, "other") }
    assert_equal names.map { |name| [name, "other"] }.sort, take(12).sort
    names.each { |name| tenants.hooks(name) { |hooks| hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order", key: "own") } }
    assert_equal names.map { |name| [name, "own"] }.sort, take(12).sort
    tenants.close
    assert_empty @handled
    hooks = Knocker.open(path("t3"), logger: false)
    assert_equal([[:handled, 1]] * 3, hooks.events.map { |event| [event.status, event.attempts] })
  ensure
    hooks&.close
  end

  def test_a_file_that_is_added_while_it_runs_is_worked_on
    tenants = open_many
    worker = tenants.start_worker
    receive("new", "1")
    assert_equal [%w[new 1]], take(1)
    assert worker.running?
    tenants.create("newer")
    receive("newer", "2")
    assert_equal [%w[newer 2]], take(1)
    worker.stop
    refute worker.running?
    assert_raises(Knocker::UsageError) { worker.start }
  end

  def test_a_worker_that_does_not_run_keeps_nothing_of_what_it_is_told
    tenants = open_many
    tenants.create("acme")
    workers = [tenants.worker, tenants.start_worker.tap(&:stop)]
    3.times { tenants.hooks("acme") { nil } }
    told = workers.map { |worker| worker.instance_variable_get(:@mailbox).take(0) }
    assert_empty told.flatten(1).compact
  end

  def test_a_backup_in_the_place_of_a_file_is_taken_without_the_log_of_the_former_one
    [false, true].each do |seen_gone|
      backup = File.join(@folder, "backup")
      receive_at(backup, "backup")
      tenants = open_many { |hooks, _| hooks.endpoint("inbox") }
      tenants.create("acme")
      tenants.start_worker
      tenants.hooks("acme") { |hooks| hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order", key: "former") }
      if seen_gone
        File.delete(path("acme"))
        assert_raises(Knocker::UnknownTenantError) { tenants.hooks("acme") { flunk } }
      end
      File.rename(backup, path("acme"))
      wait_until("the backup is taken") do
        tenants.hooks("acme") { |hooks| hooks.events.map(&:key) } == ["backup"]
      rescue Knocker::FileReplacedError
        false
      end
      tenants.close
      File.delete(path("acme"))
    end
  end

  def test_what_fails_is_tried_again_in_its_time
    tenants = open_many do |hooks, tenant|
      hooks.endpoint("inbox", backoff: { base_s: 1, factor: 1 }).on("*") do |event|
        raise "not yet" if event.attempt == 1

        @handled.push([tenant, event.attempt])
      end
    end
    tenants.create("acme")
    tenants.hooks("acme") { |hooks| hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order", key: "1") }
    tenants.start_worker
    assert_equal [["acme", 2]], take(1)
  end

  def test_no_more_files_are_worked_on_at_once_than_may_be_open
    at_once = most = 0
    lock = Mutex.new
    tenants = open_many(max_open: 2) do |hooks, tenant|
      lock.synchronize { most = [most, at_once += 1].max }
      note_events(hooks, tenant)
      hooks.database.singleton_class.prepend(Module.new { define_method(:close) { super().tap { lock.synchronize { at_once -= 1 } } } })
    end
    Array.new(9) { |n| receive("t#{n}", "1") }
    tenants.start_worker
    take(9)
    tenants.stop_workers
    assert_equal 2, most
    assert_equal 0, at_once
  end

  def test_a_long_backlog_keeps_the_others_waiting_for_no_longer_than_its_turn
    receive("long", *Array.new(400) { |n| "long-#{n}" })
    others = Array.new(50) { |n| "t#{n}" }
    others.each { |name| receive(name, "1") }
    tenants = open_many(max_open: 4) do |hooks, tenant|
      hooks.endpoint("inbox").on("*") do |event|
        # Long enough for a backlog of more than all the turns of the others.
        sleep(0.05) if tenant == "long"
        @handled.push([tenant, event.key])
      end
    end
    tenants.start_worker
    of_others = of_long = 0
    Timeout.timeout(PATIENCE_S) { @handled.pop.first == "long" ? of_long += 1 : of_others += 1 until of_others == 50 }
    assert_operator of_long, :<, 400
  end

  def test_two_long_backlogs_share_one_place
    %w[a b].each { |name| receive(name, *Array.new(200, &:to_s)) }
    tenants = open_many(max_open: 1) do |hooks, tenant|
      hooks.endpoint("inbox").on("*") do |event|
        sleep(0.02)
        @handled.push([tenant, event.key])
      end
    end
    tenants.start_worker
    seen = Hash.new(0)
    Timeout.timeout(PATIENCE_S) { seen[@handled.pop.first] += 1 until seen.size == 2 }
    assert_operator seen.values.max, :<, 200
    # And the first one goes on.
    before = seen.dup
    Timeout.timeout(PATIENCE_S) { seen[@handled.pop.first] += 1 until before.all? { |name, count| seen[name] > count } }
  end

  def test_another_process_goes_on_after_one_that_was_killed
    names = Array.new(4) { |n| "t#{n}" }
    names.each { |name| receive(name, *%w[1 2 3]) }
    reader, writer = IO.pipe
    pid = fork do
      tenants = Knocker.open_many(File.join(@tenants_folder, "*.db"), logger: false) do |hooks, tenant|
        hooks.endpoint("inbox").on("*") do |event, tx|
          tx.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT)")
          tx.execute("INSERT INTO orders VALUES (?)", [event.key])
          # The first of each is in the middle when it is killed.
          if event.key == "2"
            writer.puts(tenant)
            sleep
          end
        end
      end
      tenants.start_worker(lease_s: 1)
      sleep
    end
    writer.close
    4.times { reader.gets }
    Process.kill(:KILL, pid)
    Process.wait(pid)
    tenants = open_many do |hooks, tenant|
      hooks.endpoint("inbox").on("*") do |event, tx|
        tx.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT)")
        tx.execute("INSERT INTO orders VALUES (?)", [event.key])
        @handled.push(tenant)
      end
    end
    tenants.start_worker
    names.each do |name|
      wait_until("#{name} to be through") { statuses(tenants, name) == [:handled] * 3 }
      assert_equal(%w[1 2 3], tenants.hooks(name) { |hooks| hooks.database.rows("SELECT id FROM orders ORDER BY id").flatten }, name)
    end
  end

  def test_a_damaged_file_and_one_that_cannot_be_set_up_are_told_of_and_the_others_go_on
    File.write(path("damaged"), "no database" * 1000)
    %w[bad good].each { |name| receive(name, "1") }
    broken = true
    tenants = open_many do |hooks, tenant|
      raise KeyError, "s3cret" if tenant == "bad" && broken

      note_events(hooks, tenant)
    end
    tenants.start_worker
    assert_equal [%w[good 1]], take(1)
    wait_until("both to be told of") { @log.string.include?("tenant damaged: ") && @log.string.include?("tenant bad: ") }
    assert_match(/tenant damaged: #{path("damaged")} is tried again in 1 s: (sqlite_error|corrupt): /, @log.string)
    assert_match(/tenant bad: .*KeyError at .*tenants_worker_test/, @log.string)
    refute_includes @log.string, "s3cret"
    broken = false
    assert_equal [%w[bad 1]], take(1)
  end

  def test_a_file_that_is_removed_is_forgotten_and_one_that_is_replaced_is_opened_anew
    receive("acme", "1")
    tenants = open_many
    tenants.start_worker
    take(1)
    aside = File.join(@folder, "aside.db")
    receive_at(aside, "2")
    File.rename(aside, path("acme"))
    assert_equal [%w[acme 2]], take(1)
    File.delete(*Dir["#{path("acme")}*"])
    receive("other", "3")
    assert_equal [%w[other 3]], take(1)
    refute File.exist?(path("acme"))
  end

  def test_retention_of_a_file_in_which_nothing_happens_runs
    receive("acme", "1")
    hooks = Knocker.open(path("acme"), logger: false, clock: -> { 1_700_000_000_000 })
    hooks.endpoint("inbox").on("*") { nil }
    # Received long ago, and ignored then.
    old = hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order", key: "old").event_id
    hooks.ignore(old)
    hooks.retention("inbox", ignored_s: 60)
    hooks.close
    tenants = open_many { |opened, _| opened.endpoint("inbox") }
    tenants.start_worker
    wait_until("the event to be pruned") { tenants.hooks("acme") { |opened| opened.events.map(&:key) } == ["1"] }
  end

  def test_a_handler_may_ask_for_the_end
    worker = nil
    tenants = open_many do |hooks, tenant|
      hooks.endpoint("inbox").on("*") do |event|
        worker.stop
        @handled.push([tenant, event.key])
      end
    end
    receive("acme", "1")
    worker = tenants.worker
    runner = Thread.new { worker.run }
    take(1)
    assert runner.join(PATIENCE_S), "it did not end"
    assert_equal [:handled], statuses(tenants, "acme")
  end

  def test_hooks_that_a_handler_closes_are_opened_again
    tenants = open_many do |hooks, tenant|
      hooks.endpoint("inbox").on("*") do |event|
        hooks.close if event.key == "1" && event.attempt == 1
        @handled.push([tenant, event.key])
      end
    end
    receive("acme", "1", "2")
    # What was claimed then is its own until the lease runs out.
    tenants.start_worker(share_commits: false, lease_s: 1)
    seen = take(1)
    seen += take(1) until seen.last == %w[acme 2]
    assert_equal %w[acme 1], seen.first
  end

  def test_a_fork_while_it_works_leaves_it_working_and_the_child_free
    tenants = open_many
    tenants.start_worker
    receive("acme", "1")
    take(1)
    outcome = in_child do
      tenants.hooks("acme") { |hooks| hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order", key: "child") }
      tenants.stop_workers
      true
    end
    assert_equal [:returned, true], outcome
    assert_equal [%w[acme child]], take(1)
  end

  def test_a_daemon_goes_on_with_all_files
    receive("acme", "1")
    outcome = in_child do
      tenants = open_many
      worker = tenants.start_worker
      before = take(1)
      Process.daemon(true, true)
      tenants.hooks("acme") { |hooks| hooks.endpoints["inbox"].ingest("{}", valid: true, type: "order", key: "2") }
      before += take(1)
      tenants.create("new")
      receive("new", "3")
      before += take(1)
      worker.stop
      tenants.close
      before
    end
    assert_equal [:returned, [%w[acme 1], %w[acme 2], %w[new 3]]], outcome
  end

  def test_worker_and_command_know_each_other
    tenants = open_many
    assert_includes Knocker::Tenants.opened, tenants
    tenants.close
    refute_includes Knocker::Tenants.opened, tenants
  end
end

# What is done next, and when.
class TenantsScheduleTest < Minitest::Test
  def setup
    @schedule = Knocker::Tenants::Schedule.new
    @schedule.change("acme", "/acme.db", 0.0)
    @tenant = @schedule.next_look
  end

  def look_at(now)
    @schedule.tick(now)
    @schedule.next_look
  end

  def test_each_file_is_looked_at_on_a_tour_with_its_retention
    assert @tenant.tour
    @schedule.looked(@tenant, nil, 0.0)
    refute @tenant.tour
    assert_nil look_at(200.0)
    assert_same @tenant, look_at(601.0)
    assert @tenant.tour
  end

  def test_a_change_is_looked_for_until_its_commit_can_be_seen
    @schedule.looked(@tenant, nil, 0.0)
    @schedule.change("acme", "/acme.db", 1.0)
    now = 1.0
    [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5].each do |later|
      assert_same @tenant, look_at(now)
      @schedule.looked(@tenant, nil, now)
      assert_nil look_at(now + later - 0.001)
      now += later
    end
    assert_same @tenant, look_at(now)
    @schedule.looked(@tenant, nil, now)
    assert_nil look_at(now + 100)
  end

  def test_a_change_during_a_look_or_a_turn_is_looked_for_after_it
    @schedule.change("acme", "/acme.db", 0.0)
    @schedule.looked(@tenant, nil, 0.0)
    assert_same @tenant, @schedule.next_look
    @schedule.looked(@tenant, 0, 0.0)
    assert_same @tenant, @schedule.next_turn
    @schedule.change("acme", "/acme.db", 0.0)
    @schedule.turned(@tenant, ["inbox"], nil, 0.0)
    assert_same @tenant, @schedule.next_look
  end

  def test_a_file_has_a_turn_when_something_in_it_is_due
    @schedule.looked(@tenant, 5000, 0.0)
    @schedule.tick(4.9)
    assert_nil @schedule.next_turn
    @schedule.tick(5.0)
    assert_same @tenant, @schedule.next_turn
  end

  def test_pauses_after_failures_grow_to_a_minute_and_begin_anew_after_a_turn
    pauses = Array.new(8) do |n|
      @schedule.looked(@tenant, 0, n * 100.0)
      @schedule.next_turn
      pause_s = @schedule.failed(@tenant, n * 100.0)
      @schedule.change("acme", "/acme.db", n * 100.0)
      assert_nil look_at((n * 100.0) + pause_s - 0.001), "a change is no reason to try earlier"
      assert_same @tenant, look_at((n * 100.0) + pause_s)
      pause_s
    end
    assert_equal [1, 2, 4, 8, 16, 32, 60, 60], pauses
    @schedule.turned(@tenant, [], nil, 900.0)
    assert_equal 1, @schedule.failed(@tenant, 900.0)
  end
end
