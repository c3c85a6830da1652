defmodule Shop.Subscriptions do
  @moduledoc "A handler that may run twice, and late."

  @upsert """
  INSERT INTO subscriptions VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE
  SET status = excluded.status, told_at = excluded.told_at WHERE excluded.told_at >= told_at
  """

  @doc "`grant` calls a service over the network that does nothing twice for the same key."
  def follow(grant) do
    fn event, tx ->
      told = Knocker.Event.json!(event)
      subscription = told["data"]["object"]
      # Outside of the file first: it may happen again, always with the same key.
      grant.(subscription["customer"], Knocker.Event.idempotency_key(event))
      # In the file: what is older than what stands there changes nothing.
      Knocker.execute!(
        tx,
        "CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, status TEXT, told_at INTEGER)"
      )

      Knocker.execute(tx, @upsert, [subscription["id"], subscription["status"], told["created"]])
    end
  end
end
