defmodule Knocker.JSON.Decoder do
  @moduledoc false

  @doc "Decodes text, or raises `ArgumentError` with the place of what is wrong."
  @spec decode!(binary()) :: term()
  def decode!(text) when is_binary(text) do
    {value, rest} = text |> blank() |> value()

    case blank(rest) do
      "" -> value
      _more -> raise ArgumentError, "no JSON: something follows the value"
    end
  catch
    {:no_json, rest} -> raise ArgumentError, "no JSON at byte #{byte_size(text) - byte_size(rest)}"
  end

  defp blank(<<byte, rest::binary>>) when byte in ~c" \t\r\n", do: blank(rest)
  defp blank(rest), do: rest

  defp value(<<?", rest::binary>>), do: string(rest, rest, 0, [])
  defp value(<<?{, rest::binary>>), do: rest |> blank() |> first_member()
  defp value(<<?[, rest::binary>>), do: rest |> blank() |> first_element()
  defp value("true" <> rest), do: {true, rest}
  defp value("false" <> rest), do: {false, rest}
  defp value("null" <> rest), do: {nil, rest}
  defp value(<<byte, _::binary>> = rest) when byte == ?- or byte in ?0..?9, do: number(rest)
  defp value(rest), do: throw({:no_json, rest})

  defp first_member(<<?}, rest::binary>>), do: {%{}, rest}
  defp first_member(rest), do: members(rest, [])

  defp members(<<?", rest::binary>>, done) do
    {name, rest} = string(rest, rest, 0, [])
    {value, rest} = rest |> blank() |> expect(?:) |> blank() |> value()
    done = [{name, value} | done]

    case blank(rest) do
      <<?,, rest::binary>> -> rest |> blank() |> members(done)
      # The last of several members of one name counts.
      <<?}, rest::binary>> -> {done |> Enum.reverse() |> Map.new(), rest}
      rest -> throw({:no_json, rest})
    end
  end

  defp members(rest, _done), do: throw({:no_json, rest})

  defp first_element(<<?], rest::binary>>), do: {[], rest}
  defp first_element(rest), do: elements(rest, [])

  defp elements(rest, done) do
    {value, rest} = value(rest)
    done = [value | done]

    case blank(rest) do
      <<?,, rest::binary>> -> rest |> blank() |> elements(done)
      <<?], rest::binary>> -> {Enum.reverse(done), rest}
      rest -> throw({:no_json, rest})
    end
  end

  defp expect(<<byte, rest::binary>>, byte), do: rest
  defp expect(rest, _byte), do: throw({:no_json, rest})

  # Runs without an escape are cut out as they are.
  defp string(<<?", rest::binary>>, text, length, []), do: {text |> binary_part(0, length) |> utf8(rest), rest}

  defp string(<<?", rest::binary>>, text, length, done),
    do: {[done, binary_part(text, 0, length)] |> IO.iodata_to_binary() |> utf8(rest), rest}

  defp string(<<?\\, rest::binary>>, text, length, done) do
    {letter, rest} = escape(rest)
    string(rest, rest, 0, [done, binary_part(text, 0, length), letter])
  end

  defp string(<<byte, rest::binary>>, text, length, done) when byte >= 0x20, do: string(rest, text, length + 1, done)
  defp string(rest, _text, _length, _done), do: throw({:no_json, rest})

  defp utf8(text, rest), do: if(String.valid?(text), do: text, else: throw({:no_json, rest}))

  defp escape(<<?u, high::binary-4, "\\u", low::binary-4, rest::binary>> = all) do
    case {hex(high, all), hex(low, all)} do
      {high, low} when high in 0xD800..0xDBFF and low in 0xDC00..0xDFFF ->
        {<<0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00::utf8>>, rest}

      {high, _low} ->
        {letter(high), binary_part(all, 5, byte_size(all) - 5)}
    end
  end

  defp escape(<<?u, code::binary-4, rest::binary>> = all), do: {code |> hex(all) |> letter(), rest}

  for {byte, letter} <- [{?", "\""}, {?\\, "\\"}, {?/, "/"}, {?b, "\b"}, {?f, "\f"}, {?n, "\n"}, {?r, "\r"}, {?t, "\t"}] do
    defp escape(<<unquote(byte), rest::binary>>), do: {unquote(letter), rest}
  end

  defp escape(rest), do: throw({:no_json, rest})

  defp hex(digits, rest) do
    case Integer.parse(digits, 16) do
      {code, ""} -> code
      _other -> throw({:no_json, rest})
    end
  end

  # Half of a pair is no letter.
  defp letter(code) when code in 0xD800..0xDFFF, do: "\uFFFD"
  defp letter(code), do: <<code::utf8>>

  defp number(<<first, rest::binary>> = all) when first != ?0, do: whole(rest, all, if(first == ?-, do: nil, else: first - ?0))
  defp number(all), do: any_number(all)

  # Nearly every number is a whole one, and needs no regular expression.
  defp whole(<<digit, rest::binary>>, all, sum) when digit in ?0..?9 and is_integer(sum), do: whole(rest, all, sum * 10 + digit - ?0)
  defp whole(<<next, _::binary>>, all, _sum) when next in ~c".eE", do: any_number(all)
  defp whole(_rest, all, nil), do: any_number(all)
  defp whole(rest, _all, sum), do: {sum, rest}

  @number ~r/\A-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/

  defp any_number(rest) do
    case Regex.run(@number, rest) do
      [text] -> {String.to_integer(text), after_text(rest, text)}
      [text, fraction] -> {float(text, fraction, ""), after_text(rest, text)}
      [text, fraction, exponent] -> {float(text, fraction, exponent), after_text(rest, text)}
      nil -> throw({:no_json, rest})
    end
  end

  defp after_text(rest, text), do: binary_part(rest, byte_size(text), byte_size(rest) - byte_size(text))

  # Erlang wants a fraction in front of an exponent.
  defp float(text, "", exponent), do: text |> String.replace_suffix(exponent, ".0" <> exponent) |> String.to_float()
  defp float(text, _fraction, _exponent), do: String.to_float(text)
end
