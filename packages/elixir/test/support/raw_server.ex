defmodule Knocker.RawServer do
  @moduledoc false
  # A small HTTP/1.1 server on gen_tcp, which gives `Knocker.HTTP` every byte as it came: a process for each connection.

  alias Knocker.HTTP

  @longest_head 64 * 1024
  @patience_ms 10_000
  @mount "/webhooks/"

  @doc "Serves these hooks below /webhooks until the test ends, and gives the port. `reads_body` has something in front that reads bodies and throws them away."
  def start(hooks, reads_body) do
    {:ok, listener} = :gen_tcp.listen(0, [:binary, ip: {127, 0, 0, 1}, active: false, packet: :raw, backlog: 100, reuseaddr: true, nodelay: true])
    {:ok, port} = :inet.port(listener)
    server = spawn(fn -> own(listener, hooks, reads_body) end)
    :gen_tcp.controlling_process(listener, server)
    send(server, :go)
    ExUnit.Callbacks.on_exit(fn -> Process.exit(server, :kill) end)
    port
  end

  defp own(listener, hooks, reads_body) do
    receive do
      :go -> accept(listener, hooks, reads_body)
    end
  end

  defp accept(listener, hooks, reads_body) do
    {:ok, socket} = :gen_tcp.accept(listener)

    connection =
      spawn_link(fn ->
        receive do
          :go -> serve(socket, "", hooks, reads_body)
        end
      end)

    :gen_tcp.controlling_process(socket, connection)
    send(connection, :go)
    accept(listener, hooks, reads_body)
  end

  defp serve(socket, rest, hooks, reads_body) do
    with {:ok, text, rest} <- read_head(socket, rest),
         {:ok, head} <- parse(text, socket) do
      respond(socket, rest, head, hooks, reads_body)
    else
      :bad -> end_with(socket, HTTP.plain(400, "bad request", true))
      :too_long -> end_with(socket, HTTP.plain(431, "too long a head", true))
      :closed -> :gen_tcp.close(socket)
    end
  end

  defp read_head(socket, read) do
    case :binary.split(read, "\r\n\r\n") do
      [head, rest] ->
        {:ok, head, rest}

      [part] when byte_size(part) > @longest_head ->
        :too_long

      [part] ->
        case :gen_tcp.recv(socket, 0, @patience_ms) do
          {:ok, more} -> read_head(socket, part <> more)
          {:error, _reason} -> :closed
        end
    end
  end

  defp parse(text, socket) do
    [line | lines] = :binary.split(text, "\r\n", [:global])

    with [_all, method, target] <- Regex.run(~r/\A([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) HTTP\/1\.[01]\z/, line),
         {:ok, headers} <- headers(lines, []),
         {:ok, {peer, _port}} <- :inet.peername(socket) do
      {:ok, %{method: method, target: target, headers: headers, scheme: :http, peer: peer}}
    else
      {:error, _reason} -> :closed
      _other -> :bad
    end
  end

  defp headers([], read), do: {:ok, Enum.reverse(read)}

  defp headers([line | lines], read) do
    case Regex.run(~r/\A([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\z/, line) do
      [_all, name, value] -> headers(lines, [{String.downcase(name), value} | read])
      nil -> :bad
    end
  end

  defp respond(socket, rest, head, hooks, reads_body) do
    framing = framing(head)

    cond do
      framing == :bad ->
        end_with(socket, HTTP.plain(400, "bad request", true))

      not String.starts_with?(path(head.target), @mount) ->
        end_with(socket, HTTP.plain(404, "not found", true))

      true ->
        body = %{socket: socket, framing: framing, head: head, rest: rest, done: framing == {:length, 0}}
        # What stands in front of the application.
        {_read, body} = if reads_body and HTTP.name_of(head.target) != "fence", do: read_body(body, 1_000_000, @patience_ms), else: {nil, body}
        {answer, body} = HTTP.respond(hooks, HTTP.name_of(head.target), head, body, &read_body/3)

        if answer.close or not body.done or closes?(head),
          do: end_with(socket, answer, head),
          else: go_on(socket, body.rest, answer, head, hooks, reads_body)
    end
  end

  defp path("/" <> _rest = target), do: target
  # The absolute form.
  defp path(target), do: Regex.replace(~r/\Ahttps?:\/\/[^\/?]*/, target, "")

  defp framing(head) do
    case {for({"transfer-encoding", value} <- head.headers, do: String.downcase(value)), HTTP.length_of(head.headers)} do
      {["chunked"], {:ok, :unknown}} -> :chunked
      {[], {:ok, length}} -> {:length, length}
      _other -> :bad
    end
  end

  defp closes?(head), do: Enum.any?(head.headers, fn {name, value} -> name == "connection" and String.downcase(value) == "close" end)

  defp go_on(socket, rest, answer, head, hooks, reads_body) do
    send_answer(socket, answer, head, false)
    serve(socket, rest, hooks, reads_body)
  end

  # What the sender still sends is read and thrown away for a while: a connection that is closed before is reset, and the answer with it.
  defp end_with(socket, answer, head \\ %{method: "POST"}) do
    send_answer(socket, answer, head, true)
    :gen_tcp.shutdown(socket, :write)
    throw_away(socket, 2_000_000)
    :gen_tcp.close(socket)
  end

  defp throw_away(_socket, left) when left <= 0, do: :ok

  defp throw_away(socket, left) do
    with {:ok, more} <- :gen_tcp.recv(socket, 0, 1_000), do: throw_away(socket, left - byte_size(more))
  end

  defp send_answer(socket, answer, head, closes) do
    length = if answer.status == 204, do: [], else: [{"content-length", Integer.to_string(byte_size(answer.body))}]
    headers = answer.headers ++ length ++ if(closes, do: [{"connection", "close"}], else: [])
    lines = for {name, value} <- headers, String.downcase(name) != "content-length" or {name, value} in length, do: [name, ": ", value, "\r\n"]
    body = if head.method == "HEAD", do: "", else: answer.body
    :gen_tcp.send(socket, ["HTTP/1.1 ", Integer.to_string(answer.status), " -\r\n", lines, "\r\n", body])
  end

  # Reads to the end of the body, or a byte beyond the limit.
  defp read_body(body, limit, patience) do
    {_name, expects} = List.keyfind(body.head.headers, "expect", 0, {"expect", ""})
    if String.downcase(expects) == "100-continue", do: :gen_tcp.send(body.socket, "HTTP/1.1 100 Continue\r\n\r\n")
    deadline = System.monotonic_time(:millisecond) + patience

    {result, rest, done} =
      cond do
        body.done -> {{:ok, ""}, body.rest, true}
        body.framing == :chunked -> chunks(body.socket, body.rest, [], 0, limit, deadline)
        true -> exactly(body.socket, body.rest, elem(body.framing, 1), deadline)
      end

    {result, %{body | rest: rest, done: done}}
  end

  defp exactly(_socket, read, length, _deadline) when byte_size(read) >= length do
    <<body::binary-size(length), rest::binary>> = read
    {{:ok, body}, rest, true}
  end

  defp exactly(socket, read, length, deadline) do
    case more(socket, deadline) do
      {:ok, more} -> exactly(socket, read <> more, length, deadline)
      failed -> {failed, "", false}
    end
  end

  defp more(socket, deadline) do
    case :gen_tcp.recv(socket, 0, max(0, deadline - System.monotonic_time(:millisecond))) do
      {:ok, more} -> {:ok, more}
      {:error, :timeout} -> {:error, :timeout}
      {:error, _reason} -> {:error, :incomplete}
    end
  end

  defp chunks(socket, read, body, size, limit, deadline) do
    with {:ok, line, rest} <- line(socket, read, deadline),
         [_all, digits] <- Regex.run(~r/\A([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?\z/s, line) do
      case String.to_integer(digits, 16) do
        0 -> trailer(socket, rest, body, deadline)
        length when size + length > limit -> beginning(socket, rest, body, limit + 1 - size, deadline)
        length -> chunk(socket, rest, body, size, length, limit, deadline)
      end
    else
      {:error, _why} = failed -> {failed, "", false}
      nil -> {{:error, :incomplete}, "", false}
    end
  end

  defp chunk(socket, read, body, size, length, limit, deadline) do
    case exactly(socket, read, length + 2, deadline) do
      {{:ok, <<data::binary-size(length), "\r\n">>}, rest, true} -> chunks(socket, rest, [body, data], size + length, limit, deadline)
      {{:ok, _no_end}, _rest, _done} -> {{:error, :incomplete}, "", false}
      failed -> failed
    end
  end

  defp beginning(socket, read, body, wanted, deadline) do
    case exactly(socket, read, wanted, deadline) do
      {{:ok, data}, rest, true} -> {{:too_large, IO.iodata_to_binary([body, data])}, rest, false}
      failed -> failed
    end
  end

  defp trailer(socket, read, body, deadline) do
    case line(socket, read, deadline) do
      {:ok, "", rest} -> {{:ok, IO.iodata_to_binary(body)}, rest, true}
      {:ok, _header, rest} -> trailer(socket, rest, body, deadline)
      failed -> {failed, "", false}
    end
  end

  defp line(socket, read, deadline) do
    case :binary.split(read, "\r\n") do
      [line, rest] ->
        {:ok, line, rest}

      [part] when byte_size(part) > 4_096 ->
        {:error, :incomplete}

      [part] ->
        with {:ok, more} <- more(socket, deadline), do: line(socket, part <> more, deadline)
    end
  end
end
