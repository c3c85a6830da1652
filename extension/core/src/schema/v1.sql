-- Version 1. Times are Unix milliseconds. Ids grow and are never used again, so that lists page by id; their order is that of time as long
-- as the clock is right.
-- The price of a commit is the number of pages it dirties: each index below names the query that needs it.

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

-- Prune: the deliveries that created no event, which are refused and repeated ones. An accepted one pays nothing.
CREATE INDEX _knocker_deliveries_loose ON _knocker_deliveries (id) WHERE first_event_id IS NULL;
-- Operators look for what was refused: knocker_deliveries WHERE outcome = 'invalid'. An accepted one pays nothing here either.
CREATE INDEX _knocker_deliveries_outcome ON _knocker_deliveries (outcome)
WHERE outcome = 'invalid' OR outcome = 'duplicate' OR outcome = 'handshake' OR outcome = 'too_large' OR outcome = 'disabled';

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

-- Dedupe: the insert of every receive.
CREATE UNIQUE INDEX _knocker_events_key ON _knocker_events (endpoint_id, key) WHERE key IS NOT NULL;
-- Operators look for the rare states, bulk actions walk them, and retention prunes them: knocker_events WHERE status = 'dead'.
CREATE INDEX _knocker_events_failed ON _knocker_events (id) WHERE status = 'failed';
CREATE INDEX _knocker_events_dead ON _knocker_events (id) WHERE status = 'dead';
CREATE INDEX _knocker_events_ignored ON _knocker_events (id) WHERE status = 'ignored';

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
-- Prune and replay_delivery: the events of a delivery.
CREATE INDEX _knocker_redeliveries_delivery ON _knocker_redeliveries (delivery_id);

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
-- The history of one event, and its prune.
CREATE INDEX _knocker_attempts_event ON _knocker_attempts (event_id);

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

CREATE TRIGGER _knocker_event_inserted AFTER INSERT ON _knocker_events BEGIN
  UPDATE _knocker_counts SET n = n + 1 WHERE endpoint_id = NEW.endpoint_id AND status = NEW.status;
END;

CREATE TRIGGER _knocker_event_moved AFTER UPDATE OF status ON _knocker_events WHEN OLD.status <> NEW.status BEGIN
  UPDATE _knocker_counts SET n = n - 1 WHERE endpoint_id = OLD.endpoint_id AND status = OLD.status;
  UPDATE _knocker_counts SET n = n + 1 WHERE endpoint_id = NEW.endpoint_id AND status = NEW.status;
END;

CREATE TRIGGER _knocker_event_deleted AFTER DELETE ON _knocker_events BEGIN
  UPDATE _knocker_counts SET n = n - 1 WHERE endpoint_id = OLD.endpoint_id AND status = OLD.status;
END;

-- Event and job never disagree, also when a plain Honker client claims, acks, retries, fails or cancels a job. Knocker's own calls
-- move the event first, with their own clock, and these then find nothing left to do.

CREATE TRIGGER _knocker_job_moved AFTER UPDATE OF state, attempts ON _honker_live
WHEN NEW.queue GLOB 'knocker:*' AND json_valid(NEW.payload) BEGIN
  UPDATE _knocker_events
  SET status = CASE WHEN NEW.state = 'processing' THEN 'processing' WHEN NEW.attempts = 0 THEN 'received' ELSE 'failed' END,
      attempts = NEW.attempts
  WHERE id = NEW.payload ->> '$.event_id' AND job_id = NEW.id
    AND (attempts <> NEW.attempts
         OR status <> CASE WHEN NEW.state = 'processing' THEN 'processing' WHEN NEW.attempts = 0 THEN 'received' ELSE 'failed' END);
END;

-- A job that leaves the queue was acked if it was leased, and cancelled if it was not. The event keeps the job's id, which is never used
-- again, so that the next trigger knows its own.
CREATE TRIGGER _knocker_job_removed AFTER DELETE ON _honker_live
WHEN OLD.queue GLOB 'knocker:*' AND json_valid(OLD.payload) BEGIN
  UPDATE _knocker_events
  SET status = CASE OLD.state WHEN 'processing' THEN 'handled' ELSE 'ignored' END,
      reason = CASE OLD.state WHEN 'processing' THEN NULL ELSE 'cancelled in the queue' END,
      ended_at = unixepoch() * 1000
  WHERE id = OLD.payload ->> '$.event_id' AND job_id = OLD.id AND status <> 'dead';
END;

-- Honker deletes the live job first and then inserts the dead one.
CREATE TRIGGER _knocker_job_died AFTER INSERT ON _honker_dead
WHEN NEW.queue GLOB 'knocker:*' AND json_valid(NEW.payload) BEGIN
  UPDATE _knocker_events
  SET status = 'dead', reason = NEW.last_error, attempts = NEW.attempts, ended_at = unixepoch() * 1000
  WHERE id = NEW.payload ->> '$.event_id' AND job_id = NEW.id AND status <> 'dead';
END;

CREATE VIEW knocker_endpoints AS
SELECT id, name,
       config ->> '$.provider' AS provider,
       config -> '$.options' AS options,
       config ->> '$.enabled' AS enabled,
       config ->> '$.max_attempts' AS max_attempts,
       config -> '$.backoff' AS backoff,
       config ->> '$.max_body_bytes' AS max_body_bytes,
       config ->> '$.unhandled' AS unhandled,
       config ->> '$.on_redelivery' AS on_redelivery,
       config ->> '$.invalid_per_hour' AS invalid_per_hour,
       created_at, updated_at
FROM _knocker_endpoints;

-- Which deliveries an event had, and which events a delivery brought: an index lookup either way.
CREATE VIEW knocker_event_deliveries AS
SELECT e.id AS event_id, d.id AS delivery_id, 0 AS duplicate
FROM _knocker_deliveries d
JOIN _knocker_events e ON e.id BETWEEN d.first_event_id AND d.last_event_id AND e.delivery_id = d.id
UNION ALL
SELECT r.event_id, r.delivery_id, 1 FROM _knocker_redeliveries r JOIN _knocker_deliveries d ON d.id = r.delivery_id;

CREATE VIEW knocker_deliveries AS
SELECT d.id, p.name AS endpoint, d.outcome,
       (SELECT min(event_id)
        FROM (SELECT min(e.id) AS event_id FROM _knocker_events e
              WHERE e.id BETWEEN d.first_event_id AND d.last_event_id AND e.delivery_id = d.id
              UNION ALL
              SELECT min(r.event_id) FROM _knocker_redeliveries r WHERE r.delivery_id = d.id)) AS event_id,
       d.reason, d.detail, d.provider_event_id, d.provider_delivery_id,
       d.method, d.url, d.headers, d.body_size, d.body_sha256, d.received_at, d.body
FROM _knocker_deliveries d
LEFT JOIN _knocker_endpoints p ON p.id = d.endpoint_id;

CREATE VIEW knocker_events AS
SELECT e.id, p.name AS endpoint, e.type, e.key, e.status, e.attempts,
       coalesce(j.max_attempts, p.config ->> '$.max_attempts') AS max_attempts,
       e.reason, e.delivery_id,
       1 + (SELECT count(*) FROM _knocker_redeliveries r WHERE r.event_id = e.id) AS deliveries,
       e.received_at,
       coalesce((SELECT max(r.received_at) FROM _knocker_redeliveries r WHERE r.event_id = e.id), e.received_at) AS last_delivery_at,
       CASE j.state WHEN 'pending' THEN j.run_at * 1000 END AS next_attempt_at,
       e.ended_at,
       (SELECT CASE WHEN e.item_start IS NULL THEN d.body ELSE substr(d.body, e.item_start + 1, e.item_length) END
        FROM _knocker_deliveries d WHERE d.id = e.delivery_id) AS body
FROM _knocker_events e
LEFT JOIN _knocker_endpoints p ON p.id = e.endpoint_id
LEFT JOIN _honker_live j ON j.id = e.job_id;

CREATE VIEW knocker_attempts AS
SELECT a.id, a.event_id, p.name AS endpoint, a.delivery_id, a.attempt, a.outcome, a.error, a.worker, a.duration_ms, a.finished_at
FROM _knocker_attempts a
LEFT JOIN _knocker_events e ON e.id = a.event_id
LEFT JOIN _knocker_endpoints p ON p.id = e.endpoint_id;

CREATE VIEW knocker_policies AS
SELECT r.endpoint_id AS id, p.name AS endpoint, r.policy, r.next_run_at
FROM _knocker_policies r
LEFT JOIN _knocker_endpoints p ON p.id = r.endpoint_id;

CREATE VIEW knocker_prunes AS
SELECT id, kind, filter, events, deliveries, attempts, audits, pruned_at FROM _knocker_prunes;

-- The partial index _honker_live_processing_deadline holds the leased jobs alone, so this costs what is leased, not what waits.
CREATE VIEW knocker_jobs AS
SELECT j.id AS job_id, j.worker_id AS worker, e.id AS event_id, d.id AS delivery_id, p.name AS endpoint, e.type,
       j.attempts AS attempt, j.max_attempts, j.claim_expires_at * 1000 AS lease_expires_at, e.received_at,
       d.method, d.url, d.headers,
       CASE WHEN d.id = e.delivery_id THEN
              CASE WHEN e.item_start IS NULL THEN d.body ELSE substr(d.body, e.item_start + 1, e.item_length) END
            ELSE
              (SELECT CASE WHEN r.item_start IS NULL THEN d.body ELSE substr(d.body, r.item_start + 1, r.item_length) END
               FROM _knocker_redeliveries r WHERE r.event_id = e.id AND r.delivery_id = d.id)
       END AS body
FROM _honker_live j
JOIN _knocker_events e ON e.id = iif(json_valid(j.payload), j.payload ->> '$.event_id', NULL) AND e.job_id = j.id
JOIN _knocker_deliveries d ON d.id = coalesce(iif(json_valid(j.payload), j.payload ->> '$.delivery_id', NULL), e.delivery_id)
JOIN _knocker_endpoints p ON p.id = e.endpoint_id
WHERE j.state = 'processing' AND j.queue GLOB 'knocker:*';
