# frozen_string_literal: true

require "test_helper"
require "open3"
require "rbconfig"

# `knocker-worker` as a process of its own.
class CommandTest < KnockerTest
  EXE = File.expand_path("../exe/knocker-worker", __dir__)
  LIBRARY = File.expand_path("../lib", __dir__)

  def test_it_handles_events_until_it_is_told_to_stop
    inbox = open_inbox
    ingest(inbox, "1")
    running(app) do |pid|
      wait_until("the order") { orders == ["1"] }
      ingest(inbox, "2")
      wait_until("the order of another process") { orders == %w[1 2] }
      assert_equal 0, stop(pid).exitstatus
    end
  end

  def test_processes_of_which_one_that_dies_is_replaced
    inbox = open_inbox
    running(app, "-p", "2", "-c", "2") do |pid|
      %w[1 2 3].each { |key| ingest(inbox, key) }
      wait_until("the orders") { orders.sort == %w[1 2 3] }
      children = children_of(pid)
      assert_equal 2, children.size
      children.each { |child| Process.kill(:KILL, child) }
      wait_until("new processes") { (children_of(pid) - children).size == 2 }
      ingest(inbox, "4")
      wait_until("the order of a new process") { orders.include?("4") }
      assert_equal 0, stop(pid).exitstatus
    end
  end

  def test_a_running_handler_comes_to_its_end
    inbox = open_inbox
    go = File.join(@folder, "go")
    begun = File.join(@folder, "begun")
    running(app(<<~HANDLER)) do |pid|
      File.write(#{begun.dump}, "")
      sleep(0.005) until File.exist?(#{go.dump})
    HANDLER
      ingest(inbox)
      wait_until("the handler") { File.exist?(begun) }
      Process.kill(:TERM, pid)
      File.write(go, "")
      assert_equal 0, Process.wait2(pid).last.exitstatus
      assert_equal ["1"], orders
      assert_equal :handled, @hooks.event(1).status
    end
  end

  def test_it_says_for_whom_it_works
    File.open(File.join(@folder, "said"), "w+") do |said|
      running(app, err: said) do |pid|
        wait_until("a line") { File.read(said.path).end_with?("\n") }
        assert_equal "knocker-worker: handles the events of inbox until it is told to stop (Ctrl-C, SIGTERM)\n", File.read(said.path)
        assert_equal 0, stop(pid).exitstatus
      end
    end
  end

  def test_mistakes_are_named
    assert_includes refused, "name one file"
    assert_includes refused("nowhere.rb"), "there is no file nowhere.rb"
    assert_includes refused(write("empty.rb", "")), "opened no hooks that have handlers"
    assert_includes refused("--what"), "invalid option: --what"
    assert_includes refused("nowhere.rb", "RUBYOPT" => "-W0"), "there is no file nowhere.rb"
  end

  private

  def write(name, text) = File.join(@folder, name).tap { |file| File.write(file, text) }

  def app(before = "")
    write("app.rb", <<~RUBY)
      require "knocker"
      hooks = Knocker.open(#{@path.dump}, synchronous: :normal)
      hooks.endpoint("inbox").on("order") do |event, tx|
        #{before}
        tx.execute("INSERT INTO orders VALUES (?)", [event.key])
      end
    RUBY
  end

  def command(*arguments, **environment) = [{ "RUBYLIB" => LIBRARY, **environment }, RbConfig.ruby, EXE, *arguments]

  def running(*arguments, **streams)
    pid = spawn(*command(*arguments), pgroup: true, **streams)
    yield pid
  ensure
    begin
      Process.kill(:KILL, -pid)
    rescue Errno::ESRCH, Errno::EPERM
      nil
    end
  end

  def stop(pid)
    Process.kill(:TERM, pid)
    Timeout.timeout(PATIENCE_S) { Process.wait2(pid).last }
  end

  def children_of(pid) = File.read("/proc/#{pid}/task/#{pid}/children").split.map(&:to_i)

  def refused(*arguments, **environment)
    _, errors, status = Open3.capture3(*command(*arguments, **environment))
    assert_equal 2, status.exitstatus
    errors
  end
end
