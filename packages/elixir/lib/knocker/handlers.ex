defmodule Knocker.Handlers do
  @moduledoc false
  # Who wants which events of an endpoint.

  alias Knocker.Errors

  @type handler :: {pattern :: String.t(), (Knocker.Event.t(), Knocker.Transaction.t() -> term())}

  @doc "Reads an endpoint's `handler:`."
  @spec of(term()) :: {:ok, [handler()]} | {:error, Exception.t()}
  def of(nil), do: {:ok, []}
  def of(list) when is_list(list), do: all(list, [])
  def of(one), do: all([one], [])

  defp all([], read), do: {:ok, Enum.reverse(read)}

  # A list that ends in something else.
  defp all(improper, _read) when not is_list(improper), do: all([improper], [])

  defp all([one | rest], read) do
    case one(one) do
      {:ok, handler} -> all(rest, [handler | read])
      {:error, why} -> {:error, Errors.new("usage", "handler: #{why}")}
    end
  end

  defp one({type, handler}) when is_binary(type) do
    with :ok <- check(type), {:ok, run} <- function_of(handler), do: {:ok, {type, run}}
  end

  defp one(handler), do: with({:ok, run} <- function_of(handler), do: {:ok, {"*", run}})

  defp function_of(run) when is_function(run, 2), do: {:ok, run}

  defp function_of(module) when is_atom(module) and module not in [nil, true, false] do
    if Code.ensure_loaded?(module) and function_exported?(module, :handle_event, 2),
      do: {:ok, Function.capture(module, :handle_event, 2)},
      else: {:error, "#{inspect(module)} has no handle_event/2"}
  end

  # Not what it is instead, which may be a secret.
  defp function_of(_other), do: {:error, "is a module with handle_event/2, a function of event and tx, or a list of those"}

  defp check(""), do: {:error, "name a type, a prefix with .*, or *"}
  defp check("*"), do: :ok

  defp check(type) do
    case String.split(type, "*") do
      [_without] -> :ok
      [prefix, ""] -> if String.ends_with?(prefix, "."), do: :ok, else: misplaced(type)
      _other -> misplaced(type)
    end
  end

  defp misplaced(type), do: {:error, "a star stands alone or ends a prefix, as in \"invoice.*\", and not #{inspect(type)}"}

  @doc "Every handler that wants this type by its pattern."
  @spec matching([handler()], String.t() | nil) :: [(Knocker.Event.t(), Knocker.Transaction.t() -> term())]
  def matching(handlers, type), do: for({pattern, run} <- handlers, matches?(pattern, type), do: run)

  @doc "Whether a pattern takes this type."
  @spec matches?(String.t(), String.t() | nil) :: boolean()
  def matches?("*", _type), do: true
  def matches?(_pattern, nil), do: false
  # "invoice.*" is what starts with "invoice.", as in the filters of the bulk actions.
  def matches?(pattern, type),
    do: pattern == type or (String.ends_with?(pattern, "*") and String.starts_with?(type, String.trim_trailing(pattern, "*")))

  @doc "Whether an error says that no clause of this very handler takes its event, which it was called with."
  @spec unwanted?(term(), function(), [term()], Exception.stacktrace()) :: boolean()
  def unwanted?(:function_clause, run, arguments, [{module, name, found, _location} | _rest]) when is_list(found) do
    info = Function.info(run)
    info[:module] == module and found == arguments and (info[:name] == name or stands_for?(name, info[:name]))
  end

  def unwanted?(_error, _run, _arguments, _stacktrace), do: false

  # Of a function that has captured something, Erlang's compiler says so by another name: `-made_in/1-inlined-0-` in the place of `-made_in/1-fun-2-`.
  defp stands_for?(name, other) do
    case name |> Atom.to_string() |> String.split("-inlined-") do
      [maker, _number] -> String.starts_with?(Atom.to_string(other), maker <> "-fun-")
      _its_own_name -> false
    end
  end
end
