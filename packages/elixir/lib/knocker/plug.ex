defmodule Knocker.Plug do
  @moduledoc """
  Receives webhooks in an application with [Plug](https://hex.pm/packages/plug): under Plug.Router, Phoenix, Bandit or Cowboy.

      forward "/webhooks", to: Knocker.Plug, init_opts: [hooks: MyApp.Hooks]

  The last part of the path names the endpoint. With `endpoint:` it is that one, whatever the path.

  With `tenants:` in the place of `hooks:` it receives for all of `Knocker.Tenants`: the part of the path before the endpoint's names the tenant, or `tenant:`
  does, a function of the connection, such as `&MyApp.tenant_of_host/1`. A tenant that there is not is answered 404.

  Signatures are of the bytes that were sent. So the plug stands in front of `Plug.Parsers`, or the parsers read through `Knocker.Plug.BodyReader`. In
  Phoenix, whose endpoint has the parsers in front of the router:

      plug Plug.Parsers,
        parsers: [:urlencoded, :multipart, :json],
        body_reader: {Knocker.Plug.BodyReader, :read_body, [[under: "/webhooks"]]},
        json_decoder: Phoenix.json_library()

  Under Bandit take 1.12 or newer: before, it read a body in chunks to its end, however long, whatever limit it was given.

  A body that something else has read is answered 500 at once, and the log says why (`body_consumed`).
  """

  # Compiled without Plug, too, so that an application may add Plug later without compiling Knocker again.
  if Code.ensure_loaded?(Plug), do: @behaviour(Plug)

  alias Knocker.{Errors, HTTP}
  alias Knocker.Plug.BodyReader

  # Of the body at once.
  @read_bytes 1_000_000

  @doc false
  def init(options) do
    case Keyword.keys(options) -- [:hooks, :endpoint, :tenants, :tenant] do
      [] ->
        endpoint = options[:endpoint] && to_string(options[:endpoint])
        Map.merge(%{hooks: Keyword.get(options, :hooks, Knocker), endpoint: endpoint}, Map.new(Keyword.take(options, [:tenants, :tenant])))

      [unknown | _rest] ->
        raise Errors.new("usage", "Knocker.Plug has no option #{inspect(unknown)}; it takes hooks:, endpoint:, tenants: and tenant:")
    end
  end

  @doc false
  def call(conn, options) do
    head = %{method: conn.method, target: target(conn), headers: headers(conn), scheme: conn.scheme, peer: peer(conn)}
    {answer, conn} = respond(options, conn, options.endpoint || HTTP.name_of(conn.request_path), head)

    answer.headers
    |> Enum.reduce(conn, fn {name, value}, conn -> Plug.Conn.put_resp_header(conn, String.downcase(name), value) end)
    |> close(answer.close)
    |> Plug.Conn.send_resp(answer.status, answer.body)
    |> Plug.Conn.halt()
  end

  defp respond(%{tenants: tenants} = options, conn, endpoint, head) do
    tenant = if options[:tenant], do: options.tenant.(conn), else: HTTP.tenant_of(conn.request_path)
    HTTP.respond_for(tenants, tenant, endpoint, head, conn, &read/3)
  end

  defp respond(%{hooks: hooks}, conn, endpoint, head), do: HTTP.respond(hooks, endpoint, head, conn, &read/3)

  # Path and query byte for byte as they were sent: some providers sign them.
  defp target(%{request_path: path, query_string: ""}), do: path
  defp target(%{request_path: path, query_string: query}), do: path <> "?" <> query

  # HTTP/2 says its host in another place, and tests with Plug.Test say it there alone.
  defp headers(conn) do
    if conn.host in [nil, ""] or List.keymember?(conn.req_headers, "host", 0),
      do: conn.req_headers,
      else: [{"host", conn.host <> port(conn)} | conn.req_headers]
  end

  defp port(%{scheme: :https, port: 443}), do: ""
  defp port(%{scheme: :http, port: 80}), do: ""
  defp port(%{port: port}), do: ":#{port}"

  # Who is at the other end of the connection, whatever somebody says of whom it sends for.
  defp peer(conn) do
    case Plug.Conn.get_peer_data(conn).address do
      address when tuple_size(address) in [4, 8] -> address
      _path_of_a_socket -> nil
    end
  end

  # HTTP/2 has streams to end, and no such header.
  defp close(conn, wanted), do: if(wanted and http_1?(conn), do: Plug.Conn.put_resp_header(conn, "connection", "close"), else: conn)

  defp http_1?(conn), do: Plug.Conn.get_http_protocol(conn) in [:"HTTP/1", :"HTTP/1.0", :"HTTP/1.1"]

  defp read(conn, limit, timeout_ms) do
    case BodyReader.kept(conn) do
      {:ok, body} when byte_size(body) > limit -> {{:too_large, binary_part(body, 0, limit + 1)}, conn}
      {:ok, body} -> {{:ok, body}, conn}
      :none -> read(conn, [], 0, limit, now_ms() + timeout_ms)
    end
  end

  # A byte more than is taken says that it is too large.
  defp read(conn, body, size, limit, deadline) do
    case read_some(conn, min(limit + 1 - size, @read_bytes), max(1, deadline - now_ms())) do
      {:ok, part, conn} -> {whole([body, part], limit), conn}
      {:more, part, conn} when size + byte_size(part) > limit -> {whole([body, part], limit), conn}
      {:more, part, conn} -> read(conn, [body, part], size + byte_size(part), limit, deadline)
      {:error, :timeout} -> {{:error, :timeout}, conn}
      {:error, _closed} -> {{:error, :incomplete}, conn}
    end
  end

  # Bandit raises what others return.
  defp read_some(conn, length, timeout_ms) do
    Plug.Conn.read_body(conn, length: length, read_length: length, read_timeout: timeout_ms)
  rescue
    error -> if Map.get(error, :plug_status) in [408, :request_timeout], do: {:error, :timeout}, else: {:error, :closed}
  end

  defp whole(parts, limit) do
    case IO.iodata_to_binary(parts) do
      body when byte_size(body) > limit -> {:too_large, binary_part(body, 0, limit + 1)}
      body -> {:ok, body}
    end
  end

  defp now_ms, do: System.monotonic_time(:millisecond)
end
