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

      # A wrong set-up mostly ends an application before it has begun, where nobody looks at the hint: the text ends with it.
      @impl true
      def message(%{family: :setup, code: code, message: message, hint: hint}) when is_binary(hint),
        do: "knocker: #{code}: #{String.trim_trailing(message, ".")}. #{hint}"

      def message(%{code: code, message: message}), do: "knocker: #{code}: #{message}"
    end
  end
end
