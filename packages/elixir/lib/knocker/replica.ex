defmodule Knocker.Replica do
  @moduledoc false
  # The replica of the file that Litestream keeps elsewhere, and how receipts wait until they are there.
  #
  # Litestream's control socket speaks HTTP: `POST /sync` with `wait` answers once everything that is committed when it is asked is in the replica. It is asked
  # once for each group of receipts, on a connection that is kept.

  alias Knocker.{Errors, JSON}

  # Of what Litestream says of a failure, which may be the whole answer of a storage service; and of any answer, which is a line.
  @longest_reason 300
  @most_answered 64 * 1024

  # `names` are those that Litestream may know the file by: that in its configuration may be one with links, or the one that they lead to.
  # `silent_since` is when the last question was asked that got no answer in time.
  defstruct [:path, :names, :timeout_ms, :connection, :silent_since]

  @doc "The replica that these options name, if they do."
  def of(%{replicated: nil}), do: nil

  def of(options),
    do: %__MODULE__{path: options.replicated, names: Enum.uniq([options.path, real(options.path)]), timeout_ms: options.replicated_timeout_ms}

  @doc "`:ok` once the replica has all that is committed, the newest of it queued then, or a `Knocker.NotReplicatedError` where it does not say so in time."
  # Whoever was there when a question was asked that nobody answered has waited for as long: many groups would wait in turn.
  def wait(%{silent_since: since} = replica, queued_at) when since != nil and queued_at <= since, do: {silent(replica), replica}

  def wait(replica, _queued_at) do
    asked_at = now_ms()

    case sync(replica, asked_at + replica.timeout_ms) do
      # A file that it has not begun with has no transaction there.
      {{:ok, 200, %{"status" => status, "replicated_txid" => number}}, replica}
      when status in ["synced", "no_change"] and is_integer(number) and number > 0 ->
        {:ok, replica}

      {{:ok, status, answer}, replica} ->
        reason = said(answer["error"]) || said(answer["status"]) || "no reason"
        {failed("Litestream did not sync #{hd(replica.names)}: #{status}: #{line(reason)}"), replica}

      {{:error, :timeout}, replica} ->
        {silent(replica), close(%{replica | silent_since: asked_at})}

      {{:error, reason}, replica} ->
        {failed("Litestream at #{replica.path} cannot be asked: #{text(reason)}"), close(replica)}
    end
  end

  @doc "Closes the connection, which is opened again when it is needed."
  def close(%{connection: connection} = replica) when connection != nil do
    :gen_tcp.close(connection)
    %{replica | connection: nil}
  end

  def close(replica), do: replica

  defp silent(replica), do: failed("Litestream at #{replica.path} did not sync in #{replica.timeout_ms} ms")

  defp failed(message), do: {:error, Errors.new("not_replicated", message)}

  # What somebody else says, in one line.
  defp line(text), do: ~r/\p{Cc}+/u |> Regex.replace(text, " ") |> String.slice(0, @longest_reason)

  defp said(text), do: if(is_binary(text) and text != "", do: text)

  defp text(reason) when is_binary(reason), do: reason
  defp text(:closed), do: "it closed the connection"
  defp text(reason), do: List.to_string(:inet.format_error(reason))

  defp sync(replica, deadline) do
    case posted(replica, deadline) do
      {{:ok, 404, _answer}, %{names: [unknown, other]} = replica} -> posted(%{replica | names: [other, unknown]}, deadline)
      answered -> answered
    end
  end

  # Litestream may have ended, and begun anew, since the connection was last used.
  defp posted(%{connection: nil} = replica, deadline), do: answered(replica, deadline)

  defp posted(replica, deadline) do
    case answered(replica, deadline) do
      {{:error, reason}, replica} when reason in [:closed, :econnreset, :epipe, :enotconn] -> replica |> close() |> answered(deadline)
      answered -> answered
    end
  end

  defp answered(replica, deadline) do
    case connected(replica, deadline) do
      {:ok, replica} -> {asked(replica, deadline), replica}
      error -> {error, replica}
    end
  end

  defp connected(%{connection: nil} = replica, deadline) do
    options = [:binary, active: false, packet: :http_bin, packet_size: 8_192]
    with {:ok, connection} <- :gen_tcp.connect({:local, replica.path}, 0, options, left_ms(deadline)), do: {:ok, %{replica | connection: connection}}
  catch
    :exit, :badarg -> {:error, "its path is longer than that of a socket can be"}
  end

  # What is left of the answer before would be taken for that to the next question.
  defp connected(replica, deadline) do
    if :gen_tcp.recv(replica.connection, 0, 0) == {:error, :timeout}, do: {:ok, replica}, else: replica |> close() |> connected(deadline)
  end

  defp asked(%{connection: connection} = replica, deadline) do
    question = JSON.encode!(%{"path" => hd(replica.names), "wait" => true, "timeout" => div(replica.timeout_ms + 999, 1_000)})
    head = ["POST /sync HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ", "#{byte_size(question)}\r\n\r\n"]

    with :ok <- :gen_tcp.send(connection, [head, question]),
         {:ok, {:http_response, _version, status, _phrase}} <- receive_part(connection, deadline),
         {:ok, length} <- body_length(connection, deadline, nil),
         {:ok, body} <- body(connection, length, deadline),
         :ok <- :inet.setopts(connection, packet: :http_bin),
         {:ok, answer} <- decoded(body) do
      {:ok, status, if(is_map(answer), do: answer, else: %{})}
    else
      {:ok, _no_response} -> {:error, "its answer is not HTTP"}
      error -> error
    end
  end

  defp decoded(body) do
    {:ok, JSON.decode!(body)}
  rescue
    _no_json -> {:error, "its answer is no JSON"}
  end

  defp body_length(connection, deadline, length) do
    case receive_part(connection, deadline) do
      {:ok, {:http_header, _number, :"Content-Length", _name, value}} ->
        body_length(connection, deadline, Integer.parse(value))

      {:ok, {:http_header, _number, :"Transfer-Encoding", _name, coding}} ->
        body_length(connection, deadline, if(String.downcase(coding) == "chunked", do: :chunked, else: :error))

      {:ok, {:http_header, _number, _other, _name, _value}} ->
        body_length(connection, deadline, length)

      {:ok, :http_eoh} when length == :chunked ->
        {:ok, :chunked}

      {:ok, :http_eoh} ->
        if match?({length, ""} when length in 0..@most_answered, length), do: {:ok, elem(length, 0)}, else: {:error, "its answer has no length"}

      {:ok, _no_header} ->
        {:error, "its answer is not HTTP"}

      error ->
        error
    end
  end

  defp body(_connection, 0, _deadline), do: {:ok, ""}
  defp body(connection, :chunked, deadline), do: chunks(connection, deadline, "")

  defp body(connection, length, deadline) do
    with :ok <- :inet.setopts(connection, packet: :raw), do: :gen_tcp.recv(connection, length, left_ms(deadline))
  end

  # Each has its length before it, as a hexadecimal number with what may be said of it. The last one is empty.
  defp chunks(connection, deadline, body) do
    with :ok <- :inet.setopts(connection, packet: :line),
         {:ok, line} <- receive_part(connection, deadline),
         {:ok, length} <- chunk_length(line, @most_answered - byte_size(body)) do
      if length == 0, do: after_chunks(connection, deadline, body, @most_answered), else: chunk(connection, deadline, body, length)
    end
  end

  defp chunk_length(line, most) do
    case line |> String.split([";", "\r\n"], parts: 2) |> hd() |> Integer.parse(16) do
      {length, ""} when length in 0..most -> {:ok, length}
      _other -> {:error, "its answer has a chunk of no length"}
    end
  end

  defp chunk(connection, deadline, body, length) do
    with :ok <- :inet.setopts(connection, packet: :raw),
         {:ok, <<chunk::binary-size(length), "\r\n">>} <- :gen_tcp.recv(connection, length + 2, left_ms(deadline)) do
      chunks(connection, deadline, body <> chunk)
    else
      {:ok, _longer} -> {:error, "its answer has a chunk of another length"}
      error -> error
    end
  end

  # Lines that may follow, up to an empty one.
  defp after_chunks(connection, deadline, body, left) do
    case receive_part(connection, deadline) do
      {:ok, "\r\n"} -> {:ok, body}
      {:ok, line} when byte_size(line) < left -> after_chunks(connection, deadline, body, left - byte_size(line))
      {:ok, _line} -> {:error, "its answer has no end"}
      error -> error
    end
  end

  # What has come already would be given at any time, and more of it may come for ever.
  defp receive_part(connection, deadline) do
    case left_ms(deadline) do
      0 -> {:error, :timeout}
      left_ms -> :gen_tcp.recv(connection, 0, left_ms)
    end
  end

  defp left_ms(deadline), do: max(0, deadline - now_ms())

  defp now_ms, do: System.monotonic_time(:millisecond)

  # The path without links, as far as it is there.
  defp real(path) do
    [root | rest] = Path.split(path)
    Enum.reduce(rest, root, &followed(Path.join(&2, &1), 0))
  end

  defp followed(path, 40), do: path

  defp followed(path, links) do
    case File.read_link(path) do
      {:ok, target} -> target |> Path.expand(Path.dirname(path)) |> followed(links + 1)
      {:error, _no_link} -> path
    end
  end
end
