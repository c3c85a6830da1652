# frozen_string_literal: true

require "test_helper"
require "active_record"
require "knocker/active_record"

# Models of ActiveRecord in handlers.
class ActiveRecordTest < KnockerTest
  class Customer < ActiveRecord::Base
    has_many :orders, class_name: "ActiveRecordTest::Order"
  end

  class Order < ActiveRecord::Base
    LOG = [] # rubocop:disable Style/MutableConstant
    belongs_to :customer, class_name: "ActiveRecordTest::Customer", touch: true
    after_commit { LOG << [:committed, key, self.class.connection.open_transactions] }
    after_rollback { LOG << [:rolled_back, key] }
  end

  def setup
    super
    ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: @path, timeout: 5000)
    ActiveRecord::Base.connection.execute("PRAGMA journal_mode = WAL")
    ActiveRecord::Schema.verbose = false
    ActiveRecord::Schema.define do
      create_table(:customers) do |t|
        t.string :name
        t.timestamps
      end
      create_table(:orders) do |t|
        t.references :customer, foreign_key: true
        t.string :key
        t.timestamps
      end
    end
    Order::LOG.clear
    @hooks = Knocker::ActiveRecord.open(clock: @clock, logger: Logger.new(@log), synchronous: :normal)
    @opened << @hooks
    @inbox = @hooks.endpoint("inbox")
    @customer = Customer.create!(name: "Ada", updated_at: Time.at(0))
  end

  def teardown
    ActiveRecord::Base.remove_connection
    super
  end

  def keys = Order.order(:id).pluck(:key)

  def test_what_models_save_is_committed_with_the_event_and_rolled_back_with_it
    @inbox.on("paid") { |event| Order.create!(customer: @customer, key: event.key) }
    @inbox.on("refused") do |event|
      Order.create!(customer: @customer, key: event.key)
      raise "no"
    end
    ingest(@inbox, "1", type: "paid")
    ingest(@inbox, "2", type: "refused")
    assert_equal %i[handled failed], statuses
    assert_equal ["1"], keys
    assert_equal [[:committed, "1", 0], [:rolled_back, "2"]], Order::LOG
    assert_operator @customer.reload.updated_at, :>, Time.at(0), "what is saved at the commit belongs to it"
  end

  def test_handlers_of_a_backlog_share_a_commit_each_with_its_own_models
    ended = []
    told = []
    @inbox.on("paid") do |event|
      ended << @hooks.database.rows("SELECT count(*) FROM knocker_attempts").first.first
      told << Order::LOG.size
      Order.create!(customer: @customer, key: event.key)
      raise "no" if event.key == "5"
    end
    (1..7).each { |number| ingest(@inbox, number.to_s, type: "paid") }
    assert_equal %i[handled handled handled handled failed handled handled], statuses
    assert_equal %w[1 2 3 4 6 7], keys
    assert_equal [0, 1, 1, 3, 3, 3, 3], ended
    # After the commit, but for what is rolled back at once.
    assert_equal [0, 1, 1, 3, 3, 4, 4], told
    committed, rolled_back = Order::LOG.partition { |what, *| what == :committed }
    assert_equal([%w[1 2 3 4 6 7], ["5"]], [committed, rolled_back].map { |log| log.map { |_, key| key } })
    assert_equal([0], committed.map(&:last).uniq)
  end

  def test_models_and_tx_are_one_transaction_begun_at_the_first_query
    other = SQLite3::Database.new(@path)
    @inbox.on("paid") do |event, tx|
      # Nobody holds the write lock yet.
      other.execute("UPDATE customers SET name = 'Bea'")
      tx.execute("INSERT INTO customers (name, created_at, updated_at) VALUES ('Eve', 0, 0)")
      Order.create!(customer: Customer.find_by!(name: "Eve"), key: event.key)
      assert_equal [[1]], tx.execute("SELECT count(*) FROM orders")
    end
    ingest(@inbox, "1", type: "paid")
    assert_equal %i[handled], statuses
    assert_equal [%w[1 Eve]], Order.joins(:customer).pluck(:key, "customers.name")
    assert_equal "Bea", @customer.reload.name
  ensure
    other.close
  end

  def test_a_transaction_is_a_savepoint
    @inbox.on("paid") do |event|
      Order.create!(customer: @customer, key: event.key)
      Order.transaction do
        Order.create!(customer: @customer, key: "taken back")
        raise ActiveRecord::Rollback
      end
      begin
        Order.transaction do
          Order.create!(customer: @customer, key: "taken back, too")
          Order.transaction(requires_new: true) { Order.create!(customer: @customer, key: "inside") }
          raise ArgumentError
        end
      rescue ArgumentError
        Order.transaction { Order.create!(customer: @customer, key: "kept") }
      end
      assert_empty(Order::LOG.select { |what, *| what == :committed })
    end
    ingest(@inbox, "1", type: "paid")
    assert_equal %i[handled], statuses
    assert_equal %w[1 kept], keys
    assert_equal(%w[1 kept], Order::LOG.filter_map { |what, key| key if what == :committed })
  end

  def test_foreign_keys_hold_as_on_the_connections_of_active_record
    @inbox.on("paid") { |event| Order.new(customer_id: 999, key: event.key).save!(validate: false) }
    ingest(@inbox, "1", type: "paid")
    failed = drain(@hooks).first
    assert_instance_of ActiveRecord::InvalidForeignKey, failed.error
    assert_empty keys
  end

  def test_a_callback_that_fails_after_the_commit_leaves_the_event_handled
    @inbox.on("paid") do |event|
      order = Order.create!(customer: @customer, key: event.key)
      order.define_singleton_method(:committed!) { |**| raise "the mail server is away" }
    end
    ingest(@inbox, "1", type: "paid")
    assert_equal %i[handled], statuses
    assert_equal ["1"], keys
    assert_includes @log.string, "the mail server is away"
  end

  def test_models_are_on_their_own_connections_again_afterwards_and_in_other_threads
    inside = nil
    @inbox.on("paid") do |event|
      Order.create!(customer: @customer, key: event.key)
      inside = Thread.new { Order.connection_pool.with_connection { Order.count } }.value
    end
    ingest(@inbox, "1", type: "paid")
    assert_equal %i[handled], statuses
    assert_equal 0, inside, "another thread sees what is committed"
    assert_instance_of ActiveRecord::ConnectionAdapters::SQLite3Adapter, Order.connection
    assert_equal 0, Order.connection.open_transactions
  end

  def test_handlers_in_several_threads_have_a_connection_each
    @inbox.on("paid") { |event| Order.create!(customer: @customer, key: event.key) }
    20.times { |number| ingest(@inbox, number.to_s, type: "paid") }
    worker = @hooks.start_worker(concurrency: 4)
    wait_until("the last order") { Order.count == 20 }
    wait_until("the last event") { @hooks.events(status: :handled).count == 20 }
    worker.stop
    assert_equal (0...20).map(&:to_s).sort, keys.sort
  end

  def test_hooks_on_another_file_are_refused
    other = open_hooks(File.join(@folder, "other.db"))
    Knocker::ActiveRecord.attach(other)
    inbox = other.endpoint("inbox")
    inbox.on("paid") { |event| Order.create!(key: event.key) }
    ingest(inbox, "1", type: "paid")
    failed = drain(other).first
    assert_instance_of Knocker::UsageError, failed.error
    assert_includes failed.error.message, "open both on the same file"
  end

  def test_a_transaction_of_active_record_commits_a_job_of_leases_with_it
    ingest(@inbox, "1", type: "paid")
    leases = @hooks.leases("own")
    assert_equal 1, leases.claim(1, 60)
    job = leases.jobs.first
    Knocker.load(ActiveRecord::Base.connection.raw_connection)
    finish = lambda do |key, raises|
      Order.transaction do
        Order.create!(customer: @customer, key: key)
        ActiveRecord::Base.connection.execute("SELECT knocker_handled(#{job.id}, 'own', 5, #{@clock.now_ms})")
        raise ActiveRecord::Rollback if raises
      end
    end
    finish.call("rolled back", true)
    assert_equal :processing, @hooks.event(job.event.id).status
    finish.call("committed", false)
    assert_equal :handled, @hooks.event(job.event.id).status
    assert_equal ["committed"], keys
  end

  def test_idle_connections_are_closed_before_a_fork_and_work_again_on_both_sides
    skip "looks at files as Linux shows them" unless File.exist?("/proc/self/fd")
    other = Thread.new { Order.count }
    assert_equal [0, 0], [Order.count, other.value]
    open_files = -> { Dir["/proc/self/fd/*"].count { |fd| File.symlink?(fd) && File.readlink(fd).start_with?(@path) } }
    assert_operator open_files.call, :>, 0
    assert_equal [:returned, 0], in_child(&open_files)
    # What the child writes is there, since the parent's connections are new ones too.
    assert_equal [:returned, 1], in_child { Order.create!(customer: @customer, key: "of the child") && Order.count }
    assert_equal ["of the child"], keys
    Order.transaction do
      Order.create!(customer: @customer, key: "of the parent")
      in_child { nil }
    end
    assert_equal ["of the child", "of the parent"], keys
  end

  def test_children_write_models_beside_a_worker_of_their_parent
    @inbox.on("order") { |event| Order.create!(customer: @customer, key: event.key) }
    worker = @hooks.start_worker
    ingest(@inbox, "1")
    wait_until("the order") { keys == ["1"] }
    written = in_child { ingest(@inbox, "2") && Order.create!(customer: @customer, key: "of the child").key }
    assert_equal [:returned, "of the child"], written
    wait_until("the other order") { keys.sort == ["1", "2", "of the child"] }
    worker.stop
  end

  def test_only_a_file_of_sqlite_will_do
    error = assert_raises(Knocker::UsageError) do
      ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ":memory:")
      Knocker::ActiveRecord.open
    end
    assert_includes error.message, ":memory:"
  end
end
