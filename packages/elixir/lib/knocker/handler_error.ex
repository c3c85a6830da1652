defmodule Knocker.HandlerError do
  @moduledoc """
  What a handler said, or how it ended, where that is no exception: `{:error, reason}`, `{:retry, …}`, `{:dead, …}`, a throw, an exit, or a value that
  means nothing. `:reason` is the term itself.
  """

  defexception [:message, :reason]

  @type t :: %__MODULE__{message: String.t(), reason: term()}
end
