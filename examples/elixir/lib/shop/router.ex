if Code.ensure_loaded?(Plug.Router) do
  defmodule Shop.Router do
    use Plug.Router

    plug(:match)
    plug(:dispatch)

    forward("/webhooks", to: Knocker.Plug, init_opts: [hooks: Shop.Hooks])

    get "/health" do
      {:ok, %{events: events}} = Knocker.stats(Shop.Hooks)
      send_resp(conn, 200, ~s({"waiting":#{events.received + events.failed},"dead":#{events.dead}}))
    end

    match _ do
      send_resp(conn, 404, "not found")
    end
  end
end
