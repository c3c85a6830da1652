defmodule Knocker.DeclarationWarnings do
  @moduledoc false
  # What is told of an endpoint when it is declared: settings of another process that it replaces, and handlers that nothing can arrive for.

  alias Knocker.{Connection, EndpointSettings, Handlers, JSON}

  require Logger

  # How alike two types are, of 1, for one of them to be meant by the other.
  @alike 0.85

  @doc "The settings that the file has for an endpoint, by name; nil where it has no such endpoint."
  @spec stored(Connection.t(), String.t()) :: {:ok, [{atom(), term()}] | nil} | {:error, Exception.t()}
  def stored(connection, name) do
    keys = EndpointSettings.keys()

    with {:ok, rows} <- Connection.rows(connection, "SELECT #{Enum.join(keys, ", ")} FROM knocker_endpoints WHERE name = ?", [name]),
         do: {:ok, if(rows != [], do: Enum.zip(keys, hd(rows)))}
  end

  @doc "Logs what a declaration has changed of them: of two processes with other settings for one endpoint, the last one to start has its way."
  @spec tell_of_changes(String.t(), [{atom(), term()}] | nil, [{atom(), term()}] | nil) :: :ok
  def tell_of_changes(name, before, now) when before != nil and now != nil do
    changed = for {{key, was}, {key, is}} <- Enum.zip(before, now), was != is, do: {key, was, is}

    if changed != [] do
      shown = Enum.map_join(changed, ", ", &shown/1)
      text = "endpoint #{name} is declared with other settings than those stored, perhaps by a process of another version: #{shown}"
      settings = for {key, _was, _is} <- changed, do: Atom.to_string(key)
      Logger.warning(text, record: "endpoint_changed", endpoint: name, settings: settings)
    end

    :ok
  end

  def tell_of_changes(_name, _before, _now), do: :ok

  # They may hold a token.
  defp shown({:options, _was, _is}), do: "options"
  defp shown({key, was, is}), do: "#{key} was #{inspect(was)} and is #{inspect(is)}"

  @sendable """
  SELECT provider.title, provider.types FROM knocker_endpoints endpoint JOIN knocker_providers provider ON provider.name = endpoint.provider
  WHERE endpoint.name = ? AND provider.types_closed
  """

  @doc """
  Logs which of the handlers' patterns nothing arrives for, where every type is known that the endpoint's provider sends. What the clauses of a module take
  nobody can ask.
  """
  @spec tell_of_unknown_types(Connection.t(), String.t(), [Handlers.handler()]) :: :ok | {:error, Exception.t()}
  def tell_of_unknown_types(connection, name, handlers) do
    with {:ok, rows} <- Connection.rows(connection, @sendable, [name]) do
      for [title, types] <- rows, types = JSON.decode!(types), {pattern, _run} <- handlers do
        unless pattern == "*" or Enum.any?(types, &Handlers.matches?(pattern, &1)), do: unknown(name, title, types, pattern)
      end

      :ok
    end
  end

  defp unknown(name, title, types, pattern) do
    text =
      "endpoint #{name}: #{title} sends nothing of the type #{inspect(pattern)} that is known here, so this handler may never run; " <>
        hint(types, String.replace_suffix(pattern, ".*", ""))

    Logger.warning(text, record: "type_unknown", endpoint: name, type: pattern)
  end

  defp hint([], _given), do: "its events have no type: \"*\""

  defp hint(types, given) do
    # "pull_request.opened" where the type is "pull_request".
    begun = types |> Enum.filter(&String.starts_with?(given, &1 <> ".")) |> Enum.max_by(&byte_size/1, fn -> nil end)
    near = begun || Enum.max_by(types, &alike(&1, given))
    if begun || alike(near, given) >= @alike, do: "did you mean #{inspect(near)}?", else: "`knocker providers` has the types"
  end

  defp alike(type, given), do: String.jaro_distance(String.downcase(type), String.downcase(given))
end
