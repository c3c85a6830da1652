defmodule Knocker.Traceparent do
  @moduledoc false
  # The trace that a request belongs to, by W3C Trace Context: https://www.w3.org/TR/trace-context/.

  # The headers that a receive adds to those that are stored, where it has a span of its own. No header of the sender is touched.
  @receive_traceparent "knocker-traceparent"
  @receive_tracestate "knocker-tracestate"

  # A later version may say more after a dash.
  @form ~r/\A([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\z/s

  @enforce_keys [:traceparent, :tracestate, :trace_id, :span_id]
  defstruct @enforce_keys

  @type t :: %__MODULE__{traceparent: String.t(), tracestate: String.t() | nil, trace_id: String.t(), span_id: String.t()}
  @type headers :: %{optional(String.t()) => String.t() | [String.t()]}

  @doc "The span of the receive, or else what the sender said, by headers as they are stored; nil where neither is valid."
  @spec of(headers()) :: t() | nil
  def of(headers) do
    # A sender may have used that name: the package's own comes last.
    read(Enum.take(all(headers, @receive_traceparent), -1), Enum.take(all(headers, @receive_tracestate), -1)) || sent(headers)
  end

  @doc "What the sender said."
  @spec sent(headers()) :: t() | nil
  def sent(headers), do: read(all(headers, "traceparent"), all(headers, "tracestate"))

  @doc "What is stored of a span of the receive."
  @spec headers(String.t(), String.t() | nil) :: [{String.t(), String.t()}]
  def headers(traceparent, tracestate) when tracestate in [nil, ""], do: [{@receive_traceparent, traceparent}]
  def headers(traceparent, tracestate), do: [{@receive_traceparent, traceparent}, {@receive_tracestate, tracestate}]

  @doc "Headers as they are given by a caller, by their names in lower case."
  @spec named([{String.t(), String.t()}] | map()) :: headers()
  def named(given) do
    for({name, values} <- given, value <- List.wrap(values), do: {String.downcase(to_string(name)), value})
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
  end

  defp all(headers, name), do: headers |> Map.get(name, []) |> List.wrap()

  defp read([traceparent], tracestates) do
    case Regex.run(@form, trim(traceparent), capture: :all_but_first) do
      ["ff" | _parts] -> nil
      ["00", _trace, _span, _flags, _more] -> nil
      [_version, "00000000000000000000000000000000" | _parts] -> nil
      [_version, _trace, "0000000000000000" | _parts] -> nil
      [version, trace, span, flags | _more] -> context(trace, span, flags_of(version, flags), tracestates)
      nil -> nil
    end
  end

  defp read(_none_or_several, _tracestates), do: nil

  defp context(trace, span, flags, tracestates) do
    states = tracestates |> Enum.map(&trim/1) |> Enum.reject(&(&1 == ""))
    state = if states != [], do: Enum.join(states, ",")
    %__MODULE__{traceparent: "00-#{trace}-#{span}-#{flags}", tracestate: state, trace_id: trace, span_id: span}
  end

  # Of a version that is not known here, the first flag alone means something.
  defp flags_of("00", flags), do: flags
  defp flags_of(_later, flags), do: "0#{rem(String.to_integer(flags, 16), 2)}"

  defp trim(value), do: String.replace(value, ~r/\A[ \t]+|[ \t]+\z/, "")
end
