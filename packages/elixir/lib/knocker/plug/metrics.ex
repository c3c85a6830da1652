defmodule Knocker.Plug.Metrics do
  @moduledoc """
  Serves `Knocker.metrics/2` in an application with [Plug](https://hex.pm/packages/plug), and OpenMetrics to who asks for it:

      forward "/metrics", to: Knocker.Plug.Metrics, init_opts: [hooks: MyApp.Hooks]

  It tells the names of your endpoints and how busy they are, so mount it where only your monitoring comes by.
  """

  # Compiled without Plug, too, so that an application may add Plug later without compiling Knocker again.
  if Code.ensure_loaded?(Plug), do: @behaviour(Plug)

  alias Knocker.Errors
  alias Knocker.HTTP.Metrics

  @doc false
  def init(options) do
    case Keyword.keys(options) -- [:hooks] do
      [] -> Keyword.get(options, :hooks, Knocker)
      [unknown | _rest] -> raise Errors.new("usage", "Knocker.Plug.Metrics has no option #{inspect(unknown)}; it takes hooks:")
    end
  end

  @doc false
  def call(conn, hooks) do
    answer = Metrics.respond(hooks, conn |> Plug.Conn.get_req_header("accept") |> Enum.join(","))

    answer.headers
    |> Enum.reduce(conn, fn {name, value}, conn -> Plug.Conn.put_resp_header(conn, name, value) end)
    |> Plug.Conn.send_resp(answer.status, answer.body)
    |> Plug.Conn.halt()
  end
end
