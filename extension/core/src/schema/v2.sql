-- Version 2. Views and triggers stand in objects.sql from here on, and call no JSON function.
--
-- Every table is made anew, as none that is STRICT: a SQLite before 3.37 knows no such word, and would then read nothing of the whole file, the
-- application's own tables included. Types are the core's affair, which binds what it writes. A table's last id outlives it in sqlite_sequence.

ALTER TABLE _knocker_schema RENAME TO _knocker_former_schema;
CREATE TABLE _knocker_schema (
  version INTEGER PRIMARY KEY,
  migrated_at INTEGER NOT NULL
);
INSERT INTO _knocker_schema SELECT version, migrated_at FROM _knocker_former_schema;
DROP TABLE _knocker_former_schema;

-- `config` holds every setting with its value, defaults included; the columns after it hold them one by one, for the view. One statement
-- writes both.
ALTER TABLE _knocker_endpoints RENAME TO _knocker_former_endpoints;
CREATE TABLE _knocker_endpoints (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  config TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  provider TEXT,
  options TEXT,
  enabled INTEGER,
  max_attempts INTEGER,
  backoff TEXT,
  max_body_bytes INTEGER,
  unhandled TEXT,
  on_redelivery TEXT,
  invalid_per_hour INTEGER,
  max_refused INTEGER,
  max_refused_bytes INTEGER,
  max_batch_events INTEGER
);
INSERT INTO _knocker_endpoints
SELECT id, name, json_set(config, '$.max_refused', 10000, '$.max_refused_bytes', 134217728, '$.max_batch_events', 10000), created_at, updated_at,
       config ->> '$.provider', config -> '$.options', config ->> '$.enabled', config ->> '$.max_attempts', config -> '$.backoff',
       config ->> '$.max_body_bytes', config ->> '$.unhandled', config ->> '$.on_redelivery', config ->> '$.invalid_per_hour',
       10000, 134217728, 10000
FROM _knocker_former_endpoints;
DROP TABLE _knocker_former_endpoints;

-- One row a receipt. The events that it created have ids from first_event_id to last_event_id, both NULL where there is none. The body
-- comes last: reading the rest then touches no overflow page.
ALTER TABLE _knocker_deliveries RENAME TO _knocker_former_deliveries;
CREATE TABLE _knocker_deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint_id INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  first_event_id INTEGER,
  last_event_id INTEGER,
  reason TEXT,
  detail TEXT,
  provider_event_id TEXT,
  provider_delivery_id TEXT,
  received_at INTEGER NOT NULL,
  method TEXT NOT NULL,
  url TEXT NOT NULL,
  headers TEXT NOT NULL,
  body_size INTEGER NOT NULL,
  body_sha256 TEXT,
  body BLOB
);
INSERT INTO _knocker_deliveries
SELECT id, endpoint_id, outcome, first_event_id, last_event_id, reason, detail, provider_event_id, provider_delivery_id, received_at,
       method, url, headers, body_size, body_sha256, body
FROM _knocker_former_deliveries;
DELETE FROM main.sqlite_sequence WHERE name = '_knocker_deliveries';
UPDATE main.sqlite_sequence SET name = '_knocker_deliveries' WHERE name = '_knocker_former_deliveries';
DROP TABLE _knocker_former_deliveries;

-- `crashes` is how often a worker died with the event, since it was received or put back.
-- The words of its status stand one by one: for a list behind IN, SQLite makes a table in memory each time that a status is written, at a fifth of what
-- a verdict costs. Files that were made before have the list, and work as well.
ALTER TABLE _knocker_events RENAME TO _knocker_former_events;
CREATE TABLE _knocker_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  job_id INTEGER,
  status TEXT NOT NULL CHECK (status = 'received' OR status = 'handled' OR status = 'processing' OR status = 'failed' OR status = 'dead'
                              OR status = 'ignored'),
  attempts INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL,
  ended_at INTEGER,
  item_start INTEGER,
  item_length INTEGER,
  type TEXT,
  key TEXT,
  reason TEXT,
  crashes INTEGER NOT NULL DEFAULT 0
);
INSERT INTO _knocker_events (id, endpoint_id, delivery_id, job_id, status, attempts, received_at, ended_at, item_start, item_length, type, key, reason)
SELECT id, endpoint_id, delivery_id, job_id, status, attempts, received_at, ended_at, item_start, item_length, type, key, reason
FROM _knocker_former_events;
DELETE FROM main.sqlite_sequence WHERE name = '_knocker_events';
UPDATE main.sqlite_sequence SET name = '_knocker_events' WHERE name = '_knocker_former_events';
DROP TABLE _knocker_former_events;

ALTER TABLE _knocker_redeliveries RENAME TO _knocker_former_redeliveries;
CREATE TABLE _knocker_redeliveries (
  event_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  item_start INTEGER,
  item_length INTEGER,
  PRIMARY KEY (event_id, delivery_id)
) WITHOUT ROWID;
INSERT INTO _knocker_redeliveries
SELECT event_id, delivery_id, received_at, item_start, item_length
FROM _knocker_former_redeliveries;
DROP TABLE _knocker_former_redeliveries;

-- How an attempt ended is its result; an outcome is what became of a delivery.
ALTER TABLE _knocker_attempts RENAME TO _knocker_former_attempts;
CREATE TABLE _knocker_attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  result TEXT NOT NULL,
  error TEXT,
  worker TEXT NOT NULL,
  duration_ms INTEGER,
  finished_at INTEGER NOT NULL
);
INSERT INTO _knocker_attempts
SELECT id, event_id, delivery_id, attempt, outcome, error, worker, duration_ms, finished_at
FROM _knocker_former_attempts;
DELETE FROM main.sqlite_sequence WHERE name = '_knocker_attempts';
UPDATE main.sqlite_sequence SET name = '_knocker_attempts' WHERE name = '_knocker_former_attempts';
DROP TABLE _knocker_former_attempts;

ALTER TABLE _knocker_prunes RENAME TO _knocker_former_prunes;
CREATE TABLE _knocker_prunes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  filter TEXT NOT NULL,
  events INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  audits INTEGER NOT NULL,
  pruned_at INTEGER NOT NULL
);
INSERT INTO _knocker_prunes
SELECT id, kind, filter, events, deliveries, attempts, audits, pruned_at
FROM _knocker_former_prunes;
DELETE FROM main.sqlite_sequence WHERE name = '_knocker_prunes';
UPDATE main.sqlite_sequence SET name = '_knocker_prunes' WHERE name = '_knocker_former_prunes';
DROP TABLE _knocker_former_prunes;

ALTER TABLE _knocker_policies RENAME TO _knocker_former_policies;
CREATE TABLE _knocker_policies (
  endpoint_id INTEGER PRIMARY KEY,
  policy TEXT NOT NULL,
  next_run_at INTEGER NOT NULL
);
INSERT INTO _knocker_policies
SELECT endpoint_id, policy, next_run_at
FROM _knocker_former_policies;
DROP TABLE _knocker_former_policies;

ALTER TABLE _knocker_counts RENAME TO _knocker_former_counts;
CREATE TABLE _knocker_counts (
  endpoint_id INTEGER NOT NULL,
  status TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, status)
) WITHOUT ROWID;
INSERT INTO _knocker_counts
SELECT endpoint_id, status, n
FROM _knocker_former_counts;
DROP TABLE _knocker_former_counts;

-- `too_large` and `handshakes` are those of `refused` that were stored and have a room of their own, which a flood of the others does not fill.
ALTER TABLE _knocker_minutes RENAME TO _knocker_former_minutes;
CREATE TABLE _knocker_minutes (
  endpoint_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  receipts INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  limited INTEGER NOT NULL,
  too_large INTEGER NOT NULL DEFAULT 0,
  handshakes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (endpoint_id, slot)
) WITHOUT ROWID;
INSERT INTO _knocker_minutes (endpoint_id, slot, minute, receipts, refused, failures, limited)
SELECT endpoint_id, slot, minute, receipts, refused, failures, limited
FROM _knocker_former_minutes;
DROP TABLE _knocker_former_minutes;

-- How many refused deliveries an endpoint keeps of each kind, and how many bytes they take, so that what strangers can store is bounded.
-- `reason` is empty where there is none.
CREATE TABLE _knocker_refusals (
  endpoint_id INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  n INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, outcome, reason)
) WITHOUT ROWID;

INSERT INTO _knocker_refusals (endpoint_id, outcome, reason, n, bytes)
SELECT endpoint_id, outcome, coalesce(reason, ''), count(*),
       sum(256 + length(CAST(method AS BLOB)) + length(CAST(url AS BLOB)) + length(CAST(headers AS BLOB))
           + coalesce(length(CAST(detail AS BLOB)), 0) + coalesce(length(CAST(provider_event_id AS BLOB)), 0)
           + coalesce(length(CAST(provider_delivery_id AS BLOB)), 0) + coalesce(length(body), 0))
FROM _knocker_deliveries
WHERE outcome IN ('invalid', 'handshake', 'too_large', 'disabled')
GROUP BY 1, 2, 3;
