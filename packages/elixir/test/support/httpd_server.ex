defmodule Knocker.HttpdServer do
  @moduledoc false
  # `Knocker.HTTP` under OTP's own web server: a module of httpd, with what `do/1` of such a module gets. httpd reads a body to its end before it asks.

  require Record
  Record.defrecordp(:mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))
  Record.defrecordp(:init_data, Record.extract(:init_data, from_lib: "inets/include/httpd.hrl"))

  alias Knocker.HTTP

  @doc "Serves these hooks until the test ends, and gives the port."
  def start(hooks) do
    {:ok, _started} = Application.ensure_all_started(:inets)
    # A module of httpd knows no more than the server's settings.
    folder = System.tmp_dir!() |> to_charlist()
    settings = [port: 0, server_name: 'localhost', server_root: folder, document_root: folder, bind_address: {127, 0, 0, 1}, modules: [__MODULE__]]
    {:ok, server} = :inets.start(:httpd, settings)
    [port: port] = :httpd.info(server, [:port])
    :persistent_term.put({__MODULE__, port}, hooks)

    ExUnit.Callbacks.on_exit(fn ->
      :inets.stop(:httpd, server)
      :persistent_term.erase({__MODULE__, port})
    end)

    port
  end

  @doc false
  # Called by httpd for each request.
  def unquote(:do)(request) do
    mod(init_data: data, method: method, request_uri: uri, parsed_header: headers, entity_body: body) = request
    init_data(sockname: {port, _address}, peername: {_peer_port, peer}) = data
    {:ok, peer} = peer |> :inet.parse_address()

    head = %{
      method: to_string(method),
      target: :erlang.list_to_binary(uri),
      headers: for({name, value} <- headers, do: {String.downcase(to_string(name)), :erlang.list_to_binary(value)}),
      scheme: :http,
      peer: peer
    }

    hooks = :persistent_term.get({__MODULE__, port})

    {answer, nil} =
      HTTP.respond(hooks, HTTP.name_of(head.target), head, nil, fn nil, limit, _timeout -> {read(:erlang.iolist_to_binary(body), limit), nil} end)

    headers = for {name, value} <- answer.headers, do: {header(name), to_charlist(value)}
    length = {:content_length, answer.body |> byte_size() |> Integer.to_charlist()}
    {:proceed, [{:response, {:response, [{:code, answer.status}, length | headers], [answer.body]}}]}
  end

  # httpd's own names of the usual ones.
  defp header("content-type"), do: :content_type
  defp header("retry-after"), do: :retry_after
  defp header("allow"), do: :allow
  defp header(name), do: to_charlist(name)

  defp read(body, limit) when byte_size(body) > limit, do: {:too_large, binary_part(body, 0, limit + 1)}
  defp read(body, _limit), do: {:ok, body}
end
