defmodule Knocker.Arguments do
  @moduledoc false
  # What a caller gives as a keyword list or a map, as the library's JSON has it. Names that nobody knows go through: the library names the nearest one.

  alias Knocker.Errors

  @type form :: :object | :headers

  @spec to_map(keyword() | map(), String.t(), %{optional(atom()) => form()}) :: %{String.t() => term()}
  def to_map(given, what, forms) do
    if (is_map(given) and not is_struct(given)) or Keyword.keyword?(given),
      do: Map.new(given, fn {key, value} -> {name(key, what), value |> formed(form(forms, key)) |> check(what, key)} end),
      else: raise(Errors.new("usage", "#{what} is a keyword list or a map"))
  end

  @doc "Options, which are a keyword list."
  @spec keywords(term(), String.t()) :: keyword()
  def keywords(given, what), do: if(Keyword.keyword?(given), do: given, else: raise(Errors.new("usage", "#{what} are a keyword list")))

  @doc "The name of an endpoint."
  @spec endpoint(term()) :: String.t()
  def endpoint(name) when is_binary(name), do: name
  def endpoint(name) when is_atom(name) and name not in [nil, true, false], do: Atom.to_string(name)
  def endpoint(_other), do: raise(Errors.new("usage", "the name of an endpoint is an atom or a text"))

  defp name(key, _what) when is_atom(key) and key != nil, do: Atom.to_string(key)
  defp name(key, what), do: if(text?(key), do: key, else: raise(Errors.new("usage", "#{what}: its names are atoms or texts")))

  # Here, because what encodes it would print it; and it may be a secret in the wrong place.
  defp check(value, what, key),
    do: if(json?(value), do: value, else: raise(Errors.new("invalid_argument", "#{what}: #{key}: is not of a type that it can have")))

  @doc "Whether a value can be JSON: of texts in UTF-8, numbers, booleans, nil, and lists and maps of them."
  @spec json?(term()) :: boolean()
  def json?(value) when is_number(value) or is_boolean(value) or is_nil(value), do: true
  def json?([]), do: true
  def json?([first | rest]), do: json?(first) and is_list(rest) and json?(rest)
  def json?(value) when is_map(value) and not is_struct(value), do: Enum.all?(value, fn {key, value} -> text?(key) and json?(value) end)
  def json?(value), do: text?(value)

  defp text?(value), do: is_binary(value) and String.valid?(value)

  defp form(forms, key) when is_atom(key), do: forms[key]
  defp form(forms, key), do: Enum.find_value(forms, fn {name, form} -> if Atom.to_string(name) == key, do: form end)

  # An empty list is one of no names.
  defp formed([], :object), do: %{}
  # Pairs, since a name may be there twice.
  defp formed(pairs, :headers) when is_list(pairs), do: pairs(pairs)
  defp formed(value, _form), do: json(value)

  defp pairs([{name, value} | rest]), do: [[word(name), value] | pairs(rest)]
  # What is no pair is refused with the value.
  defp pairs(rest), do: rest

  defp word(name) when is_atom(name), do: Atom.to_string(name)
  defp word(name), do: name

  defp json(value) when is_boolean(value) or is_nil(value), do: value
  defp json(%DateTime{} = at), do: Knocker.Moment.write(at)
  defp json(word) when is_atom(word), do: Atom.to_string(word)
  defp json(given) when is_map(given) and not is_struct(given), do: Map.new(given, fn {key, value} -> {word(key), json(value)} end)
  defp json([{key, _value} | _more] = pairs) when is_atom(key), do: if(Keyword.keyword?(pairs), do: pairs |> Map.new() |> json(), else: pairs)
  defp json([first | rest]), do: [json(first) | json(rest)]
  defp json(value), do: value
end
