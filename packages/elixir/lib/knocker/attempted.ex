defmodule Knocker.Attempted do
  @moduledoc """
  One attempt of a drain: the event's id, what became of it (`:handled`, `:failed`, `:dead`, `:ignored`, `:lease_lost` or `:unwritten`), and the exception
  that the handlers failed with, or nil.
  """

  @enforce_keys [:event_id, :status, :error]
  defstruct @enforce_keys

  @type t :: %__MODULE__{event_id: pos_integer(), status: atom(), error: Exception.t() | nil}
end
