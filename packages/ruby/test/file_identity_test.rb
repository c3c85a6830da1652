# frozen_string_literal: true

require "test_helper"
require "fileutils"

# A file that is removed or replaced while it is open: nothing is acknowledged that nobody would find.
class FileIdentityTest < KnockerTest
  def setup
    super
    @inbox = open_inbox
    ingest(@inbox, "before")
  end

  def receive_until_open(key)
    wait_until("the other file") do
      ingest(@inbox, key)
    rescue Knocker::FileReplacedError
      false
    end
  end

  def test_a_removed_file_is_told_and_none_is_made
    File.unlink(@path)
    2.times { assert_raises(Knocker::FileReplacedError) { ingest(@inbox) } }
    refute_path_exists @path
    assert_equal 1, @log.string.scan("was removed while it was open").size
  end

  def test_a_file_in_its_place_is_opened_and_the_endpoints_declared_there
    other = File.join(@folder, "other.db")
    hooks = open_hooks(other)
    hooks.database.rows("CREATE TABLE orders (id TEXT PRIMARY KEY)")
    @opened.delete(hooks).close
    File.rename(other, @path)
    receive_until_open("after")
    assert_equal ["after"], @hooks.events.map(&:key)
    assert_includes @log.string, "is another file now, and open"
  end

  def test_the_log_of_the_former_file_is_not_replayed_into_the_new_one
    # A copy as a careless restore makes it, with the former one's log left where it was.
    copy = File.join(@folder, "copy.db")
    source = SQLite3::Database.new(@path)
    source.execute("VACUUM INTO ?", [copy])
    source.close
    ingest(@inbox, "in the log")
    assert_path_exists "#{@path}-wal"
    File.rename(copy, @path)
    receive_until_open("after")
    assert_equal %w[before after], @hooks.events.map(&:key)
    assert_equal 1, Dir["#{@path}-wal.of-replaced-file-*"].size
    assert_equal [["ok"]], @hooks.database.rows("PRAGMA integrity_check")
  end

  def test_a_worker_goes_on_with_the_file_that_is_there
    @inbox.on("order") { |event, tx| tx.execute("INSERT INTO orders VALUES (?)", [event.key]) }
    worker = @hooks.start_worker
    wait_until("the first order") { orders == ["before"] }
    other = File.join(@folder, "other.db")
    hooks = open_hooks(other)
    hooks.database.rows("CREATE TABLE orders (id TEXT PRIMARY KEY)")
    @opened.delete(hooks).close
    File.rename(other, @path)
    receive_until_open("after")
    wait_until("the order in the other file") { orders == ["after"] }
    worker.stop
  end
end
