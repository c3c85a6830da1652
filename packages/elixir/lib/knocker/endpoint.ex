defmodule Knocker.Endpoint do
  @moduledoc """
  A name in the URL, who may send there, and the handlers of what arrives. `Knocker.endpoint/2` names one, and `Knocker.endpoint/3` declares one.
  """

  alias Knocker.{
    Connection,
    Database,
    DeclarationWarnings,
    EndpointSettings,
    Errors,
    Handlers,
    Hooks,
    IngestFields,
    InvalidArgumentError,
    Judges,
    Losses
  }

  alias Knocker.{JSON, OwnLock, Options, Receipt, ReceiveDurations, Traceparent, Tracing, UsageError, Verdict, WebhookRequest, Writer}

  @enforce_keys [:hooks, :name]
  defstruct [:hooks, :name]

  @typedoc "An endpoint of the hooks of that name."
  @type t :: %__MODULE__{hooks: term(), name: String.t()}

  @typedoc """
  What an endpoint is declared with: its stored settings (`Knocker.EndpointSettings`), and what is never stored.

  * `:secrets`: one, or a list of which each is tried, or a function of the `Knocker.WebhookRequest` that gives them, one a tenant for example. What it
    gives may be none: the request is refused then. Where it fails nothing is stored, and the answer is 500.
  * `:handler`: see `Knocker.Handler`.
  """
  @type settings :: keyword() | map()

  # A judgement is made again where the settings have changed since.
  @storing_tries 4

  # What judges a request, and what judges and stores it.
  @receive {"knocker_judge", "knocker_receive"}
  @ingest {"knocker_attest", "knocker_ingest"}

  @doc false
  def key(name), do: {:endpoint, name}

  @doc false
  # What this virtual machine knows of an endpoint that was declared here.
  @spec known(Hooks.t(), String.t()) :: {:ok, map()} | {:error, Exception.t()}
  def known(hooks, name) do
    case Hooks.known(hooks, key(name)) do
      nil -> {:error, unknown(name)}
      known -> {:ok, known}
    end
  end

  @doc false
  @spec all(Hooks.t()) :: [{String.t(), map()}]
  def all(hooks) do
    hooks.table |> :ets.match({{:endpoint, :"$1"}, :"$2"}) |> Enum.map(&List.to_tuple/1) |> Enum.sort()
  rescue
    # These hooks are closed.
    ArgumentError -> []
  end

  @doc false
  @spec handled(Hooks.t()) :: [String.t()]
  def handled(hooks), do: for({name, %{handlers: [_ | _]}} <- all(hooks), do: name)

  @doc false
  # Stores the settings, and keeps secrets and handlers for this virtual machine.
  @spec declare(Hooks.t(), atom() | String.t(), settings()) :: {:ok, t()} | {:error, Exception.t()}
  def declare(hooks, name, settings) do
    with {:ok, name, own, settings} <- read(name, settings),
         {:ok, settings} <- stored(name, settings),
         :ok <- require_secret(hooks, name, own, settings) do
      config = settings |> whole() |> JSON.encode!()

      with {:ok, before} <- on_file(hooks, name),
           {:ok, _id} <- Database.call(hooks, "knocker_endpoint", [name, config]),
           {:ok, now} <- on_file(hooks, name),
           :ok <- DeclarationWarnings.tell_of_changes(name, before, now),
           do: keep(hooks, name, Map.put(own, :config, config))
    end
  end

  defp on_file(hooks, name), do: Database.run(hooks, &DeclarationWarnings.stored(&1, name))

  @needs_secret "SELECT needs_secret FROM knocker_providers WHERE ?1 IN (SELECT name UNION ALL SELECT value FROM json_each(aliases))"

  # A provider that verifies by a secret could, without one, only refuse.
  defp require_secret(hooks, name, %{secret?: false}, %{"provider" => provider}) when is_binary(provider) do
    case Database.rows(hooks, @needs_secret, [provider]) do
      {:ok, [[1]]} -> usage("endpoint #{name}: #{provider} needs a secret, and there is none: give it with secrets:")
      {:ok, _other} -> :ok
      failed -> failed
    end
  end

  defp require_secret(_hooks, _name, _own, _settings), do: :ok

  defp stored(name, settings) do
    {:ok, EndpointSettings.to_map(settings)}
  rescue
    error in [UsageError, InvalidArgumentError] -> {:error, %{error | message: "endpoint #{name}: #{error.message}"}}
  end

  @doc false
  # Takes the settings as they are stored.
  @spec existing(Hooks.t(), atom() | String.t(), settings()) :: {:ok, t()} | {:error, Exception.t()}
  def existing(hooks, name, settings) do
    with {:ok, name, own, settings} <- read(name, settings) do
      if settings == %{},
        do: keep(hooks, name, Map.put(own, :config, nil)),
        else: usage("existing_endpoint keeps the stored settings: change them with update_endpoint, or declare them with endpoint")
    end
  end

  defp keep(hooks, name, known) do
    with {:ok, limit} <- stored_limit(hooks, name),
         :ok <- Database.run(hooks, &DeclarationWarnings.tell_of_unknown_types(&1, name, known.handlers)) do
      Hooks.note(hooks, key(name), Map.put(known, :max_body_bytes, limit))
      {:ok, %__MODULE__{hooks: hooks.name, name: name}}
    end
  end

  # What is left out gets its default, so that the code says all there is; an operator's switch alone outlives a deploy.
  defp whole(settings) do
    defaults = EndpointSettings.keys() |> Enum.reject(&(&1 == :enabled)) |> Map.new(&{Atom.to_string(&1), nil})

    Map.merge(defaults, settings, fn
      # The core keeps a part that is not named at all.
      "backoff", nil, %{} = parts -> Map.merge(%{"base_s" => nil, "factor" => nil, "cap_s" => nil}, parts)
      _key, nil, value -> value
    end)
  end

  @doc false
  # Stores the settings in another file that has come in the place of the one before.
  @spec declare_again(Hooks.t(), Connection.t()) :: :ok | {:error, Exception.t()}
  def declare_again(hooks, connection) do
    hooks
    |> all()
    |> Enum.filter(fn {_name, known} -> known.config end)
    |> Enum.reduce_while(:ok, fn {name, known}, :ok ->
      case declare_on(connection, hooks, name, known.config) do
        :ok -> {:cont, :ok}
        failed -> {:halt, failed}
      end
    end)
  end

  defp declare_on(connection, hooks, name, config) do
    with {:ok, before} <- DeclarationWarnings.stored(connection, name),
         {:ok, _id} <- Connection.call(connection, "knocker_endpoint", [name, config, Options.now(hooks.options)]),
         {:ok, now} <- DeclarationWarnings.stored(connection, name),
         do: DeclarationWarnings.tell_of_changes(name, before, now)
  end

  defp read(name, settings) when is_atom(name) and name not in [nil, true, false], do: read(Atom.to_string(name), settings)

  defp read(name, settings) when is_binary(name) do
    if Keyword.keyword?(settings) or (is_map(settings) and not is_struct(settings)),
      do: read_settings(name, settings),
      # Not what they are instead, which may be a secret.
      else: usage("endpoint #{inspect(name)}: its settings are a keyword list or a map")
  end

  defp read(_name, _settings), do: usage("the name of an endpoint is an atom or a text")

  defp read_settings(name, settings) do
    {own, settings} = settings |> Map.new() |> Map.split([:secrets, :handler])

    with :ok <- no_slip(name, settings),
         {:ok, secrets} <- secrets_of(name, own[:secrets]),
         {:ok, handlers} <- Handlers.of(own[:handler]) do
      {:ok, name, %{secrets: secrets, secret?: is_function(own[:secrets]) or List.wrap(own[:secrets]) != [], handlers: handlers}, settings}
    end
  end

  # The core, which names the settings that there are, knows neither.
  defp no_slip(name, settings) do
    case Enum.find([secret: :secrets, handlers: :handler], fn {slip, _meant} -> Map.has_key?(settings, slip) end) do
      {slip, meant} -> usage("endpoint #{name}: there is no #{slip}:, did you mean #{meant}:?")
      nil -> :ok
    end
  end

  # A function, because states and tables are printed and functions are not.
  defp secrets_of(_name, find) when is_function(find, 1), do: {:ok, find}

  defp secrets_of(name, given) do
    secrets = List.wrap(given)

    cond do
      not texts?(secrets) -> usage("endpoint #{name}: secrets: is a text, a list of texts, or a function of the request")
      Enum.any?(secrets, &(String.trim(&1) == "")) -> usage("endpoint #{name}: a secret is empty: is the environment variable set?")
      true -> {:ok, fn _request -> secrets end}
    end
  end

  defp texts?([]), do: true
  defp texts?([text | rest]), do: is_binary(text) and String.valid?(text) and texts?(rest)
  defp texts?(_no_list), do: false

  @doc false
  @spec limit(Hooks.t(), String.t()) :: {:ok, non_neg_integer()} | {:error, Exception.t()}
  def limit(hooks, name), do: with({:ok, known} <- known(hooks, name), do: {:ok, known.max_body_bytes})

  @doc false
  # The size limit as it is stored now: another process or an operator may have changed it.
  @spec stored_limit(Hooks.t(), String.t()) :: {:ok, non_neg_integer()} | {:error, Exception.t()}
  def stored_limit(hooks, name) do
    case Database.rows(hooks, "SELECT max_body_bytes FROM knocker_endpoints WHERE name = ?", [name]) do
      {:ok, [[limit]]} ->
        with {:ok, known} <- known(hooks, name), do: Hooks.note(hooks, key(name), %{known | max_body_bytes: limit})
        {:ok, limit}

      {:ok, []} ->
        {:error, unknown(name)}

      failed ->
        failed
    end
  end

  @doc false
  @spec receive(t(), WebhookRequest.t()) :: {:ok, Receipt.t()} | {:error, Exception.t()}
  def receive(%{hooks: hooks, name: name}, request) do
    with {:ok, hooks} <- Hooks.fetch(hooks),
         {:ok, known} <- known(hooks, name),
         :ok <- WebhookRequest.check(request) do
      tracing = Tracing.receiving(name, request.headers)

      received(hooks, name, tracing, size_of(request), fn ->
        with {:ok, secrets} <- find_secrets(known, name, request),
             do: store(hooks, name, @receive, WebhookRequest.head(request, tracing.added), request.body, [secrets])
      end)
    end
  end

  # Tells of the receipt.
  defp received(hooks, name, tracing, size, store) do
    with {:ok, receipt} <- Tracing.during(tracing, store) do
      Losses.tell(hooks, name, receipt, tracing, size)
      {:ok, receipt}
    end
  end

  # What the sender announced, or what was read of it.
  defp size_of(request) do
    announced =
      case Traceparent.named(request.headers)["content-length"] do
        [length] -> if length =~ ~r/\A[0-9]{1,18}\z/, do: String.to_integer(length), else: 0
        _none -> 0
      end

    max(announced, byte_size(request.body))
  end

  @doc false
  @spec ingest(t(), keyword() | map(), binary()) :: {:ok, Receipt.t()} | {:error, Exception.t()}
  def ingest(%{hooks: hooks, name: name}, fields, body) do
    with {:ok, hooks} <- Hooks.fetch(hooks),
         :ok <- if(is_binary(body), do: :ok, else: {:error, Errors.new("invalid_argument", "the body is a binary")}),
         do: ingest(hooks, name, IngestFields.to_map(fields), body, fields)
  end

  defp ingest(hooks, name, stated, body, fields) do
    headers = traced(fields[:headers])
    tracing = Tracing.receiving(name, headers)
    stated = if tracing.added == [], do: stated, else: Map.put(stated, "headers", with_added(headers, tracing.added))
    received(hooks, name, tracing, byte_size(body), fn -> store(hooks, name, @ingest, JSON.encode!(stated), body, []) end)
  end

  defp with_added(headers, added), do: for({header, value} <- WebhookRequest.with_added(headers, added), do: [header, value])

  # Headers that may have a trace. What is none is the core's to refuse.
  defp traced(headers) when is_map(headers) and not is_struct(headers), do: headers |> Map.to_list() |> traced()
  defp traced(headers) when is_list(headers), do: if(not List.improper?(headers) and Enum.all?(headers, &header?/1), do: headers, else: [])
  defp traced(_none), do: []

  defp header?({name, value}) when is_binary(name) and is_binary(value), do: true
  defp header?({name, values}) when is_binary(name) and is_list(values), do: not List.improper?(values) and Enum.all?(values, &is_binary/1)
  defp header?(_other), do: false

  defp store(hooks, name, functions, head, body, more) do
    began = System.monotonic_time()

    with {:ok, receipt} <- store(hooks, name, functions, head, body, more, @storing_tries) do
      ReceiveDurations.add(hooks, name, began)
      {:ok, receipt}
    end
  end

  # It is judged outside of any transaction, and what was found stored in the writer's; both at once there where nobody else is.
  defp store(hooks, name, {judge, whole} = functions, head, body, more, tries) do
    size = byte_size(head) + byte_size(body)
    given = [name, head, {:blob, body} | more]

    with :ok <- OwnLock.refuse(hooks),
         :accompanied <- Writer.call_alone(hooks, whole, given, size),
         {:ok, judgement} <- Judges.judge(hooks, size, judge, given ++ [Options.now(hooks.options)]) do
      Writer.call(hooks, "knocker_store", [name, {:blob, judgement}], byte_size(judgement))
    end
    |> case do
      {:ok, stored} -> {:ok, stored |> JSON.decode!() |> Receipt.from_json()}
      {:error, %{code: "stale_judgement"}} when tries > 1 -> store(hooks, name, functions, head, body, more, tries - 1)
      failed -> failed
    end
  end

  defp find_secrets(known, name, request) do
    secrets = List.wrap(known.secrets.(request))

    if texts?(secrets),
      do: {:ok, JSON.encode!(secrets)},
      else: usage("endpoint #{name}: the function of secrets: gives a text, a list of texts, or nil, and gave something else")
  end

  @doc false
  @spec verify(t(), WebhookRequest.t()) :: {:ok, Verdict.t()} | {:error, Exception.t()}
  def verify(%{hooks: hooks, name: name}, request) do
    with {:ok, hooks} <- Hooks.fetch(hooks),
         {:ok, known} <- known(hooks, name),
         :ok <- WebhookRequest.check(request),
         {:ok, secrets} <- find_secrets(known, name, request),
         {:ok, provider, options} <- provider_of(hooks, name),
         head = WebhookRequest.head(request),
         arguments = [provider, options, head, {:blob, request.body}, secrets, Options.now(hooks.options)],
         {:ok, verdict} <- Judges.judge(hooks, byte_size(head) + byte_size(request.body), "knocker_verify", arguments) do
      {:ok, verdict |> JSON.decode!() |> Verdict.from_json()}
    end
  end

  @doc false
  @spec sign(t(), WebhookRequest.t(), String.t()) :: {:ok, WebhookRequest.t()} | {:error, Exception.t()}
  def sign(%{hooks: hooks, name: name}, request, secret) do
    with {:ok, hooks} <- Hooks.fetch(hooks),
         :ok <- WebhookRequest.check(request),
         {:ok, provider, options} <- provider_of(hooks, name),
         do: sign_as(hooks, provider, options, request, secret)
  end

  @doc false
  @spec sign_as(Hooks.t(), String.t(), String.t() | nil, WebhookRequest.t(), String.t()) :: {:ok, WebhookRequest.t()} | {:error, Exception.t()}
  def sign_as(hooks, provider, options, request, secret) do
    arguments = [provider, options, WebhookRequest.head(request), {:blob, request.body}, secret, Options.now(hooks.options)]

    with {:ok, signed} <- Database.run(hooks, &Connection.call(&1, "knocker_sign", arguments)),
         do: {:ok, WebhookRequest.signed(request, JSON.decode!(signed))}
  end

  defp provider_of(hooks, name) do
    case Database.rows(hooks, "SELECT provider, options FROM knocker_endpoints WHERE name = ?", [name]) do
      {:ok, [[provider, options]]} when provider != nil -> {:ok, provider, options}
      {:ok, [_without_provider]} -> usage("endpoint #{name} has no provider")
      {:ok, []} -> {:error, unknown(name)}
      failed -> failed
    end
  end

  @doc false
  def unknown(name), do: Errors.new("unknown_endpoint", "there is no endpoint #{name}")

  defp usage(message), do: {:error, Errors.new("usage", message)}
end
