defmodule Knocker.EventDelivery do
  @moduledoc """
  The HTTP request that brought an event. `:headers` has names in lower case, and a list where a header was repeated.
  """

  @enforce_keys [:id, :method, :url, :headers]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          id: pos_integer(),
          method: String.t() | nil,
          url: String.t() | nil,
          headers: %{optional(String.t()) => String.t() | [String.t()]}
        }
end
