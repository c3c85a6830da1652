defmodule Knocker.Driver.Exqlite.Failure do
  @moduledoc false
  # exqlite tells a failure by SQLite's text alone, and some of its own by an atom: the result code follows from it.

  @type t :: Knocker.Driver.failure()

  @codes %{
    "Database busy" => 5,
    "database is locked" => 5,
    "database schema is locked: main" => 6,
    "database table is locked" => 6,
    "attempt to write a readonly database" => 8,
    "interrupted" => 9,
    "disk I/O error" => 10,
    "database disk image is malformed" => 11,
    "database or disk is full" => 13,
    "unable to open database file" => 14,
    "file is not a database" => 26
  }
  @misuse 21

  @spec of(String.t() | atom()) :: t()
  def of(:database_open_failed), do: %{code: 14, message: "unable to open database file"}
  def of(:connection_closed), do: misuse("the connection is closed")
  def of(text) when is_binary(text), do: %{code: code(text), message: text}
  def of(other), do: misuse(inspect(other))

  @spec misuse(String.t()) :: t()
  def misuse(message), do: %{code: @misuse, message: message}

  defp code(text) do
    cond do
      known = @codes[text] -> known
      text =~ ~r/^database table is locked/ -> 6
      text =~ ~r/constraint failed/ -> 19
      true -> 1
    end
  end
end
