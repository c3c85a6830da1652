defmodule Knocker.JSON do
  @moduledoc false
  # Knocker's SQL functions take and give JSON, and Elixir before 1.18 has no JSON of its own, nor has OTP before 27. A package that every application
  # with SQLite should be able to take must not bring a dependency for that: so Elixir's own module is used where it is, Jason where an application
  # has it, and else a decoder and an encoder of a page each, which hold to the same tests.

  alias Knocker.JSON.{Decoder, Encoder}

  # Objects are maps with string keys. Text that is no JSON raises, and so does text that is not UTF-8.
  @spec decode!(binary()) :: term()
  @spec encode!(term()) :: binary()

  cond do
    Code.ensure_loaded?(JSON) ->
      def decode!(text), do: JSON.decode!(text)
      def encode!(value), do: JSON.encode!(value)

    Code.ensure_loaded?(Jason) ->
      def decode!(text), do: Jason.decode!(text)
      def encode!(value), do: Jason.encode!(value)

    true ->
      def decode!(text), do: Decoder.decode!(text)
      def encode!(value), do: value |> Encoder.encode() |> IO.iodata_to_binary()
  end
end
