if Code.ensure_loaded?(Plug.Router) and Code.ensure_loaded?(Jason) do
  defmodule Shop.JSONRouter do
    @moduledoc "An app whose parsers stand in front of everything, as in Phoenix' endpoint."
    use Plug.Router

    plug(Plug.Parsers,
      parsers: [:urlencoded, :multipart, :json],
      body_reader: {Knocker.Plug.BodyReader, :read_body, [[under: "/webhooks"]]},
      json_decoder: Jason
    )

    plug(:match)
    plug(:dispatch)

    forward("/webhooks", to: Knocker.Plug, init_opts: [hooks: Shop.Hooks])

    match _ do
      send_resp(conn, 404, "not found")
    end
  end
end
