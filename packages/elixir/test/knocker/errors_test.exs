defmodule Knocker.ErrorsTest.Unloadable do
  @moduledoc false
  # A SQLite that loads nothing, of a version of which the file's name tells.
  @behaviour Knocker.Driver

  alias Knocker.Driver

  @impl true
  def open(path, options) do
    with {:ok, db} <- Driver.default().open(path, options), do: {:ok, {db, Path.basename(path, ".db")}}
  end

  @impl true
  def close({db, _version}), do: Driver.default().close(db)
  @impl true
  def execute({_db, version}, "SELECT sqlite_version()", []), do: {:ok, [[version]]}
  def execute({db, _version}, sql, parameters), do: Driver.default().execute(db, sql, parameters)
  @impl true
  def wait({db, _version}, milliseconds), do: Driver.default().wait(db, milliseconds)
  @impl true
  def load_extension(_db, _path, _entry), do: {:error, %{code: 1, message: "not authorized"}}
  @impl true
  def interrupt({db, _version}), do: Driver.default().interrupt(db)
end

defmodule Knocker.ErrorsTest do
  use ExUnit.Case, async: true

  alias Knocker.Errors

  test "each code has an exception with its facts" do
    for code <- Errors.codes() do
      assert %{__exception__: true, code: ^code, message: "said", hint: hint, retryable: retryable} = error = Errors.new(code, "said")
      assert is_binary(hint) and is_boolean(retryable)
      # The text of a wrong set-up says what to do.
      advice = if error.family == :setup, do: ". #{hint}", else: ""
      assert Exception.message(error) == "knocker: #{code}: said#{advice}"
    end

    assert %Knocker.BusyError{retryable: true, family: :database} = Errors.new("busy", "said")
    assert %Knocker.ClosedError{retryable: false, family: :usage, cause: :why} = Errors.new("closed", "said", :why)
  end

  test "a code that a newer library has is an error with that code" do
    assert %Knocker.SqliteError{code: "too_early", message: "said", hint: nil, family: nil, retryable: false} = Errors.new("too_early", "said")
  end

  test "SQLite's failures are told by the library's text, and else by their result code" do
    said = "knocker: bad_state: event 1 is handled:\nsee there"
    assert %Knocker.BadStateError{message: "event 1 is handled:\nsee there"} = Errors.from_sqlite(%{code: 1, message: said})
    assert %Knocker.BusyError{message: "database is locked"} = Errors.from_sqlite(%{code: 5, message: "database is locked"})
    assert %Knocker.IoError{} = Errors.from_sqlite(%{code: 266, message: "disk I/O error"})
    assert %Knocker.SqliteError{cause: %{code: 19}} = Errors.from_sqlite(%{code: 19, message: "constraint failed"})
  end

  test "an old SQLite is named before whatever else keeps the library out" do
    Process.flag(:trap_exit, true)
    folder = Path.join(System.tmp_dir!(), "knocker-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)

    opened = fn version ->
      {:error, error} = Knocker.start_link(name: {__MODULE__, version}, database: Path.join(folder, "#{version}.db"), driver: __MODULE__.Unloadable)
      error
    end

    assert %Knocker.UnsupportedSqliteError{message: "this program's SQLite is 3.37.2, Knocker needs 3.38.0"} = opened.("3.37.2")
    assert %Knocker.CannotLoadError{message: message} = opened.("3.40.1")
    assert message =~ "not authorized"
  end
end
