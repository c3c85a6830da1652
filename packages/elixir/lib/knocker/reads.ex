defmodule Knocker.Reads do
  @moduledoc false
  # Lists of what is stored, as streams with a cursor on the id: no row is read that nobody asked for, and no statement stays open between two pages.

  alias Knocker.{
    Arguments,
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
      {:status, status} -> one_of(:status, status)
      {:endpoint, name} -> equal("endpoint", Arguments.endpoint(name))
      {:type, type} -> of_type(text(:type, type))
      {:key, key} -> equal("key", text(:key, key))
      {:since, at} -> {"received_at >= ?", [milliseconds(:since, at)]}
      {:until, at} -> {"received_at < ?", [milliseconds(:until, at)]}
      {:body, _read} -> nil
    end)
    |> pages(hooks, "knocker_events", EventRecord, filters, times(filters))
  end

  def deliveries(hooks, filters) do
    where(filters, [:outcome, :endpoint, :event_id, :since, :until, :body], fn
      {:outcome, outcome} -> one_of(:outcome, outcome)
      {:endpoint, name} -> equal("endpoint", Arguments.endpoint(name))
      {:event_id, id} -> {"id IN (SELECT delivery_id FROM knocker_event_deliveries WHERE event_id = ?)", [whole(:event_id, id)]}
      {:since, at} -> {"received_at >= ?", [milliseconds(:since, at)]}
      {:until, at} -> {"received_at < ?", [milliseconds(:until, at)]}
      {:body, _read} -> nil
    end)
    |> pages(hooks, "knocker_deliveries", DeliveryRecord, filters)
  end

  def attempts(hooks, filters) do
    where(filters, [:result, :endpoint, :event_id, :since, :until], fn
      {:result, result} -> one_of(:result, result)
      {:endpoint, name} -> equal("endpoint", Arguments.endpoint(name))
      {:event_id, id} -> equal("event_id", whole(:event_id, id))
      {:since, at} -> {"finished_at >= ?", [milliseconds(:since, at)]}
      {:until, at} -> {"finished_at < ?", [milliseconds(:until, at)]}
    end)
    |> pages(hooks, "knocker_attempts", AttemptRecord, filters)
  end

  def prunes(hooks, filters), do: filters |> where([], & &1) |> pages(hooks, "knocker_prunes", PruneRecord, filters)
  def stored_endpoints(hooks, filters), do: filters |> where([], & &1) |> pages(hooks, "knocker_endpoints", EndpointRecord, filters)
  def policies(hooks, filters), do: filters |> where([], & &1) |> pages(hooks, "knocker_policies", PolicyRecord, filters)

  def event_deliveries(hooks, filters) do
    filters = Arguments.keywords(filters, "filters")
    conditions = for {key, id} when key in [:event_id, :delivery_id] <- filters, do: {"#{key} = ?", [whole(key, id)]}

    if conditions == [] or length(conditions) != length(filters) do
      {:error, Errors.new("usage", "event_deliveries: name an event (event_id:) or a delivery (delivery_id:)")}
    else
      sql = "SELECT #{EventDeliveryRecord.columns()} FROM knocker_event_deliveries#{sql(conditions)} ORDER BY event_id, delivery_id"
      with {:ok, rows} <- rows(hooks, sql, values(conditions)), do: {:ok, Enum.map(rows, &EventDeliveryRecord.from_row/1)}
    end
  end

  def event(hooks, id), do: one(hooks, "knocker_events", EventRecord, id, &Errors.new("unknown_event", "there is no event #{&1}"))
  def delivery(hooks, id), do: one(hooks, "knocker_deliveries", DeliveryRecord, id, &Errors.new("unknown_delivery", "there is no delivery #{&1}"))

  defp one(_hooks, _view, _record, id, _missing) when not is_integer(id), do: {:error, Errors.new("invalid_argument", "an id is a whole number")}

  defp one(hooks, view, record, id, missing) do
    case rows(hooks, "SELECT #{record.columns()} FROM #{view} WHERE id = ?", [id]) do
      {:ok, [row]} -> {:ok, record.from_row(row)}
      {:ok, []} -> {:error, missing.(id)}
      failed -> failed
    end
  end

  defp rows(hooks, sql, values), do: with({:ok, hooks} <- Hooks.fetch(hooks), do: Database.rows(hooks, sql, values))

  # The conditions of a list. A misspelt filter must not look like one that matches everything.
  defp where(filters, keys, condition) do
    case filters |> Arguments.keywords("filters") |> Enum.find(fn {key, _value} -> key not in keys and key not in @page_keys end) do
      nil ->
        for {key, value} <- filters, key in keys, value != nil, made = condition.({key, value}), do: made

      {key, _value} ->
        raise Errors.new("usage", "there is no filter #{inspect(key)}; there are #{Enum.map_join(keys ++ @page_keys, ", ", &inspect/1)}")
    end
  end

  defp equal(column, value), do: {"#{column} = ?", [value]}

  defp one_of(column, words) do
    words = List.wrap(words)
    if not words?(words), do: invalid(column, "is a name, or a list of names")
    {"#{column} IN (SELECT value FROM json_each(?))", [JSON.encode!(words)]}
  end

  defp words?([]), do: true
  defp words?([word | rest]), do: (is_atom(word) or (is_binary(word) and String.valid?(word))) and words?(rest)
  defp words?(_no_list), do: false

  defp of_type("*"), do: nil

  defp of_type(type) do
    if String.ends_with?(type, "*") do
      prefix = String.replace_suffix(type, "*", "")
      {"substr(type, 1, length(?)) = ?", [prefix, prefix]}
    else
      equal("type", type)
    end
  end

  defp milliseconds(_key, %DateTime{} = at), do: DateTime.to_unix(at, :millisecond)
  defp milliseconds(_key, at) when is_integer(at), do: at
  defp milliseconds(key, _other), do: invalid(key, "is a DateTime, or Unix milliseconds")

  defp text(_key, text) when is_binary(text), do: text
  defp text(key, _other), do: invalid(key, "is a text")

  defp whole(_key, number) when is_integer(number), do: number
  defp whole(key, _other), do: invalid(key, "is a whole number")

  # Not what it is instead, which may be anything.
  defp invalid(key, what), do: raise(Errors.new("invalid_argument", "#{key}: #{what}"))

  defp sql([]), do: ""
  defp sql(conditions), do: " WHERE " <> Enum.map_join(conditions, " AND ", &elem(&1, 0))
  defp values(conditions), do: Enum.flat_map(conditions, &elem(&1, 1))

  # When the first delivery of the events of a list came, for where their ids begin and end.
  defp times(filters), do: %{since: time(filters, :since), until: time(filters, :until)}
  defp time(filters, key), do: if(filters[key] != nil, do: milliseconds(key, filters[key]))

  # Where the ids of a page begin and end. Only the first page looks for where it begins; of two conditions on that side SQLite would seek by either.
  defp stretch(times, newest_first, last, first?) do
    since = {times[:since], "(SELECT knocker_first_event_since(?))"}
    until = {times[:until], "(SELECT knocker_last_event_before(?))"}

    {{from, beginning}, {to, ending}, beyond, back, nearest} =
      if newest_first, do: {until, since, "<", ">", "min(? - 1"}, else: {since, until, ">", "<", "max(? + 1"}

    begins =
      cond do
        first? and from != nil and last != nil -> [{"id #{beyond}= #{nearest}, #{beginning})", [last, from]}]
        first? and from != nil -> [{"id #{beyond}= #{beginning}", [from]}]
        last != nil -> [{"id #{beyond} ?", [last]}]
        true -> []
      end

    if to != nil, do: begins ++ [{"id #{back}= #{ending}", [to]}], else: begins
  end

  defp pages(conditions, hooks, view, record, filters, times \\ %{}) do
    for key <- [:after, :limit], given = filters[key], do: whole(key, given)
    if filters[:limit] && filters[:limit] < 0, do: invalid(:limit, "is a number of rows")
    order = if filters[:newest_first], do: "DESC", else: "ASC"
    # The body is the last column, and unread where nobody asked for it.
    columns = if filters[:body], do: record.columns(), else: String.replace_suffix(record.columns(), ", body", ", NULL")

    Stream.resource(
      fn -> {filters[:after], filters[:limit], true} end,
      fn
        {_after, 0, _first} ->
          {:halt, nil}

        :end ->
          {:halt, nil}

        {last, left, first?} ->
          page = conditions ++ stretch(times, filters[:newest_first], last, first?)
          size = min(@page, left || @page)

          case rows(hooks, "SELECT #{columns} FROM #{view}#{sql(page)} ORDER BY id #{order} LIMIT #{size}", values(page)) do
            {:ok, rows} ->
              records = Enum.map(rows, &record.from_row/1)
              {records, if(length(rows) < size, do: :end, else: {List.last(records).id, left && left - size, false})}

            {:error, error} ->
              raise error
          end
      end,
      fn _end -> :ok end
    )
  end
end
