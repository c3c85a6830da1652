-- What the consumers write. The id is that of the message, endpoint and key, and the same whichever machine received the webhook.
CREATE TABLE IF NOT EXISTS handled_webhooks (
  id TEXT PRIMARY KEY,
  handled_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS orders (
  order_id TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  payload JSONB NOT NULL,
  written_by TEXT NOT NULL
);
