defmodule Knocker.ConformanceData do
  @moduledoc false
  # The data of extension/conformance, read from there, and how what the package gives is held against it.

  import ExUnit.Assertions

  alias Knocker.JSON

  @folder Path.expand("../../../../extension/conformance", __DIR__)

  @doc "Every file of a kind: its name, and what is in it."
  def files(kind) do
    paths = @folder |> Path.join("#{kind}/*.json") |> Path.wildcard() |> Enum.sort()
    if paths == [], do: raise("there is no data of the kind #{kind}")
    for path <- paths, do: {Path.basename(path, ".json"), path |> File.read!() |> JSON.decode!()}
  end

  @doc "Refuses keys that nobody knows: a typing error in the data must not look like success."
  def strictly(map, keys) do
    case Map.keys(map) -- keys do
      [] -> map
      unknown -> flunk("the data has keys that this runner does not know: #{inspect(unknown)}")
    end
  end

  @doc "Of what Elixir's functions have no place for, there is nothing to call: the error that the library gives."
  def typed(map, keys) do
    if Map.keys(map) -- keys == [],
      do: map,
      else: raise(Knocker.Errors.new("invalid_argument", "there is no place for #{inspect(Map.keys(map) -- keys)}"))
  end

  @doc "Tells release/conformance-table how many cases of a kind ran."
  def write_count(kind, ran) do
    target = System.get_env("CARGO_TARGET_DIR") || Path.expand("../../target", @folder)
    folder = Path.join(target, "conformance")
    File.mkdir_p!(folder)
    on = "Elixir #{System.version()}, OTP #{System.otp_release()}"
    File.write!(Path.join(folder, "elixir.#{kind}.json"), JSON.encode!(%{package: "elixir", kind: kind, ran: ran, on: on}) <> "\n")
    IO.puts("\n#{ran} conformance cases of #{kind}")
  end

  @doc "The bytes of a body in the data."
  def body(%{"body_base64" => text}) when text != nil, do: Base.decode64!(text)
  def body(given), do: given["body"] || ""

  @doc "A request of the data."
  def request(given, body) do
    given = typed(given || %{}, ~w(method url headers truncated))

    %Knocker.WebhookRequest{
      method: given["method"] || "POST",
      url: given["url"],
      headers: pairs(given["headers"] || []),
      body: body,
      truncated: given["truncated"] || false
    }
  end

  defp pairs(headers) when is_map(headers), do: for({name, values} <- headers, value <- List.wrap(values), do: {name, value})
  defp pairs(headers), do: Enum.map(headers, &List.to_tuple/1)

  @doc "What the package gives, as the JSON that the data speaks of."
  def plain(%Knocker.Job{event: event} = job) do
    event
    |> Map.take([:endpoint, :type, :key, :attempt, :max_attempts, :received_at, :body])
    |> Map.merge(Map.take(event.delivery, [:method, :url, :headers]))
    |> Map.merge(%{job_id: job.id, worker: job.worker, event_id: event.id, delivery_id: event.delivery.id, lease_expires_at: job.lease_expires_at})
    |> plain()
  end

  def plain(%DateTime{} = at), do: DateTime.to_unix(at, :millisecond)
  def plain(%_struct{} = record), do: record |> Map.from_struct() |> plain()
  def plain(map) when is_map(map), do: Map.new(map, fn {key, value} -> {to_string(key), plain(value)} end)
  def plain(list) when is_list(list), do: Enum.map(list, &plain/1)
  def plain(atom) when is_atom(atom) and atom not in [nil, true, false], do: Atom.to_string(atom)
  def plain(bytes) when is_binary(bytes), do: if(String.valid?(bytes), do: bytes, else: %{"$base64" => Base.encode64(bytes)})
  def plain(other), do: other

  @doc "Fails where the actual value is not as expected: an object names what matters, an array is complete, a rule holds, anything else is equal."
  def compare(expected, actual, at)

  def compare(%{} = rule, actual, at) when map_size(rule) == 1 do
    case Map.to_list(rule) do
      [{"$" <> _name = name, operand}] -> assert holds?(name, operand, actual), "#{at} is #{inspect(actual)}, expected #{inspect(rule)}"
      _object -> compare_object(rule, actual, at)
    end
  end

  def compare(%{} = object, actual, at), do: compare_object(object, actual, at)

  def compare(expected, actual, at) when is_list(expected) do
    assert is_list(actual) and length(actual) == length(expected),
           "#{at} is #{inspect(actual)}, expected #{length(expected)} elements: #{inspect(expected)}"

    for {{one, other}, index} <- Enum.with_index(Enum.zip(expected, actual)), do: compare(one, other, "#{at}[#{index}]")
  end

  # A column of a view has numbers where Elixir has booleans.
  def compare(expected, true, at) when is_integer(expected), do: compare(expected, 1, at)
  def compare(expected, false, at) when is_integer(expected), do: compare(expected, 0, at)

  # Numbers by value.
  def compare(expected, actual, at), do: assert(expected == actual, "#{at} is #{inspect(actual)}, expected #{inspect(expected)}")

  defp compare_object(object, actual, at) do
    assert is_map(actual), "#{at} is #{inspect(actual)}, expected an object"

    for {key, value} <- object do
      assert is_map_key(actual, key), "#{at} has no #{key}: #{inspect(actual)}"
      compare(value, actual[key], "#{at}.#{key}")
    end
  end

  defp holds?("$range", [low, high], actual), do: is_integer(actual) and actual in low..high
  defp holds?("$not_null", true, actual), do: actual != nil
  defp holds?("$contains", text, actual), do: is_binary(actual) and String.contains?(actual, text)
  defp holds?("$longest", bytes, actual), do: is_binary(actual) and byte_size(actual) in 1..bytes
  defp holds?("$base64", text, actual), do: actual == %{"$base64" => text}
  defp holds?("$any", all, actual), do: Enum.any?(all, &matches?(&1, actual))
  defp holds?(name, _operand, _actual), do: flunk("there is no rule #{name}")

  @doc "Whether a value is as expected."
  def matches?(expected, actual) do
    compare(expected, actual, "value")
    true
  rescue
    ExUnit.AssertionError -> false
  end
end
