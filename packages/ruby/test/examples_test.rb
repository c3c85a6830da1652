# frozen_string_literal: true

require "test_helper"
require "json"
require "net/http"
require "open3"

# The examples as a person runs them: puma, a worker, and the requests of providers over HTTP.
class ExamplesTest < KnockerTest
  EXAMPLES = File.expand_path("../../../examples/ruby", __dir__)
  CHECKOUT = File.read(File.join(EXAMPLES, "../payloads/stripe-checkout-session-completed.json"))
  PUSH = File.read(File.join(EXAMPLES, "../payloads/github-push.json"))
  STRIPE_SECRET = "whsec_test"
  GITHUB_SECRET = "test-secret"
  SESSION = JSON.parse(CHECKOUT)["data"]["object"]

  def environment
    { "KNOCKER_EXTENSION" => Knocker.loadable_path, "RUBYLIB" => File.expand_path("../lib", __dir__), "RUBYOPT" => "-W0",
      "STRIPE_WEBHOOK_SECRET" => STRIPE_SECRET, "GITHUB_WEBHOOK_SECRET" => GITHUB_SECRET, "SHOP_DB" => @path }
  end

  # Runs a program in the test's folder until the block ends, and yields what it says.
  def running(*command)
    output = File.join(@folder, "output-#{command.last.tr("/", "-")}")
    pid = spawn(environment, *command, chdir: @folder, %i[out err] => output, pgroup: true)
    yield -> { File.read(output) }
  ensure
    Process.kill(:KILL, -pid)
    Process.wait(pid)
  end

  def serving(example)
    running(Gem.ruby, "-S", "puma", "--bind", "tcp://127.0.0.1:0", File.join(EXAMPLES, example)) do |output|
      wait_until("puma with #{example}") { output.call.include?("Use Ctrl-C") }
      yield output.call[%r{http://127\.0\.0\.1:(\d+)}, 1].to_i
    end
  end

  def send_signed(port, provider, body, secret, headers: {})
    signed = sign(provider, body, secret, headers: headers)
    sent = Knocker::Headers.pairs(signed.headers).to_h
    Net::HTTP.start("127.0.0.1", port) { |http| http.post("/webhooks/#{provider}", signed.body, { "Content-Type" => "application/json", **sent }) }
  end

  def rows(path, sql)
    db = SQLite3::Database.new(path)
    db.busy_timeout(5000)
    db.execute(sql)
  rescue SQLite3::SQLException
    # The table is made by the first handler.
    []
  ensure
    db&.close
  end

  # Receives a checkout and refuses a forged one; the worker makes an order of it.
  def shop(example)
    serving(example) do |port|
      assert_equal "200", send_signed(port, "stripe", CHECKOUT, STRIPE_SECRET).code
      assert_equal "401", send_signed(port, "stripe", CHECKOUT, "whsec_other").code
      health = -> { JSON.parse(Net::HTTP.get(URI("http://127.0.0.1:#{port}/health"))) }
      assert_equal({ "waiting" => 1, "dead" => 0 }, health.call)
      yield port
      wait_until("the order") { rows(@path, "SELECT id, total FROM orders") == [[SESSION["id"], SESSION["amount_total"]]] }
      wait_until("the end of it") { health.call["waiting"].zero? }
    end
  end

  def working(file, &)
    running(Gem.ruby, File.expand_path("../exe/knocker-worker", __dir__), "--processes", "2", File.join(EXAMPLES, file), &)
  end

  def test_the_quick_start
    path = File.join(@folder, "app.db")
    serving("quickstart.ru") do |port|
      assert_equal "200", send_signed(port, "stripe", CHECKOUT, STRIPE_SECRET).code
      wait_until("the order") { rows(path, "SELECT id FROM orders") == [[SESSION["id"]]] }
    end
  end

  def test_rack_alone
    shop("rack_app.ru") do |port|
      pushed = send_signed(port, "github", PUSH, GITHUB_SECRET, headers: { "X-GitHub-Event" => "push", "X-GitHub-Delivery" => "1" })
      assert_equal "200", pushed.code
      working("shop.rb") do
        wait_until("the build") do
          rows(@path, "SELECT count(*) FROM builds") == [[1]] && rows(@path, "SELECT 1 FROM orders").any?
        end
      end
    end
  end

  def test_one_command_works_for_every_tenant
    folder = File.join(@folder, "tenants")
    Dir.mkdir(folder)
    of_tenants = { "TENANTS_FOLDER" => folder, "STRIPE_WEBHOOK_SECRET_ACME" => "whsec_acme", "STRIPE_WEBHOOK_SECRET_GLOBEX" => "whsec_globex" }
    define_singleton_method(:environment) { super().merge(of_tenants) }
    names = %w[acme globex]
    names.each do |name|
      hooks = open_hooks(File.join(folder, "#{name}.db"))
      hooks.endpoint("stripe").ingest('{"data": {"object": {"id": "in_1"}}}', valid: true, type: "invoice.paid", key: "1")
      hooks.close
    end
    working("tenant_files.rb") do |output|
      names.each do |name|
        wait_until("the payment of #{name}") { rows(File.join(folder, "#{name}.db"), "SELECT invoice FROM payments") == [["in_1"]] }
      end
      assert_includes output.call, "knocker-worker: handles the events of #{File.join(folder, "*.db")}"
    end
  end

  def test_sinatra
    shop("sinatra_app.ru") do
      working("shop.rb") { wait_until("the order") { rows(@path, "SELECT 1 FROM orders").any? } }
    end
  end

  def test_rails_in_one_file
    shop("rails_app.ru") do
      working("rails_app.ru") { wait_until("the order") { rows(@path, "SELECT 1 FROM orders").any? } }
    end
  end

  def test_operations_and_the_test_of_the_handlers
    files = %w[operate.rb shop_test.rb handler_test.rb tenants_test.rb tenant_files_test.rb replay_safe_test.rb]
    files << "sidekiq_test.rb" if Gem::Specification.find_all_by_name("sidekiq").any?
    files.each do |file|
      output, status = Open3.capture2e(environment.except("SHOP_DB"), Gem.ruby, File.join(EXAMPLES, file), chdir: @folder)
      assert status.success?, output
    end
  end
end
