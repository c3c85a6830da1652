defmodule Knocker.Moment do
  @moduledoc false
  # Times are Unix milliseconds in SQL, and `DateTime` in Elixir.

  @spec read(integer() | nil) :: DateTime.t() | nil
  def read(nil), do: nil
  def read(milliseconds), do: DateTime.from_unix!(milliseconds, :millisecond)

  @spec write(DateTime.t()) :: integer()
  def write(at), do: DateTime.to_unix(at, :millisecond)
end
