# frozen_string_literal: true

require "test_helper"

# Finding the library, and loading it into connections of an app's own.
class LibraryTest < KnockerTest
  def with_environment(value)
    before = ENV.fetch("KNOCKER_EXTENSION")
    ENV["KNOCKER_EXTENSION"] = value
    yield
  ensure
    ENV["KNOCKER_EXTENSION"] = before
  end

  def test_an_explicit_path_comes_first_then_the_environment_then_the_gem
    here = Knocker.loadable_path
    assert_equal ENV.fetch("KNOCKER_EXTENSION"), here
    with_environment("/nowhere/libknocker.so") do
      assert_equal here, Knocker.loadable_path(here)
      error = assert_raises(Knocker::LibraryNotFoundError) { Knocker.loadable_path }
      assert_includes error.message, "/nowhere/libknocker.so (KNOCKER_EXTENSION)"
    end
  end

  def test_loading_writes_nothing_and_may_be_done_twice
    db = SQLite3::Database.new(@path)
    2.times { Knocker.load(db) }
    assert_equal Knocker::VERSION, db.get_first_value("SELECT knocker_version()")
    assert_equal 0, db.get_first_value("SELECT count(*) FROM sqlite_schema")
    assert_raises(SQLite3::Exception, "extensions can be loaded no more") { db.execute("SELECT load_extension(?)", [Knocker.loadable_path]) }
    db.close
  end

  def test_results_as_hashes_do_no_harm
    db = SQLite3::Database.new(@path, results_as_hash: true)
    Knocker.load(db)
    assert_equal({ "v" => Knocker::VERSION }, db.execute("SELECT knocker_version() AS v").first.slice("v"))
    db.close
  end

  def test_what_is_no_library_says_what_it_is
    file = File.join(@folder, "libknocker.so")
    File.write(file, "no library")
    error = assert_raises(Knocker::CannotLoadError) { Knocker.open(@path, extension: file) }
    assert_includes error.message, file
  end

  def test_an_old_sqlite_is_named_before_whatever_else_keeps_the_library_out
    file = File.join(@folder, "libknocker.so")
    File.write(file, "no library")
    db = SQLite3::Database.new(@path)
    db.create_function("sqlite_version", 0) { |function| function.result = "3.37.2" }
    assert_too_old { Knocker.load(db, file) }
    # A gem that was built without loading lacks the method.
    db.singleton_class.undef_method(:enable_load_extension)
    assert_too_old { Knocker.load(db) }
    db.close
  end

  def assert_too_old(&)
    assert_includes assert_raises(Knocker::UnsupportedSqliteError, &).message, "SQLite is 3.37.2, Knocker needs 3.38.0"
  end

  def test_the_apps_own_connection_sees_what_was_received
    inbox = open_inbox
    ingest(inbox)
    db = SQLite3::Database.new(@path)
    Knocker.load(db)
    assert_equal [%w[order received]], db.execute("SELECT type, status FROM knocker_events").map(&:to_a)
    db.close
  end

  def test_a_path_that_cannot_be_opened_is_named
    error = assert_raises(Knocker::IoError) { open_hooks(File.join(@folder, "nowhere", "app.db")) }
    assert_includes error.message, "there is no folder #{File.join(@folder, "nowhere")}"
    error = assert_raises(Knocker::IoError) { open_hooks(@folder) }
    assert_includes error.message, "is a folder"
    assert_raises(Knocker::CorruptError) { open_hooks(File.join(@folder, "text").tap { |file| File.write(file, "no database" * 100) }) }
    slip = assert_raises(Knocker::UsageError) { open_hooks.endpoint("stripe", provider: "stripe", secret: "whsec_test") }
    assert_includes slip.message, "there is no secret, did you mean secrets?"
    none = assert_raises(Knocker::UsageError) { open_hooks.endpoint("stripe", provider: "stripe") }
    assert_includes none.message, "stripe needs a secret, and there is none"
    assert_raises(Knocker::UsageError) { open_hooks(synchronous: :off) }
    assert_raises(Knocker::UsageError) { open_hooks(public_url: "shop.example") }
    assert_raises(Knocker::UsageError) { open_hooks(trusted_proxies: ["no address"]) }
  end
end
