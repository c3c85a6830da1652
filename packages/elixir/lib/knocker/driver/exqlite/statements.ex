defmodule Knocker.Driver.Exqlite.Statements do
  @moduledoc false
  # The statements that a connection keeps prepared, by their text.

  alias Exqlite.Sqlite3
  alias Knocker.Driver.Exqlite.Failure

  # A worker's whole loop with room for the application's own; when there are more, all begin anew.
  @most 64

  @type t :: %{String.t() => reference()}

  @spec new() :: t()
  def new, do: %{}

  @spec fetch(t(), reference(), String.t()) :: {:ok, reference(), t()} | {:error, Failure.t()}
  def fetch(kept, conn, sql) do
    case kept do
      %{^sql => statement} -> {:ok, statement, kept}
      _ -> prepare(kept, conn, sql)
    end
  end

  @spec release(t(), reference()) :: t()
  def release(kept, conn) do
    Enum.each(kept, fn {_sql, statement} -> Sqlite3.release(conn, statement) end)
    new()
  end

  defp prepare(kept, conn, sql) do
    with {:ok, statement} <- Sqlite3.prepare(conn, sql),
         :ok <- alone(conn, sql) do
      kept = if map_size(kept) < @most, do: kept, else: release(kept, conn)
      {:ok, statement, Map.put(kept, sql, statement)}
    else
      {:error, %{code: _code} = failure} -> {:error, failure}
      {:error, reason} -> {:error, Failure.of(reason)}
    end
  end

  # exqlite prepares the first statement of a text and says nothing of what follows it.
  defp alone(conn, sql) do
    if whole?(conn, sql, semicolons(sql)),
      do: :ok,
      else: {:error, Failure.misuse("more than one statement in one text")}
  end

  @tokens ~r/'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*.*?(?:\*\/|\z)|(;)/s

  # Where they are, but for those in texts, names and comments.
  defp semicolons(sql) do
    for [_token, {at, 1}] <- Regex.scan(@tokens, sql, return: :index), do: at
  end

  # The statement ends at the first semicolon up to which SQLite can prepare it: a trigger has some before.
  defp whole?(_conn, _sql, []), do: true

  defp whole?(conn, sql, [at | later]) do
    rest = binary_part(sql, at + 1, byte_size(sql) - at - 1)

    cond do
      blank?(rest) -> true
      prepares?(conn, binary_part(sql, 0, at + 1)) -> false
      true -> whole?(conn, sql, later)
    end
  end

  defp blank?(rest), do: rest =~ ~r/\A(\s|--[^\n]*(\n|\z)|\/\*.*?\*\/)*\z/s

  defp prepares?(conn, sql) do
    with {:ok, statement} <- Sqlite3.prepare(conn, sql) do
      _ = Sqlite3.release(conn, statement)
      true
    else
      {:error, _reason} -> false
    end
  end
end
