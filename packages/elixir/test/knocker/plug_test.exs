# Runs where Plug and Bandit are: see KNOCKER_DEPS in mix.exs.
if Code.ensure_loaded?(Plug.Router) and Code.ensure_loaded?(Bandit) do
  defmodule Knocker.PlugTest do
    # The log is everybody's.
    use ExUnit.Case, async: false

    defmodule App do
      use Plug.Builder

      plug(:before)
      plug(:routed)

      # What stands in front of the application, and reads bodies and throws them away.
      def before(conn, %{reads_body: true}) do
        if String.ends_with?(conn.request_path, "/fence"), do: conn, else: elem(Plug.Conn.read_body(conn), 2)
      end

      def before(conn, _options), do: conn

      def routed(%{path_info: ["webhooks" | _rest]} = conn, options), do: Knocker.Plug.call(conn, options.knocker)
      def routed(conn, _options), do: Plug.Conn.send_resp(conn, 404, "not found")

      @impl true
      def init(options), do: options

      @impl true
      def call(conn, options), do: conn |> before(options) |> routed(options)
    end

    defmodule Server do
      def start(hooks, reads_body) do
        options = %{knocker: Knocker.Plug.init(hooks: hooks), reads_body: reads_body}

        server =
          ExUnit.Callbacks.start_supervised!(
            {Bandit, plug: {App, options}, ip: :loopback, port: 0, startup_log: false, http_options: [log_protocol_errors: false]}
          )

        {:ok, {_address, port}} = ThousandIsland.listener_info(server)
        port
      end
    end

    use Knocker.HTTPCases, server: Server
  end

  defmodule Knocker.PlugUnderParsersTest do
    use ExUnit.Case, async: true
    use Knocker.Testing, endpoints: [github: [provider: "github", secrets: ["test-secret"]]]

    alias Knocker.Plug.BodyReader

    @moduletag :capture_log

    defp conn(path, request) do
      Enum.reduce(request.headers, Plug.Test.conn("POST", path, request.body), fn {name, value}, conn ->
        Plug.Conn.put_req_header(conn, String.downcase(name), value)
      end)
    end

    defp signed(hooks, body, type \\ "push") do
      headers = [
        {"content-length", "#{byte_size(body)}"},
        {"x-github-event", type},
        {"x-github-delivery", "d-1"},
        {"content-type", "application/json"}
      ]

      sign(hooks, :github, "test-secret", body, headers)
    end

    # Phoenix has its parsers in front of the router.
    defp parsed(hooks, body_reader, body) do
      parsers = Plug.Parsers.init([parsers: [:json], json_decoder: Knocker.JSON] ++ body_reader)
      conn("/webhooks/github", signed(hooks, body)) |> Plug.Parsers.call(parsers) |> Knocker.Plug.call(Knocker.Plug.init(hooks: hooks))
    end

    test "a body that the parsers read through the reader is verified byte for byte", %{hooks: hooks} do
      body = ~s({"a": 1,  "b":\n2})
      conn = parsed(hooks, [body_reader: {BodyReader, :read_body, [[under: "/webhooks"]]}], body)
      assert conn.status == 200
      assert conn.halted
      assert conn.body_params == %{"a" => 1, "b" => 2}
      assert [%{type: "push", body: ^body}] = Enum.to_list(Knocker.events(hooks, body: true))
    end

    test "a body that they have read without it is answered 500, and nothing is stored", %{hooks: hooks} do
      assert parsed(hooks, [], ~s({"a": 1})).status == 500
      # The reader keeps nothing of what is mounted elsewhere.
      assert parsed(hooks, [body_reader: {BodyReader, :read_body, [[under: "/elsewhere"]]}], ~s({"a": 1})).status == 500
      assert Enum.to_list(Knocker.deliveries(hooks)) == []
    end

    test "an endpoint that is named is the one, whatever the path", %{hooks: hooks} do
      conn = conn("/some/where", signed(hooks, "{}"))
      assert Knocker.Plug.call(conn, Knocker.Plug.init(hooks: hooks, endpoint: :github)).status == 200
      assert_raise Knocker.UsageError, fn -> Knocker.Plug.init(hook: hooks) end
    end

    test "a host that no header says, as of HTTP/2, is the connection's", %{hooks: hooks} do
      assert Knocker.Plug.call(conn("/webhooks/github", signed(hooks, "{}")), Knocker.Plug.init(hooks: hooks)).status == 200
      assert [%{headers: %{"host" => "www.example.com"}}] = Enum.to_list(Knocker.deliveries(hooks))
    end
  end
end
