defmodule Knocker.ErrorsTest do
  use ExUnit.Case, async: true

  alias Knocker.Errors

  test "each code has an exception with its facts" do
    for code <- Errors.codes() do
      assert %{__exception__: true, code: ^code, message: "said", hint: hint, retryable: retryable} = error = Errors.new(code, "said")
      assert is_binary(hint) and is_boolean(retryable)
      assert Exception.message(error) == "knocker: #{code}: said"
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
end
