defmodule Knocker.Reads do
  @moduledoc false
  # Lists of what is stored, as streams with a cursor on the id: no row is read that nobody asked for, and no statement stays open between two pages.

  alias Knocker.{
    AttemptRecord,
    Database,
    DeliveryRecord,
    EndpointRecord,
    Errors,
    EventDeliveryRecord,
    EventRecord,
    Hooks,
    JSON,
    PolicyRecord,
    PruneRecord
  }

  # How many rows of a list are read at once.
  @page 500
  @page_keys [:after, :newest_first, :limit]

  def events(hooks, filters) do
    where(filters, [:status, :endpoint, :type, :key, :since, :until, :body], fn
      {:status, status} -> one_of("status", status)
      {:endpoint, name} -> equal("endpoint", to_string(name))
      {:type, type} -> of_type(type)
      {:key, key} -> equal("key", key)
      {:since, at} -> {"received_at >= ?", [milliseconds(at)]}
      {:until, at} -> {"received_at < ?", [milliseconds(at)]}
      {:body, _read} -> nil
    end)
    |> pages(hooks, "knocker_events", EventRecord, filters)
  end

  def deliveries(hooks, filters) do
    where(filters, [:outcome, :endpoint, :event_id, :since, :until, :body], fn
      {:outcome, outcome} -> one_of("outcome", outcome)
      {:endpoint, name} -> equal("endpoint", to_string(name))
      {:event_id, id} -> {"id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)", [id]}
      {:since, at} -> {"received_at >= ?", [milliseconds(at)]}
      {:until, at} -> {"received_at < ?", [milliseconds(at)]}
      {:body, _read} -> nil
    end)
    |> pages(hooks, "knocker_deliveries", DeliveryRecord, filters)
  end

  def attempts(hooks, filters) do
    where(filters, [:result, :endpoint, :event_id, :since, :until], fn
      {:result, result} -> one_of("result", result)
      {:endpoint, name} -> equal("endpoint", to_string(name))
      {:event_id, id} -> equal("event_id", id)
      {:since, at} -> {"finished_at >= ?", [milliseconds(at)]}
      {:until, at} -> {"finished_at < ?", [milliseconds(at)]}
    end)
    |> pages(hooks, "knocker_attempts", AttemptRecord, filters)
  end

  def prunes(hooks, filters), do: filters |> where([], & &1) |> pages(hooks, "knocker_prunes", PruneRecord, filters)
  def stored_endpoints(hooks, filters), do: filters |> where([], & &1) |> pages(hooks, "knocker_endpoints", EndpointRecord, filters)
  def policies(hooks, filters), do: filters |> where([], & &1) |> pages(hooks, "knocker_policies", PolicyRecord, filters)

  def event_deliveries(hooks, filters) do
    conditions = for {key, id} when key in [:event_id, :delivery_id] <- filters, do: {"#{key} = ?", [id]}

    if conditions == [] or length(conditions) != length(filters) do
      {:error, Errors.new("usage", "event_deliveries: name an event (event_id:) or a delivery (delivery_id:)")}
    else
      sql = "SELECT #{EventDeliveryRecord.columns()} FROM knocker_event_deliveries#{sql(conditions)} ORDER BY event_id, delivery_id"
      with {:ok, rows} <- rows(hooks, sql, values(conditions)), do: {:ok, Enum.map(rows, &EventDeliveryRecord.from_row/1)}
    end
  end

  def event(hooks, id), do: one(hooks, "knocker_events", EventRecord, id, Errors.new("unknown_event", "there is no event #{id}"))
  def delivery(hooks, id), do: one(hooks, "knocker_deliveries", DeliveryRecord, id, Errors.new("unknown_delivery", "there is no delivery #{id}"))

  defp one(hooks, view, record, id, missing) do
    case rows(hooks, "SELECT #{record.columns()} FROM #{view} WHERE id = ?", [id]) do
      {:ok, [row]} -> {:ok, record.from_row(row)}
      {:ok, []} -> {:error, missing}
      failed -> failed
    end
  end

  defp rows(hooks, sql, values), do: with({:ok, hooks} <- Hooks.fetch(hooks), do: Database.rows(hooks, sql, values))

  # The conditions of a list. A misspelt filter must not look like one that matches everything.
  defp where(filters, keys, condition) do
    case Enum.find(filters, fn {key, _value} -> key not in keys and key not in @page_keys end) do
      nil ->
        for {key, value} <- filters, key in keys, value != nil, made = condition.({key, value}), do: made

      {key, _value} ->
        raise Errors.new("usage", "there is no filter #{inspect(key)}; there are #{Enum.map_join(keys ++ @page_keys, ", ", &inspect/1)}")
    end
  end

  defp equal(column, value), do: {"#{column} = ?", [value]}

  defp one_of(column, words),
    do: {"#{column} IN (SELECT value FROM json_each(?))", [words |> List.wrap() |> Enum.map(&to_string/1) |> JSON.encode!()]}

  defp of_type("*"), do: nil

  defp of_type(type) do
    if String.ends_with?(type, "*") do
      prefix = String.replace_suffix(type, "*", "")
      {"substr(type, 1, length(?)) = ?", [prefix, prefix]}
    else
      equal("type", type)
    end
  end

  defp milliseconds(%DateTime{} = at), do: DateTime.to_unix(at, :millisecond)
  defp milliseconds(at) when is_integer(at), do: at

  defp sql([]), do: ""
  defp sql(conditions), do: " WHERE " <> Enum.map_join(conditions, " AND ", &elem(&1, 0))
  defp values(conditions), do: Enum.flat_map(conditions, &elem(&1, 1))

  defp pages(conditions, hooks, view, record, filters) do
    {order, beyond} = if filters[:newest_first], do: {"DESC", "<"}, else: {"ASC", ">"}
    # The body is the last column, and unread where nobody asked for it.
    columns = if filters[:body], do: record.columns(), else: String.replace_suffix(record.columns(), ", body", ", NULL")

    Stream.resource(
      fn -> {filters[:after], filters[:limit]} end,
      fn
        {_after, 0} ->
          {:halt, nil}

        :end ->
          {:halt, nil}

        {last, left} ->
          page = conditions ++ if(last, do: [{"id #{beyond} ?", [last]}], else: [])
          size = min(@page, left || @page)

          case rows(hooks, "SELECT #{columns} FROM #{view}#{sql(page)} ORDER BY id #{order} LIMIT #{size}", values(page)) do
            {:ok, rows} ->
              records = Enum.map(rows, &record.from_row/1)
              {records, if(length(rows) < size, do: :end, else: {List.last(records).id, left && left - size})}

            {:error, error} ->
              raise error
          end
      end,
      fn _end -> :ok end
    )
  end
end
