# frozen_string_literal: true

require "test_helper"
require "open3"

# A whole app of Rails, from the generator on, in processes of its own.
class RailsTest < Minitest::Test
  APP = File.expand_path("apps/rails", __dir__)
  SIGNED = <<~RUBY
    def deliver(id)
      body = { id: id, type: "checkout.session.completed", data: { object: { id: "cs_\#{id}" } } }
      signed = Knocker::Testing.sign("stripe", body, "whsec_test")
      headers = signed.headers.to_h { |name, value| ["HTTP_" + name.upcase.tr("-", "_"), value] }
      Rack::MockRequest.new(Rails.application).post("/webhooks/stripe", { :input => signed.body, "HTTP_HOST" => "shop.example" }.merge(headers))
    end
    require "knocker/testing"
  RUBY

  def setup
    @folder = Dir.mktmpdir("knocker-rails-")
    FileUtils.cp_r("#{APP}/.", @folder)
    File.write(File.join(@folder, "Procfile.dev"), "web: bin/rails server\n")
    rails("generate", "knocker:install")
  end

  def teardown
    FileUtils.remove_entry(@folder)
  end

  def environment(**more)
    lib = File.expand_path("../lib", __dir__)
    { "RUBYLIB" => lib, "RUBYOPT" => "-W0", "STRIPE_WEBHOOK_SECRET" => "whsec_test", **more.transform_keys(&:to_s) }
  end

  def rails(*arguments, **more)
    output, status = Open3.capture2e(environment(**more), Gem.ruby, "bin/rails", *arguments, chdir: @folder)
    assert status.success?, "rails #{arguments.first}: #{output[0, 800]}"
    output
  end

  def runner(code, **more)
    script = File.join(@folder, "run.rb")
    File.write(script, SIGNED + code)
    rails("runner", script, **more)
  end

  def read(path) = File.read(File.join(@folder, path))

  # What the generator's comment shows.
  def declare
    path = File.join(@folder, "config/initializers/knocker.rb")
    File.write(path, File.read(path).gsub(/^# ?(stripe|  Order|end|$)/, '\1'))
  end

  def test_the_generated_app_receives_and_its_models_are_committed_with_the_event
    assert_includes read("config/routes.rb"), 'mount WEBHOOKS.rack => "/webhooks"'
    assert_equal "web: bin/rails server\nwebhooks: bundle exec knocker-worker config/environment.rb\n", read("Procfile.dev")
    declare
    rails("db:migrate")
    output = runner(<<~RUBY)
      puts "answered \#{deliver("evt_1").status}, \#{deliver("evt_1").status}"
      puts "before: \#{Order.count}"
      puts "drained: \#{Knocker::Testing.drain(WEBHOOKS).map(&:status)}"
      puts "orders: \#{Order.pluck(:checkout)}"
      WEBHOOKS.endpoints["stripe"].on("checkout.session.completed") { |event| raise "no" if event.json["id"] == "evt_2" }
      deliver("evt_2")
      puts "drained: \#{Knocker::Testing.drain(WEBHOOKS).map(&:status)}"
      puts "orders: \#{Order.pluck(:checkout)}"
      puts "in SQL: \#{ActiveRecord::Base.connection.select_value("SELECT knocker_version()")}"
    RUBY
    ["answered 200, 200", "before: 0", "drained: [:handled]", 'orders: ["cs_evt_1"]', "order cs_evt_1 is committed", "drained: [:failed]",
     "in SQL: #{Knocker::VERSION}"].each { |wanted| assert_includes output, wanted }
    assert_equal 2, output.scan('orders: ["cs_evt_1"]').size
    refute_includes output, "order cs_evt_2 is committed"
  end

  def test_the_worker_loads_the_app
    declare
    rails("db:migrate")
    runner('puts deliver("evt_1").status')
    output = File.join(@folder, "worker.log")
    pid = spawn(environment, Gem.ruby, File.expand_path("../exe/knocker-worker", __dir__), "config/environment.rb",
                chdir: @folder, %i[out err] => output, pgroup: true)
    Timeout.timeout(120, nil, "the order never came") { sleep(0.05) until File.read(output).include?("order cs_evt_1 is committed") }
    Process.kill(:TERM, pid)
    assert Process.wait2(pid).last.success?, File.read(output)
    pid = nil
  ensure
    Process.kill(:KILL, -pid) if pid
  end

  def test_the_tables_of_knocker_are_no_part_of_the_schema_in_either_format
    declare
    rails("db:migrate")
    schema = read("db/schema.rb")
    assert_includes schema, 'create_table "orders"'
    refute_match(/knocker|honker/, schema)
    rails("db:schema:dump", SCHEMA_FORMAT: "sql")
    structure = read("db/structure.sql")
    assert_includes structure, 'CREATE TABLE IF NOT EXISTS "orders"'.sub("IF NOT EXISTS ", "")
    refute_match(/knocker|honker/, structure)

    output = runner(<<~RUBY, RAILS_ENV: "test")
      ActiveRecord::Tasks::DatabaseTasks.load_schema_current
      puts "answered \#{deliver("evt_1").status}"
      puts "drained: \#{Knocker::Testing.drain(WEBHOOKS).map(&:status)}, orders: \#{Order.count}"
    RUBY
    assert_includes output, "answered 200\ndrained: [:handled], orders: 1"
  end

  def test_a_schema_that_was_dumped_with_them_is_put_right
    rails("db:migrate")
    output = runner(<<~RUBY)
      ActiveRecord::SchemaDumper.ignore_tables = []
      dumped = StringIO.new
      ActiveRecord::SchemaDumper.dump(ActiveRecord::Base.connection, dumped)
      puts "dumped: \#{dumped.string.include?("_knocker_events")}"
      ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: "db/other.sqlite3")
      eval(dumped.string)
      other = Knocker::ActiveRecord.open
      { "_knocker_endpoints" => "name TEXT NOT NULL UNIQUE", "_knocker_events" => "CHECK (status = 'received'" }.each do |table, kept|
        puts ActiveRecord::Base.connection.select_value("SELECT sql FROM sqlite_master WHERE name = '\#{table}'").include?(kept)
      end
      inbox = other.endpoint("inbox")
      inbox.on("*") { |event| Order.create!(checkout: event.key) }
      2.times { inbox.ingest("{}", valid: true, type: "t", key: "k") }
      puts "drained: \#{Knocker::Testing.drain(other).map(&:status)}, orders: \#{Order.pluck(:checkout)}"
    RUBY
    assert_includes output, "dumped: true"
    assert_includes output, "true\ntrue\ndrained: [:handled], orders: [\"k\"]"
  end
end
