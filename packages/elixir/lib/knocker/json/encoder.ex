defmodule Knocker.JSON.Encoder do
  @moduledoc false

  @doc "Encodes a value as iodata."
  @spec encode(term()) :: iodata()
  def encode(nil), do: "null"
  def encode(true), do: "true"
  def encode(false), do: "false"
  def encode(value) when is_atom(value), do: encode(Atom.to_string(value))
  def encode(value) when is_binary(value), do: [?", escape(value, value, 0, 0, []), ?"]
  def encode(value) when is_integer(value), do: Integer.to_string(value)
  def encode(value) when is_float(value), do: :erlang.float_to_binary(value, [:short])
  def encode([]), do: "[]"
  def encode([first | rest]), do: [?[, encode(first), Enum.map(rest, &[?,, encode(&1)]), ?]]
  def encode(value) when is_map(value), do: [?{, value |> Enum.map(&member/1) |> Enum.intersperse(?,), ?}]

  defp member({name, value}), do: [encode(to_string(name)), ?:, encode(value)]

  # Runs without anything to escape are taken over as they are.
  defp escape(<<byte, rest::binary>>, text, from, length, done) when byte < 0x20 or byte in [?", ?\\] do
    done = [done, binary_part(text, from, length), escaped(byte)]
    escape(rest, text, from + length + 1, 0, done)
  end

  defp escape(<<byte, rest::binary>>, text, from, length, done) when byte < 0x80,
    do: escape(rest, text, from, length + 1, done)

  defp escape(<<letter::utf8, rest::binary>>, text, from, length, done),
    do: escape(rest, text, from, length + utf8_size(letter), done)

  defp escape(<<>>, text, from, length, done), do: [done, binary_part(text, from, length)]

  defp escape(_rest, _text, _from, _length, _done), do: raise(ArgumentError, "a text for JSON is not UTF-8")

  defp escaped(?"), do: "\\\""
  defp escaped(?\\), do: "\\\\"
  defp escaped(?\n), do: "\\n"
  defp escaped(?\r), do: "\\r"
  defp escaped(?\t), do: "\\t"
  defp escaped(byte), do: ["\\u00", byte |> Integer.to_string(16) |> String.pad_leading(2, "0")]

  defp utf8_size(letter) when letter < 0x800, do: 2
  defp utf8_size(letter) when letter < 0x10000, do: 3
  defp utf8_size(_letter), do: 4
end
