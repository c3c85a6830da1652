defmodule Knocker.Plug.BodyReader do
  @moduledoc """
  Keeps the raw bytes that `Plug.Parsers` reads, for `Knocker.Plug` behind it:

      plug Plug.Parsers,
        parsers: [:urlencoded, :multipart, :json],
        body_reader: {Knocker.Plug.BodyReader, :read_body, [[under: "/webhooks"]]},
        json_decoder: Jason

  `under:` is where the webhooks are mounted: other requests are read as without it, and nothing of them is kept. Bodies that no parser reads, and those of
  the `:multipart` parser, do not come here: `Knocker.Plug` reads the former itself. What the parsers refuse (their `:length`, or JSON that is none) they answer themselves.
  """

  @kept :knocker_body

  @doc "As `Plug.Conn.read_body/2`."
  @spec read_body(Plug.Conn.t(), keyword(), keyword()) :: {:ok, binary(), Plug.Conn.t()} | {:more, binary(), Plug.Conn.t()} | {:error, term()}
  def read_body(conn, read_options, options \\ []) do
    with {read, part, conn} <- Plug.Conn.read_body(conn, read_options) do
      {read, part, if(kept?(conn, options[:under]), do: keep(conn, read, part), else: conn)}
    end
  end

  defp kept?(_conn, nil), do: true
  defp kept?(conn, under), do: conn.request_path == under or String.starts_with?(conn.request_path, String.trim_trailing(under, "/") <> "/")

  defp keep(conn, read, part) do
    {_read, before} = Map.get(conn.private, @kept, {:more, []})
    Plug.Conn.put_private(conn, @kept, {read, [before, part]})
  end

  @doc false
  @spec kept(Plug.Conn.t()) :: {:ok, binary()} | :none
  def kept(conn) do
    case conn.private do
      %{@kept => {:ok, parts}} -> {:ok, IO.iodata_to_binary(parts)}
      _other -> :none
    end
  end
end
