defmodule Knocker.Arguments do
  @moduledoc false
  # What a caller gives as a keyword list or a map, as the library's JSON has it. Names that nobody knows go through: the library names the nearest one.

  @type form :: :object | :headers

  @spec to_map(keyword() | map(), String.t(), %{optional(atom()) => form()}) :: %{String.t() => term()}
  def to_map(given, what, forms) do
    if is_map(given) or Keyword.keyword?(given),
      do: Map.new(given, fn {key, value} -> {to_string(key), formed(value, form(forms, key))} end),
      else: raise(Knocker.Errors.new("usage", "#{what} is a keyword list or a map, not #{inspect(given, limit: 5)}"))
  end

  defp form(forms, key) when is_atom(key), do: forms[key]
  defp form(forms, key), do: Enum.find_value(forms, fn {name, form} -> if Atom.to_string(name) == key, do: form end)

  # An empty list is one of no names.
  defp formed([], :object), do: %{}
  # Pairs, since a name may be there twice.
  defp formed(pairs, :headers) when is_list(pairs), do: Enum.map(pairs, fn {name, value} -> [to_string(name), value] end)
  defp formed(value, _form), do: json(value)

  defp json(value) when is_boolean(value) or is_nil(value), do: value
  defp json(%DateTime{} = at), do: Knocker.Moment.write(at)
  defp json(word) when is_atom(word), do: Atom.to_string(word)
  defp json(given) when is_map(given) and not is_struct(given), do: Map.new(given, fn {key, value} -> {to_string(key), json(value)} end)
  defp json([{key, _value} | _more] = pairs) when is_atom(key), do: pairs |> Map.new() |> json()
  defp json(several) when is_list(several), do: Enum.map(several, &json/1)
  defp json(value), do: value
end
