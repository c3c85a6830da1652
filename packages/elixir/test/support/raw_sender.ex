defmodule Knocker.RawSender do
  @moduledoc false
  # A sender that does not care for the rules: the steps of the conformance data of the kind http.

  import ExUnit.Assertions
  import Knocker.ConformanceData, only: [strictly: 2]

  @patience_ms 20_000

  @doc "Plays the steps against a port, and gives the status (or closed) of the last answer that was not the first of its list."
  def play(port, steps) do
    {connections, other} = Enum.reduce(steps, {%{}, nil}, &step(port, &1, &2))
    for {_name, %{socket: socket}} <- connections, do: :gen_tcp.close(socket)
    other
  end

  defp step(port, step, {connections, other}) do
    strictly(step, ~w(on send send_base64 times answer close))
    name = step["on"]
    connections = Map.put_new_lazy(connections, name, fn -> connect(port) end)
    connection = connections[name]

    cond do
      step["answer"] ->
        {connection, status} = answer(connection, strictly(step["answer"], ~w(status headers body)))
        {Map.put(connections, name, connection), status || other}

      step["close"] ->
        close(connection.socket, step["close"])
        {connections, other}

      true ->
        {Map.put(connections, name, send_it(connection, content(step))), other}
    end
  end

  defp connect(port) do
    {:ok, socket} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false, packet: :raw, nodelay: true])
    %{socket: socket, read: "", methods: []}
  end

  defp close(socket, "half"), do: :gen_tcp.shutdown(socket, :write)
  defp close(socket, "all"), do: :gen_tcp.close(socket)

  defp close(socket, "reset") do
    :inet.setopts(socket, linger: {true, 0})
    :gen_tcp.close(socket)
  end

  defp content(%{"send_base64" => text}), do: Base.decode64!(text)

  defp content(step) do
    text = if is_list(step["send"]), do: Enum.join(step["send"], "\r\n"), else: step["send"]
    String.duplicate(text, step["times"] || 1)
  end

  # All of it, or as much as the other side takes.
  defp send_it(connection, content) do
    :gen_tcp.send(connection.socket, content)
    begun = binary_part(content, 0, min(byte_size(content), 65_536))
    found = for [_all, method] <- Regex.scan(~r/(?:\A|\r\n\r\n.*?)([A-Z]+) \S+ HTTP\/1/s, begun), do: method
    %{connection | methods: connection.methods ++ found}
  end

  defp answer(connection, expected) do
    wanted = List.wrap(expected["status"] || [nil])
    {method, methods} = List.pop_at(connection.methods, 0, "POST")

    case read_answer(connection, method) do
      {:ok, status, headers, body, connection} ->
        assert status in wanted, "answered #{status} #{inspect(body)}, expected #{inspect(expected["status"])}"
        refute body =~ "vault.internal" or body =~ ~r/\.exs?\b/, "an answer tells of the inside: #{body}"
        connection = %{connection | methods: methods}

        if status == hd(wanted) do
          check(expected, headers, body)
          {connection, nil}
        else
          {connection, to_string(status)}
        end

      :closed ->
        assert nil in wanted, "no answer, expected #{inspect(expected["status"])}"
        {connection, if(hd(wanted) != nil, do: "closed")}
    end
  end

  defp check(expected, headers, body) do
    for {name, value} <- expected["headers"] || %{} do
      given = for {^name, given} <- headers, do: given

      assert if(value, do: Enum.join(given, ", "), else: nil) == value and (value != nil or given == []),
             "#{name} is #{inspect(given)}, expected #{inspect(value)}"
    end

    if expected["body"], do: assert(body == expected["body"])
  end

  # The next one that is not an interim one.
  defp read_answer(connection, method) do
    with {:ok, head, connection} <- until(connection, "\r\n\r\n") do
      [line | lines] = String.split(head, "\r\n")
      ["HTTP/1." <> _minor, status | _reason] = String.split(line, " ", parts: 3)
      headers = for line <- lines, [name, value] = String.split(line, ":", parts: 2), do: {String.downcase(name), String.trim(value)}

      case String.to_integer(status) do
        status when status < 200 -> read_answer(connection, method)
        status -> with {:ok, body, connection} <- read_body(connection, method, status, headers), do: {:ok, status, headers, body, connection}
      end
    end
  end

  defp read_body(connection, method, status, _headers) when method == "HEAD" or status in [204, 304], do: {:ok, "", connection}

  defp read_body(connection, _method, _status, headers) do
    case {List.keyfind(headers, "content-length", 0), List.keyfind(headers, "transfer-encoding", 0)} do
      {{_name, length}, _coding} -> exactly(connection, String.to_integer(length))
      {nil, {_name, "chunked"}} -> chunks(connection, "")
      {nil, nil} -> to_the_end(connection)
    end
  end

  defp chunks(connection, body) do
    with {:ok, line, connection} <- until(connection, "\r\n"),
         {size, _extension} = Integer.parse(line, 16),
         {:ok, data, connection} <- exactly(connection, size + 2) do
      if size == 0, do: {:ok, body, connection}, else: chunks(connection, body <> binary_part(data, 0, size))
    end
  end

  defp until(connection, ending) do
    case :binary.split(connection.read, ending) do
      [part, rest] -> {:ok, part, %{connection | read: rest}}
      [_part] -> with {:ok, connection} <- more(connection), do: until(connection, ending)
    end
  end

  defp exactly(%{read: read} = connection, size) when byte_size(read) >= size do
    <<part::binary-size(size), rest::binary>> = read
    {:ok, part, %{connection | read: rest}}
  end

  defp exactly(connection, size), do: with({:ok, connection} <- more(connection), do: exactly(connection, size))

  defp to_the_end(connection) do
    case more(connection) do
      {:ok, connection} -> to_the_end(connection)
      :closed -> {:ok, connection.read, %{connection | read: ""}}
    end
  end

  defp more(connection) do
    case :gen_tcp.recv(connection.socket, 0, @patience_ms) do
      {:ok, more} -> {:ok, %{connection | read: connection.read <> more}}
      {:error, :timeout} -> flunk("nothing was answered for #{@patience_ms} ms")
      {:error, _closed} -> :closed
    end
  end
end
