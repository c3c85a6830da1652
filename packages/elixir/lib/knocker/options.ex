defmodule Knocker.Options do
  @moduledoc false
  # How a file is opened. The options are documented where users give them: in Knocker.

  alias Knocker.{Errors, Library}

  @enforce_keys [:path, :extension, :driver]
  defstruct [
    :path,
    :extension,
    :driver,
    :clock,
    :public_url,
    :on_error,
    :on_dead,
    :telemetry,
    :replicated,
    synchronous: :full,
    busy_timeout_ms: 5_000,
    replicated_timeout_ms: 5_000,
    body_timeout_ms: 30_000,
    trusted_proxies: [],
    # Whether a file is made where there is none: of many files, none is. Nobody gives it.
    create: true
  ]

  @type t :: %__MODULE__{}

  # What a timer of Erlang's takes.
  @longest_ms 0xFFFF_FFFF

  @given [
    :database,
    :extension,
    :driver,
    :clock,
    :public_url,
    :trusted_proxies,
    :on_error,
    :on_dead,
    :telemetry,
    :synchronous,
    :busy_timeout_ms,
    :replicated,
    :replicated_timeout_ms,
    :body_timeout_ms
  ]

  @doc "Reads the options of `Knocker.start_link/1`, without name and endpoints."
  @spec read(keyword()) :: {:ok, t()} | {:error, Exception.t()}
  def read(given) do
    with :ok <- refuse_unknown(given),
         {:ok, path} <- path_of(given[:database]),
         {:ok, extension} <- extension_of(given[:extension]),
         {:ok, driver} <- driver_of(given[:driver]),
         {:ok, replicated} <- replicated_of(given[:replicated]),
         {:ok, proxies} <- proxies_of(given[:trusted_proxies] || []) do
      given
      |> Keyword.drop([:database])
      |> Keyword.merge(path: path, extension: extension, driver: driver, replicated: replicated, trusted_proxies: proxies)
      |> then(&struct!(__MODULE__, &1))
      |> check()
    end
  end

  defp refuse_unknown(given) do
    case Enum.find(given, fn {key, _value} -> key not in @given end) do
      nil -> :ok
      {key, _value} -> usage("there is no option #{inspect(key)}; there are #{Enum.map_join(@given, ", ", &inspect/1)}")
    end
  end

  defp path_of(path) when path in [nil, "", ":memory:"], do: usage("database: needs the path of a file; Knocker.Testing makes one in tests")
  defp path_of(path), do: if(path?(path), do: {:ok, Path.expand(path)}, else: usage("database: is the path of a file, a text in UTF-8"))

  defp path?(path), do: is_binary(path) and String.valid?(path) and not String.contains?(path, <<0>>)

  defp extension_of(given), do: if(given == nil or path?(given), do: Library.path(given), else: usage("extension: is the path of the library"))

  defp driver_of(nil), do: {:ok, Knocker.Driver.default()}

  defp driver_of(driver) do
    if is_atom(driver) and Code.ensure_loaded?(driver) and function_exported?(driver, :execute, 3),
      do: {:ok, driver},
      else: usage("driver: is a module that is a Knocker.Driver")
  end

  defp replicated_of(nil), do: {:ok, nil}

  defp replicated_of(socket) do
    if path?(socket) and String.trim(socket) != "",
      do: {:ok, Path.expand(socket)},
      else: usage("replicated: is the path of Litestream's control socket; without this option no receipt waits for a replica")
  end

  defp check(options) do
    cond do
      options.synchronous not in [:full, :normal] -> usage("synchronous: is :full or :normal")
      not natural?(options.busy_timeout_ms) -> usage("busy_timeout_ms: is a number of milliseconds, or 0")
      not natural?(options.body_timeout_ms) or options.body_timeout_ms == 0 -> usage("body_timeout_ms: is a number of milliseconds")
      not natural?(options.replicated_timeout_ms) or options.replicated_timeout_ms == 0 -> usage("replicated_timeout_ms: is a number of milliseconds")
      options.public_url && not base_url?(options.public_url) -> usage("public_url: is the base URL of the application, such as https://shop.example")
      not function_or_nil?(options.clock, 0) -> usage("clock: is a function without arguments")
      not function_or_nil?(options.on_error, 2) -> usage("on_error: is a function of an error and an event")
      not function_or_nil?(options.on_dead, 2) -> usage("on_dead: is a function of an event and a reason")
      not function_or_nil?(options.telemetry, 3) -> usage("telemetry: is a function of a name, measurements and metadata")
      true -> {:ok, options}
    end
  end

  defp natural?(value), do: is_integer(value) and value in 0..@longest_ms
  defp function_or_nil?(value, arity), do: is_nil(value) or is_function(value, arity)

  defp base_url?(url) when not is_binary(url), do: false

  defp base_url?(url) do
    case if(String.valid?(url), do: URI.parse(url)) do
      %URI{scheme: scheme, host: host, query: nil, fragment: nil} when scheme in ["http", "https"] and host not in [nil, ""] -> true
      _other -> false
    end
  end

  defp proxies_of(given), do: collect(List.wrap(given), [])

  defp collect(given, _done) when not is_list(given), do: usage("trusted_proxies: is a list of addresses, networks and :unix")
  defp collect([], done), do: {:ok, Enum.reverse(done)}
  defp collect([:unix | rest], done), do: collect(rest, [:unix | done])

  defp collect([text | rest], done) when is_binary(text) do
    {address, length} =
      case String.split(text, "/") do
        [address] -> {address, nil}
        [address, length] -> {address, length}
        _other -> {"", nil}
      end

    with true <- String.valid?(address),
         {:ok, parsed} <- :inet.parse_strict_address(to_charlist(address)),
         bits = Knocker.HTTP.Host.bits(parsed),
         {length, ""} <- Integer.parse(length || Integer.to_string(bit_size(bits))),
         true <- length in 0..bit_size(bits) do
      <<prefix::bitstring-size(length), _host::bitstring>> = bits
      collect(rest, [prefix_of(prefix, bit_size(bits)) | done])
    else
      _other -> usage("trusted_proxies: #{inspect(text)} is no address and no network")
    end
  end

  defp collect([_other | _rest], _done), do: usage("trusted_proxies: is a list of addresses, networks and :unix")

  defp prefix_of(prefix, size), do: {prefix, size}

  @doc "The injected clock's time as an argument of the SQL functions, or nil for the system's."
  @spec now(t()) :: integer() | nil
  def now(%{clock: nil}), do: nil

  def now(%{clock: clock}) do
    case clock.() do
      %DateTime{} = moment -> DateTime.to_unix(moment, :millisecond)
      milliseconds when is_integer(milliseconds) -> milliseconds
      _other -> raise Errors.new("usage", "clock: gives a DateTime, or Unix milliseconds")
    end
  end

  defp usage(message), do: {:error, Errors.new("usage", message)}
end
