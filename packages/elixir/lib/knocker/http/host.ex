defmodule Knocker.HTTP.Host do
  @moduledoc false
  # Which URL the provider called, as far as a request says it.

  alias Knocker.Options

  # A host as RFC 3986 has it: an address in brackets or a name, and a port.
  @host ~r/\A(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(:[0-9]{1,5})?\z/
  # What a name and a port can be at most.
  @longest byte_size(":65535") + 255

  @doc "The bits of an address."
  @spec bits(:inet.ip_address()) :: bitstring()
  def bits({a, b, c, d}), do: <<a, b, c, d>>
  # What a listener for both families calls an IPv4 peer.
  def bits({0, 0, 0, 0, 0, 0xFFFF, high, low}), do: <<high::16, low::16>>
  def bits(address), do: address |> Tuple.to_list() |> Enum.reduce(<<>>, &<<&2::bitstring, &1::16>>)

  @doc """
  The URL that the provider called; `:bad_host` where the request names no host that could be in one. `headers` are those of the request as they came, with
  names in lower case; `target` is path and query byte for byte as they were sent, since some providers sign them.
  """
  @spec url(Options.t(), [{String.t(), binary()}], binary(), :http | :https, :inet.ip_address() | nil) :: {:ok, binary()} | :bad_host
  def url(options, headers, target, scheme, peer) do
    with [host] <- values(headers, "host"),
         true <- host?(host) do
      external(options, headers, path_and_query(target), Atom.to_string(scheme), host, peer)
    else
      _none_or_several -> :bad_host
    end
  end

  defp external(%{public_url: base}, _headers, target, _scheme, _host, _peer) when base != nil, do: {:ok, String.trim_trailing(base, "/") <> target}

  defp external(options, headers, target, scheme, host, peer) do
    {scheme, host} =
      if trusted?(options.trusted_proxies, peer),
        do: {String.downcase(last(headers, "x-forwarded-proto") || scheme), last(headers, "x-forwarded-host") || host},
        else: {scheme, host}

    if scheme in ["http", "https"] and host?(host), do: {:ok, scheme <> "://" <> host <> target}, else: :bad_host
  end

  # Of several values the last is the one that the trusted peer itself has added.
  defp last(headers, name) do
    value = headers |> values(name) |> Enum.join(",") |> String.split(",") |> List.last() |> String.trim()
    if value != "", do: value
  end

  defp values(headers, name), do: for({^name, value} <- headers, do: value)

  defp host?(host), do: byte_size(host) <= @longest and Regex.match?(@host, host)

  defp trusted?([], _peer), do: false
  defp trusted?(proxies, nil), do: :unix in proxies

  defp trusted?(proxies, peer) do
    address = bits(peer)

    Enum.any?(proxies, fn
      {prefix, size} when size == bit_size(address) -> prefix?(prefix, address)
      _unix_or_other_family -> false
    end)
  end

  defp prefix?(prefix, address) do
    length = bit_size(prefix)
    match?(<<^prefix::bitstring-size(length), _rest::bitstring>>, address)
  end

  # The absolute form, which proxies send, has path and query behind the host.
  defp path_and_query("/" <> _rest = target), do: target

  defp path_and_query(target) do
    with [_scheme, rest] <- String.split(target, "://", parts: 2),
         {at, 1} <- :binary.match(rest, ["/", "?"]) do
      case binary_part(rest, at, byte_size(rest) - at) do
        "?" <> _query = query -> "/" <> query
        path -> path
      end
    else
      _no_path -> "/"
    end
  end
end
