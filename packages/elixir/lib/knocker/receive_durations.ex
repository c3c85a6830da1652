defmodule Knocker.ReceiveDurations do
  @moduledoc false
  # How long the receipts of these hooks took, by endpoint, from the call to the commit: a row of counters each, in the table of the hooks.

  alias Knocker.{Contract, Hooks, JSON}

  @bounds Contract.receive_bounds_us()
  @places length(@bounds) + 1
  # Behind the key and the places.
  @sum_at @places + 2

  @doc "Counts one that began at that moment of `System.monotonic_time/0`."
  @spec add(Hooks.t(), String.t(), integer()) :: :ok
  def add(hooks, endpoint, began) do
    took = System.convert_time_unit(System.monotonic_time() - began, :native, :microsecond)
    at = Enum.find_index(@bounds, &(took <= &1)) || length(@bounds)
    key = {:receives, endpoint}
    :ets.update_counter(hooks.table, key, [{at + 2, 1}, {@sum_at, took}], List.to_tuple([key | List.duplicate(0, @places + 1)]))
    :ok
  rescue
    # These hooks are closed.
    ArgumentError -> :ok
  end

  @doc "As the library takes it."
  @spec to_json(Hooks.t()) :: String.t()
  def to_json(hooks) do
    hooks.table |> :ets.select([{:"$1", [{:==, {:element, 1, {:element, 1, :"$1"}}, :receives}], [:"$1"]}]) |> Map.new(&taken/1) |> JSON.encode!()
  rescue
    ArgumentError -> "{}"
  end

  defp taken(row) do
    [{:receives, endpoint} | counts] = Tuple.to_list(row)
    {within, [sum_us]} = Enum.split(counts, @places)
    {endpoint, %{"within" => within, "sum_us" => sum_us}}
  end
end
