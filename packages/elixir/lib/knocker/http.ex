defmodule Knocker.HTTP do
  @moduledoc """
  What an endpoint answers to an HTTP request, whatever the server: for servers without Plug, and what `Knocker.Plug` is made of.

  A server gives the head of the request and a function that reads the body, and sends what comes back.
  """

  alias Knocker.{Decision, Endpoint, Errors, Hooks, Losses, Tenants, WebhookRequest}
  alias Knocker.HTTP.Host

  require Logger

  @retry_after "5"

  @typedoc """
  The head of a request. `:target` and `:headers` are bytes as they were sent, with the headers' names in lower case; `:peer` is the address of who sent it,
  or nil for a peer without one.
  """
  @type head :: %{
          method: String.t(),
          target: binary(),
          headers: [{String.t(), binary()}],
          scheme: :http | :https,
          peer: :inet.ip_address() | nil
        }

  @typedoc """
  Reads the body: all of it, or its beginning where there is more than `limit` bytes. It reads no more than a byte beyond that, within `timeout_ms`.
  `:incomplete` is a body that ended early. What the server knows of the connection goes in and comes out.
  """
  @type reader(connection) ::
          (connection, limit :: non_neg_integer(), timeout_ms :: pos_integer() ->
             {{:ok, binary()} | {:too_large, binary()} | {:error, :timeout | :incomplete}, connection})

  @typedoc "An answer. After `:close`, the connection is to be closed: there may be more of the body to come."
  @type answer :: %{status: 200..599, headers: [{String.t(), String.t()}], body: binary(), close: boolean()}

  @doc "The endpoint that a target names by the last part of its path, wherever it is mounted; a slash at the end changes nothing, one that is escaped parts nothing."
  @spec name_of(binary()) :: String.t()
  def name_of(target) do
    target |> parts_of() |> hd() |> unescaped()
  end

  @doc "The tenant that a target names by the part of its path before the endpoint's: `/webhooks/acme/stripe` is of `acme`. Empty where there is none."
  @spec tenant_of(binary()) :: String.t()
  def tenant_of(target) do
    case parts_of(target) do
      [_endpoint, tenant | _rest] -> unescaped(tenant)
      _none -> ""
    end
  end

  # The last one first.
  defp parts_of(target) do
    [path | _query] = :binary.split(target, ["?", "#"])
    path = if String.ends_with?(path, "/"), do: binary_part(path, 0, byte_size(path) - 1), else: path
    path |> :binary.split("/", [:global]) |> Enum.reverse()
  end

  defp unescaped(name) do
    name = URI.decode(name)
    if String.valid?(name), do: name, else: ""
  rescue
    # An escape that is none is part of a name that nobody has.
    ArgumentError -> ""
  end

  @doc "Receives one request for an endpoint of these hooks, and says what to answer."
  @spec respond(term(), String.t(), head(), connection, reader(connection)) :: {answer(), connection} when connection: term()
  def respond(hooks, name, head, connection, read) do
    respond_with(fn work -> with({:ok, found} <- Hooks.fetch(hooks), do: work.(found)) end, name, head, connection, read)
  end

  @doc """
  As `respond/5`, for an endpoint of a tenant (`Knocker.Tenants`). A tenant that there is not, and nil, is answered 404; where too many files are in use, 503.
  Whatever the log says meanwhile has `tenant`.
  """
  @spec respond_for(term(), String.t() | nil, String.t(), head(), connection, reader(connection)) :: {answer(), connection} when connection: term()
  def respond_for(tenants, tenant, name, head, connection, read) do
    use = fn work ->
      with {:ok, result} <- Tenants.hooks(tenants, tenant, &with({:ok, found} <- Hooks.fetch(&1), do: work.(found))), do: result
    end

    before = Logger.metadata()
    # Of a host or a path, perhaps, whose bytes need not be a text.
    if is_binary(tenant) and String.valid?(tenant), do: Logger.metadata(tenant: tenant)

    try do
      respond_with(use, name, head, connection, read)
    after
      Logger.reset_metadata(before)
    end
  end

  # `use` runs a function with the hooks. Not while the body comes: a sender that takes its time would keep a tenant's file open for nothing.
  defp respond_with(use, name, head, connection, read) do
    case use.(&before_reading(&1, name, head)) do
      {:ok, {url, length, limit, patience_ms}} ->
        {result, connection} = body(connection, read, length, limit, patience_ms)
        stored = use.(&{:ok, after_reading(result, &1, name, head, url, length, limit)})
        {name |> answer(stored) |> without_body(head), connection}

      refused ->
        {name |> answer(refused) |> without_body(head), connection}
    end
  end

  defp without_body(answer, %{method: "HEAD"}), do: %{answer | body: ""}
  defp without_body(answer, _head), do: answer

  defp answer(_name, {:ok, answer}), do: answer
  defp answer(_name, :bad_host), do: plain(400, "bad host", true)
  defp answer(_name, :bad_length), do: plain(400, "bad content-length", true)
  defp answer(name, {:error, error}), do: refused(name, error)

  # How the body is to be read.
  defp before_reading(hooks, name, head) do
    with {:ok, _known} <- Endpoint.known(hooks, name),
         {:ok, url} <- Host.url(hooks.options, head.headers, head.target, head.scheme, head.peer),
         {:ok, length} <- length_of(head.headers),
         {:ok, limit} <- limit(hooks, name, length),
         do: {:ok, {url, length, limit, hooks.options.body_timeout_ms}}
  end

  # Nothing of a body that is announced too large is read.
  defp body(connection, _read, length, limit, _patience) when is_integer(length) and length > limit, do: {{:too_large, ""}, connection}
  defp body(connection, read, _length, limit, patience), do: read.(connection, limit, patience)

  # Chunks without a byte: none were sent, or something in front of the endpoint has read them, which cannot be told apart.
  defp after_reading({:ok, ""}, hooks, name, _head, _url, :unknown, _limit) do
    detail = "chunks without a byte: none were sent, or something in front of the endpoint has read the body"
    Losses.tell(hooks, name, %{outcome: :invalid, reason: nil, detail: detail}, nil, 0)
    plain(411, "send a content-length")
  end

  # The server holds senders to what they announce.
  defp after_reading({:ok, body}, _hooks, name, _head, _url, length, _limit) when is_integer(length) and byte_size(body) < length,
    do: refused(name, Errors.new("body_consumed", "something in front of the endpoint has read the body of the request, or some of it"))

  defp after_reading({kind, body}, hooks, name, head, url, _length, _limit) when kind in [:ok, :too_large] do
    store(hooks, name, head, url, {body, kind == :too_large})
  end

  defp after_reading({:error, :timeout}, _hooks, _name, _head, _url, _length, _limit), do: plain(408, "the body took too long", true)
  defp after_reading({:error, :incomplete}, _hooks, _name, _head, _url, _length, _limit), do: plain(400, "the body ended early", true)

  @doc false
  # What a request says of its body: a number of bytes, or `:unknown` where it comes in chunks.
  @spec length_of([{String.t(), binary()}]) :: {:ok, non_neg_integer() | :unknown} | :bad_length
  def length_of(headers) do
    lengths = for {"content-length", value} <- headers, do: String.trim(value)

    case {Enum.uniq(lengths), List.keymember?(headers, "transfer-encoding", 0)} do
      {[], chunked} -> {:ok, if(chunked, do: :unknown, else: 0)}
      {[length], false} -> if length =~ ~r/\A[0-9]{1,18}\z/, do: {:ok, String.to_integer(length)}, else: :bad_length
      # Two lengths are none.
      _other -> :bad_length
    end
  end

  # Another process, or an operator, may have changed it.
  defp limit(hooks, name, length) do
    with {:ok, limit} when length == :unknown or length > limit <- Endpoint.limit(hooks, name), do: Endpoint.stored_limit(hooks, name)
  end

  defp store(hooks, name, head, url, {body, truncated}) do
    headers = for {name, value} <- head.headers, do: {WebhookRequest.latin(name), WebhookRequest.latin(value)}

    request = %WebhookRequest{
      method: WebhookRequest.latin(head.method),
      url: WebhookRequest.latin(url),
      headers: headers,
      body: body,
      truncated: truncated
    }

    case Knocker.receive(%Endpoint{hooks: hooks.name, name: name}, request) do
      {:ok, receipt} ->
        response = receipt.response
        body = if response.status == 204, do: "", else: response.body
        %{status: response.status, headers: Enum.to_list(response.headers), body: body, close: truncated}

      {:error, error} ->
        refused(name, error)
    end
  rescue
    # Of the application's own function of secrets, most likely: its message may hold one.
    error -> internal(name, inspect(error.__struct__))
  catch
    kind, _reason -> internal(name, to_string(kind))
  end

  defp internal(name, kind) do
    Logger.error("a receipt of #{name} was not stored: an error of the application's own (#{kind}; its function of secrets?)",
      record: "receipt_failed",
      endpoint: name,
      code: "internal",
      status: 500,
      error: kind
    )

    plain(500, "internal error: nothing was stored", true)
  end

  # Where nothing was stored. Where that may pass, the sender is told when to try again. No word of the inside goes out.
  defp refused(_name, %{code: code}) when code in ["unknown_endpoint", "unknown_tenant"], do: plain(404, "no such endpoint", true)

  defp refused(name, error) do
    text = Decision.message(error)
    passes = error.family == :database or error.code in ["stale_judgement", "closed"]
    status = if passes, do: 503, else: 500
    facts = [record: "receipt_failed", endpoint: name, code: error.code, status: status, error: text]
    what = if error.code == "not_replicated", do: "replicated", else: "stored"
    Logger.error("a receipt of #{name} was not #{what}: #{text}", facts)

    if passes do
      answer = plain(503, "try again later", true)
      %{answer | headers: [{"retry-after", @retry_after} | answer.headers]}
    else
      plain(500, "internal error: nothing was stored", true)
    end
  end

  @doc false
  @spec plain(200..599, String.t(), boolean()) :: answer()
  def plain(status, text, close \\ false), do: %{status: status, headers: [{"content-type", "text/plain; charset=utf-8"}], body: text, close: close}
end
