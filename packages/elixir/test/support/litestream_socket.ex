defmodule Knocker.LitestreamSocket do
  @moduledoc false
  # What Litestream's control socket is to a receipt: a small HTTP server on a Unix socket that takes `POST /sync`. It tells the test of each question, and
  # answers with what it was given last, once it is not held.

  def synced, do: {200, ~s({"status": "synced", "txid": 7, "replicated_txid": 7})}

  @doc "Listens at that path until it is stopped; sends `{:asked, question}` to the caller."
  def start(path, answer \\ synced()) do
    test = self()
    {:ok, state} = Agent.start_link(fn -> %{answer: answer, connections: 0} end)
    {:ok, listener} = :gen_tcp.listen(0, [:binary, ifaddr: {:local, path}, active: false, packet: :http_bin])
    server = spawn_link(fn -> accept(listener, state, test) end)
    %{state: state, listener: listener, server: server, path: path}
  end

  def answer(litestream, answer), do: Agent.update(litestream.state, &%{&1 | answer: answer})

  def connections(litestream), do: Agent.get(litestream.state, & &1.connections)

  @doc "Ends it, with its connections."
  def stop(litestream) do
    Process.unlink(litestream.server)
    Process.exit(litestream.server, :kill)
    :gen_tcp.close(litestream.listener)
    File.rm(litestream.path)
  end

  # The connections are of linked processes, which end with it.
  defp accept(listener, state, test) do
    {:ok, connection} = :gen_tcp.accept(listener)
    Agent.update(state, &%{&1 | connections: &1.connections + 1})

    serving =
      spawn_link(fn ->
        receive do: (:yours -> serve(connection, state, test))
      end)

    :ok = :gen_tcp.controlling_process(connection, serving)
    send(serving, :yours)
    accept(listener, state, test)
  end

  defp serve(connection, state, test) do
    with {:ok, {:http_request, :POST, {:abs_path, "/sync"}, {1, 1}}} <- :gen_tcp.recv(connection, 0),
         length = body_length(connection, 0),
         :inet.setopts(connection, packet: :raw),
         {:ok, body} <- :gen_tcp.recv(connection, length) do
      send(test, {:asked, Knocker.JSON.decode!(body)})
      :gen_tcp.send(connection, said(released(state)))
      :inet.setopts(connection, packet: :http_bin)
      serve(connection, state, test)
    else
      _gone -> :ok
    end
  end

  # More than one answer, or what is to be sent as it is.
  defp said(answers) when is_list(answers), do: Enum.map(answers, &said/1)
  defp said({:raw, bytes}), do: bytes

  defp said({status, text}),
    do: "HTTP/1.1 #{status} Said\r\nContent-Type: application/json\r\nContent-Length: #{byte_size(text)}\r\n\r\n#{text}"

  defp body_length(connection, length) do
    case :gen_tcp.recv(connection, 0) do
      {:ok, {:http_header, _number, :"Content-Length", _name, value}} -> body_length(connection, String.to_integer(value))
      {:ok, :http_eoh} -> length
      {:ok, _other} -> body_length(connection, length)
    end
  end

  defp released(state) do
    case Agent.get(state, & &1.answer) do
      :held ->
        Process.sleep(2)
        released(state)

      answer ->
        answer
    end
  end
end
