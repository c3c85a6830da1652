-- Version 2. Views and triggers stand in objects.sql from here on, and call no JSON function.

-- How an attempt ended is its result; an outcome is what became of a delivery.
ALTER TABLE _knocker_attempts RENAME COLUMN outcome TO result;

-- The settings of `config` one by one, for the view. One statement writes both.
ALTER TABLE _knocker_endpoints ADD COLUMN provider TEXT;
ALTER TABLE _knocker_endpoints ADD COLUMN options TEXT;
ALTER TABLE _knocker_endpoints ADD COLUMN enabled INTEGER;
ALTER TABLE _knocker_endpoints ADD COLUMN max_attempts INTEGER;
ALTER TABLE _knocker_endpoints ADD COLUMN backoff TEXT;
ALTER TABLE _knocker_endpoints ADD COLUMN max_body_bytes INTEGER;
ALTER TABLE _knocker_endpoints ADD COLUMN unhandled TEXT;
ALTER TABLE _knocker_endpoints ADD COLUMN on_redelivery TEXT;
ALTER TABLE _knocker_endpoints ADD COLUMN invalid_per_hour INTEGER;
ALTER TABLE _knocker_endpoints ADD COLUMN max_refused INTEGER;
ALTER TABLE _knocker_endpoints ADD COLUMN max_refused_bytes INTEGER;
ALTER TABLE _knocker_endpoints ADD COLUMN max_batch_events INTEGER;

UPDATE _knocker_endpoints
SET config = json_set(config, '$.max_refused', 10000, '$.max_refused_bytes', 134217728, '$.max_batch_events', 10000),
    provider = config ->> '$.provider',
    options = config -> '$.options',
    enabled = config ->> '$.enabled',
    max_attempts = config ->> '$.max_attempts',
    backoff = config -> '$.backoff',
    max_body_bytes = config ->> '$.max_body_bytes',
    unhandled = config ->> '$.unhandled',
    on_redelivery = config ->> '$.on_redelivery',
    invalid_per_hour = config ->> '$.invalid_per_hour',
    max_refused = 10000,
    max_refused_bytes = 134217728,
    max_batch_events = 10000;

-- How many refused deliveries an endpoint keeps of each kind, and how many bytes they take, so that what strangers can store is bounded.
-- `reason` is empty where there is none.
CREATE TABLE _knocker_refusals (
  endpoint_id INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  n INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, outcome, reason)
) STRICT, WITHOUT ROWID;

INSERT INTO _knocker_refusals (endpoint_id, outcome, reason, n, bytes)
SELECT endpoint_id, outcome, coalesce(reason, ''), count(*),
       sum(256 + length(CAST(method AS BLOB)) + length(CAST(url AS BLOB)) + length(CAST(headers AS BLOB))
           + coalesce(length(CAST(detail AS BLOB)), 0) + coalesce(length(CAST(provider_event_id AS BLOB)), 0)
           + coalesce(length(CAST(provider_delivery_id AS BLOB)), 0) + coalesce(length(body), 0))
FROM _knocker_deliveries
WHERE outcome IN ('invalid', 'handshake', 'too_large', 'disabled')
GROUP BY 1, 2, 3;

-- Those of `refused` that were stored and have a room of their own, which a flood of the others does not fill.
ALTER TABLE _knocker_minutes ADD COLUMN too_large INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN handshakes INTEGER NOT NULL DEFAULT 0;

-- How often a worker died with the event, since it was received or put back.
ALTER TABLE _knocker_events ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
