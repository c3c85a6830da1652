-- Version 1. Times are Unix milliseconds. Ids grow and are never used again, so that lists page by id; their order is that of time as long
-- as the clock is right.
-- Indexes, triggers and views stand in objects.sql.

CREATE TABLE _knocker_schema (
  version INTEGER PRIMARY KEY,
  migrated_at INTEGER NOT NULL
) STRICT;

-- `config` holds every setting with its value, defaults included.
CREATE TABLE _knocker_endpoints (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  config TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- One row a receipt. The events that it created have ids from first_event_id to last_event_id, both NULL where there is none. The body
-- comes last: reading the rest then touches no overflow page.
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
) STRICT;

-- `delivery_id` is the canonical payload: the first valid delivery. item_start and item_length say where a batch's item stands in
-- its body; NULL means the whole body. `job_id` is the live job in _honker_live, or the one in _honker_dead of a dead event; another
-- client's ack leaves the id of a job that is gone.
CREATE TABLE _knocker_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  endpoint_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  job_id INTEGER,
  status TEXT NOT NULL CHECK (status IN ('received', 'processing', 'failed', 'handled', 'dead', 'ignored')),
  attempts INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL,
  ended_at INTEGER,
  item_start INTEGER,
  item_length INTEGER,
  type TEXT,
  key TEXT,
  reason TEXT
) STRICT;

-- Further deliveries of an event. An event row never changes when its sender repeats itself. A link outlives its delivery when only that is
-- pruned: it says when the sender last spoke of the event.
CREATE TABLE _knocker_redeliveries (
  event_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  item_start INTEGER,
  item_length INTEGER,
  PRIMARY KEY (event_id, delivery_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE _knocker_attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT,
  worker TEXT NOT NULL,
  duration_ms INTEGER,
  finished_at INTEGER NOT NULL
) STRICT;

CREATE TABLE _knocker_prunes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  filter TEXT NOT NULL,
  events INTEGER NOT NULL,
  deliveries INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  audits INTEGER NOT NULL,
  pruned_at INTEGER NOT NULL
) STRICT;

-- endpoint_id 0 is the policy of every endpoint without its own.
CREATE TABLE _knocker_policies (
  endpoint_id INTEGER PRIMARY KEY,
  policy TEXT NOT NULL,
  next_run_at INTEGER NOT NULL
) STRICT;

-- How many events an endpoint has in each status, so that stats cost the same at any size. Kept by the triggers below.
CREATE TABLE _knocker_counts (
  endpoint_id INTEGER NOT NULL,
  status TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, status)
) STRICT, WITHOUT ROWID;

-- A ring of sixty minutes an endpoint: the figures of the last hour and the limit on refused receipts.
CREATE TABLE _knocker_minutes (
  endpoint_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  receipts INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  limited INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, slot)
) STRICT, WITHOUT ROWID;
