defmodule Knocker.Error do
  @moduledoc false
  # What every error of `Knocker.Errors` is.

  defmacro __using__(facts) do
    quote do
      defexception [:message, :cause] ++ unquote(facts)

      @type t :: %__MODULE__{
              code: String.t(),
              message: String.t(),
              retryable: boolean(),
              hint: String.t() | nil,
              family: :not_found | :database | :setup | :usage | nil,
              cause: term()
            }

      @impl true
      def message(%{code: code, message: message}), do: "knocker: #{code}: #{message}"
    end
  end
end
