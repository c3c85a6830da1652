defmodule Knocker.LostAttempts do
  @moduledoc false
  # Attempts that ended without a word: their worker died, or let go of its lease. The claim that notices one records it.

  alias Knocker.{Connection, Job}

  @doc "The newest attempt of the file; to be asked inside the transaction of a claim."
  def last(connection), do: Connection.value(connection, "SELECT id FROM knocker_attempts ORDER BY id DESC LIMIT 1")

  @doc "Those that were recorded since, in the same transaction. What their events are is read later, when others can write again."
  def since(connection, last) do
    sql = """
    SELECT event_id, delivery_id, attempt, error, (SELECT status = 'dead' FROM knocker_events WHERE id = event_id)
    FROM knocker_attempts WHERE id > ? AND result = 'lease_expired' ORDER BY id
    """

    Connection.rows(connection, sql, [last || 0])
  end

  @doc "Those whose events are still there: the event, the error, and whether the attempt was the last one of its event."
  def with_events(_connection, []), do: {:ok, []}

  def with_events(connection, [[event_id, delivery_id, attempt, error, dead] | rest]) do
    sql = """
    SELECT e.id, d.id, e.endpoint, e.type, e.key, ?, e.max_attempts, e.received_at, d.method, d.url, d.headers, e.body
    FROM knocker_events e JOIN knocker_deliveries d ON d.id = ? WHERE e.id = ?
    """

    with {:ok, rows} <- Connection.rows(connection, sql, [attempt, delivery_id, event_id]),
         {:ok, others} <- with_events(connection, rest) do
      {:ok, Enum.map(rows, &{Job.event(&1), error, dead == 1}) ++ others}
    end
  end
end
