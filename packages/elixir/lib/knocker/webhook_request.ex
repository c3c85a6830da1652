defmodule Knocker.WebhookRequest do
  @moduledoc """
  One HTTP request as it was received.

  URL and headers are text in UTF-8. What stands in the head of a request as bytes beyond ASCII is characters of Latin-1, as `Knocker.Plug` reads it.
  """

  alias Knocker.{Arguments, Errors, JSON}

  defstruct method: "POST", url: nil, headers: [], body: "", truncated: false

  @typedoc """
  * `:url`: the one the provider called, absolute where the provider signs it, byte for byte
  * `:headers`: pairs, of which a name may be in several, or a map
  * `:truncated`: reading stopped at the endpoint's size limit, so that `:body` is only the beginning
  """
  @type t :: %__MODULE__{
          method: String.t(),
          url: String.t() | nil,
          headers: [{String.t(), String.t()}] | %{optional(String.t()) => String.t() | [String.t()]},
          body: binary(),
          truncated: boolean()
        }

  @doc false
  # A request of one's own making may be anything, and what encodes it would print it.
  @spec check(t()) :: :ok | {:error, Exception.t()}
  def check(%__MODULE__{} = request) do
    cond do
      not text?(request.method) -> invalid("method is a text")
      not (is_nil(request.url) or text?(request.url)) -> invalid("url is a text in UTF-8")
      not headers?(request.headers) -> invalid("headers are pairs of texts in UTF-8, or a map")
      not is_binary(request.body) -> invalid("body is a binary")
      not is_boolean(request.truncated) -> invalid("truncated is true or false")
      true -> :ok
    end
  end

  def check(_other), do: {:error, Errors.new("invalid_argument", "a request is a Knocker.WebhookRequest")}

  defp headers?([]), do: true
  defp headers?([{name, value} | rest]), do: text?(name) and text?(value) and headers?(rest)
  defp headers?(map), do: is_map(map) and Arguments.json?(map)
  defp text?(value), do: is_binary(value) and String.valid?(value)
  defp invalid(message), do: {:error, Errors.new("invalid_argument", "a request's " <> message)}

  @doc false
  # The request argument of the SQL functions, with headers that the receive has added.
  @spec head(t(), [{String.t(), String.t()}]) :: String.t()
  def head(request, added \\ []) do
    %{"method" => request.method, "headers" => headers(with_added(request.headers, added))}
    |> put("url", request.url)
    |> put("truncated", request.truncated || nil)
    |> JSON.encode!()
  end

  @doc false
  @spec with_added([{String.t(), String.t()}] | map(), [{String.t(), String.t()}]) :: [{String.t(), String.t()}] | map()
  def with_added(headers, []), do: headers
  def with_added(headers, added), do: for({name, values} <- headers, value <- List.wrap(values), do: {to_string(name), value}) ++ added

  defp headers(pairs) when is_list(pairs), do: Enum.map(pairs, fn {name, value} -> [name, value] end)
  defp headers(map), do: map

  defp put(head, _key, nil), do: head
  defp put(head, key, value), do: Map.put(head, key, value)

  @doc false
  # With what a provider adds to it.
  @spec signed(t(), map()) :: t()
  def signed(request, %{"headers" => added} = signed) do
    names = MapSet.new(added, fn {name, _value} -> String.downcase(name) end)
    kept = Enum.reject(request.headers, fn {name, _value} -> String.downcase(name) in names end)
    %{request | headers: kept ++ Enum.to_list(added), url: signed["url"] || request.url, body: signed["body"] || request.body}
  end

  @doc false
  # Reads what stands in the head of a request as HTTP means it: each byte is a character, whatever else it might be.
  @spec latin(binary()) :: String.t()
  def latin(text), do: if(ascii?(text), do: text, else: :unicode.characters_to_binary(text, :latin1))

  defp ascii?(<<byte, rest::binary>>) when byte < 0x80, do: ascii?(rest)
  defp ascii?(rest), do: rest == ""

  defimpl Inspect do
    # Neither credentials nor what customers wrote belong in a log.
    def inspect(request, _options), do: "#Knocker.WebhookRequest<#{request.method} #{byte_size(request.body)} bytes>"
  end
end
