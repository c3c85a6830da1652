defmodule Knocker.Declarations do
  @moduledoc false
  # Declares the endpoints that hooks are started with: the last thing to happen before requests can come.

  alias Knocker.{Endpoint, Errors}

  def child_spec(argument), do: %{id: __MODULE__, start: {__MODULE__, :start_link, [argument]}}

  def start_link({hooks, endpoints}) do
    with {:ok, endpoints} <- listed(endpoints.()),
         :ok <- declare(hooks, endpoints) do
      # Nothing of it runs on.
      :ignore
    end
  end

  defp declare(_hooks, []), do: :ok

  defp declare(hooks, [{name, settings} | rest]) do
    with {:ok, _endpoint} <- Endpoint.declare(hooks, name, settings), do: declare(hooks, rest)
  end

  defp listed(endpoints) when is_map(endpoints), do: listed(Map.to_list(endpoints))

  defp listed(endpoints) do
    if is_list(endpoints) and Enum.all?(endpoints, &match?({_name, _settings}, &1)),
      do: {:ok, endpoints},
      else: {:error, Errors.new("usage", "endpoints: is a list of names with their settings, such as [stripe: [provider: \"stripe\", …]]")}
  end
end
