-- Indexes, triggers and views: what holds no data. Triggers and views are dropped and made anew by each migration, so that this file always
-- says what there is, and bootstrap puts back what is missing.
--
-- Files are opened by other programs as well, some with PRAGMA trusted_schema = OFF, and SQLite 3.38 to 3.40 then refuse the JSON functions
-- in views and triggers: nothing here calls one. A payload of ours is {"event_id":n} or {"event_id":n,"delivery_id":m}, in which a number is
-- what CAST reads up to the first other character.

-- The price of a commit is the number of pages it dirties: each index names the query that needs it.

-- Prune: the deliveries that created no event, which are refused and repeated ones. An accepted one pays nothing.
CREATE INDEX IF NOT EXISTS _knocker_deliveries_loose ON _knocker_deliveries (id) WHERE first_event_id IS NULL;
-- Operators look for what was refused: knocker_deliveries WHERE outcome = 'invalid'. An accepted one pays nothing here either.
CREATE INDEX IF NOT EXISTS _knocker_deliveries_outcome ON _knocker_deliveries (outcome)
WHERE outcome = 'invalid' OR outcome = 'duplicate' OR outcome = 'handshake' OR outcome = 'too_large' OR outcome = 'disabled';
-- Dedupe: the insert of every receive.
CREATE UNIQUE INDEX IF NOT EXISTS _knocker_events_key ON _knocker_events (endpoint_id, key) WHERE key IS NOT NULL;
-- Operators look for the rare states, bulk actions walk them, and retention prunes them: knocker_events WHERE status = 'dead'.
CREATE INDEX IF NOT EXISTS _knocker_events_failed ON _knocker_events (id) WHERE status = 'failed';
CREATE INDEX IF NOT EXISTS _knocker_events_dead ON _knocker_events (id) WHERE status = 'dead';
CREATE INDEX IF NOT EXISTS _knocker_events_ignored ON _knocker_events (id) WHERE status = 'ignored';
-- Prune and replay_delivery: the events of a delivery.
CREATE INDEX IF NOT EXISTS _knocker_redeliveries_delivery ON _knocker_redeliveries (delivery_id);
-- The history of one event, and its prune: the attempts that the event does not name itself. Most are their event's only one and pay nothing.
CREATE INDEX IF NOT EXISTS _knocker_attempts_event ON _knocker_attempts (event_id) WHERE indexed = 1;
-- Claims: the jobs whose worker died, which have a priority below 0 and are to run alone. Empty while no worker dies.
CREATE INDEX IF NOT EXISTS _knocker_live_suspects ON _honker_live (worker_id, queue, run_at) WHERE priority < 0;

-- An event that is processing counts as what it was before, `failed` where this is not its first attempt and `received` where it is, so that a claim
-- counts nothing: how many are, their leases tell. Every trigger here says so in the same words.
CREATE TRIGGER _knocker_event_inserted AFTER INSERT ON _knocker_events BEGIN
  UPDATE _knocker_counts SET n = n + 1
  WHERE endpoint_id = NEW.endpoint_id AND status = CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END;
  DELETE FROM _knocker_counts WHERE endpoint_id = -1 - (NEW.id >> 7) AND status = 'events:times';
END;

-- What event_notes.rs notes of a span of ids holds until a row of it has another time or id. No call of ours gives one, but for an import, which does so
-- to the newest event. Where this trigger was missing, nothing that is noted is to be relied on.
DELETE FROM _knocker_counts WHERE endpoint_id < 0;
-- Where spans had 1,024 ids, it stood under this name.
DROP TRIGGER IF EXISTS _knocker_event_retimed;
CREATE TRIGGER _knocker_event_times_changed AFTER UPDATE OF id, received_at ON _knocker_events BEGIN
  DELETE FROM _knocker_counts WHERE endpoint_id = -1 - (OLD.id >> 7) AND status = 'events:times';
  DELETE FROM _knocker_counts WHERE endpoint_id = -1 - (NEW.id >> 7) AND status = 'events:times';
END;
-- What is noted of wider spans holds as long as what is noted of all the narrow ones. Asked here, a receive pays nothing for it: it takes no note back.
CREATE TRIGGER _knocker_event_note_deleted AFTER DELETE ON _knocker_counts
WHEN OLD.endpoint_id BETWEEN -72057594037927936 AND -1 AND OLD.status = 'events:times' BEGIN
  DELETE FROM _knocker_counts WHERE endpoint_id = -72057594037927937 - ((-1 - OLD.endpoint_id) >> 4) AND status = 'events:times';
  DELETE FROM _knocker_counts WHERE endpoint_id = -144115188075855873 - ((-1 - OLD.endpoint_id) >> 8) AND status = 'events:times';
  DELETE FROM _knocker_counts WHERE endpoint_id = -216172782113783809 - ((-1 - OLD.endpoint_id) >> 12) AND status = 'events:times';
END;

-- What a verdict handles is counted with its attempt, by durations.rs: of all that makes an event handled, only that takes its job's id in the same breath.
-- One statement, not one for each row: a trigger costs what it might do, also where it does nothing.
CREATE TRIGGER _knocker_event_moved AFTER UPDATE OF status, attempts ON _knocker_events
WHEN NOT (NEW.job_id IS NULL AND NEW.status = 'handled' AND OLD.status = 'processing')
     AND CASE WHEN OLD.status <> 'processing' THEN OLD.status WHEN OLD.attempts > 1 THEN 'failed' ELSE 'received' END
         <> CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END BEGIN
  UPDATE _knocker_counts
  SET n = n + CASE status WHEN CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END THEN 1 ELSE -1 END
  WHERE endpoint_id = NEW.endpoint_id
    AND status IN (CASE WHEN OLD.status <> 'processing' THEN OLD.status WHEN OLD.attempts > 1 THEN 'failed' ELSE 'received' END,
                   CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END);
END;

CREATE TRIGGER _knocker_event_deleted AFTER DELETE ON _knocker_events BEGIN
  UPDATE _knocker_counts SET n = n - 1
  WHERE endpoint_id = OLD.endpoint_id AND status = CASE WHEN OLD.status <> 'processing' THEN OLD.status WHEN OLD.attempts > 1 THEN 'failed' ELSE 'received' END;
END;

-- What is kept of refused requests: refusals.rs adds to it, as no accepted one should pay for a trigger. 256 stands for the short columns and for
-- what SQLite needs of its own.
CREATE TRIGGER _knocker_refusal_deleted AFTER DELETE ON _knocker_deliveries
WHEN OLD.outcome = 'invalid' OR OLD.outcome = 'handshake' OR OLD.outcome = 'too_large' OR OLD.outcome = 'disabled' BEGIN
  UPDATE _knocker_refusals
  SET n = n - 1,
      bytes = bytes - (256 + length(CAST(OLD.method AS BLOB)) + length(CAST(OLD.url AS BLOB)) + length(CAST(OLD.headers AS BLOB))
            + coalesce(length(CAST(OLD.detail AS BLOB)), 0) + coalesce(length(CAST(OLD.provider_event_id AS BLOB)), 0)
            + coalesce(length(CAST(OLD.provider_delivery_id AS BLOB)), 0) + coalesce(length(OLD.body), 0))
  WHERE endpoint_id = OLD.endpoint_id AND outcome = OLD.outcome AND reason = coalesce(OLD.reason, '');
END;

-- Event and job never disagree, also when a plain Honker client claims, acks, retries, fails or cancels a job. Knocker's own calls
-- move the event first, with their own clock, and these then find nothing left to do.

CREATE TRIGGER _knocker_job_moved AFTER UPDATE OF state, attempts ON _honker_live
WHEN NEW.queue GLOB 'knocker:*' AND NEW.payload GLOB '{"event_id":*' BEGIN
  UPDATE _knocker_events
  SET status = CASE WHEN NEW.state = 'processing' THEN 'processing' WHEN NEW.attempts = 0 THEN 'received' ELSE 'failed' END,
      attempts = NEW.attempts
  WHERE id = CAST(substr(NEW.payload, 13) AS INTEGER) AND job_id = NEW.id
    AND (attempts <> NEW.attempts
         OR status <> CASE WHEN NEW.state = 'processing' THEN 'processing' WHEN NEW.attempts = 0 THEN 'received' ELSE 'failed' END);
END;

-- A job that leaves the queue was acked if it was leased, and cancelled if it was not. The event keeps the job's id, which is never used
-- again, so that the next trigger knows its own. Whether there is something left to do is asked beforehand, as that costs less than to update no row.
CREATE TRIGGER _knocker_job_removed AFTER DELETE ON _honker_live
WHEN OLD.queue GLOB 'knocker:*' AND OLD.payload GLOB '{"event_id":*'
     AND OLD.id = (SELECT job_id FROM _knocker_events WHERE id = CAST(substr(OLD.payload, 13) AS INTEGER)) BEGIN
  UPDATE _knocker_events
  SET status = CASE OLD.state WHEN 'processing' THEN 'handled' ELSE 'ignored' END,
      reason = CASE OLD.state WHEN 'processing' THEN NULL ELSE 'cancelled in the queue' END,
      ended_at = unixepoch() * 1000
  WHERE id = CAST(substr(OLD.payload, 13) AS INTEGER) AND job_id = OLD.id AND status <> 'dead';
END;

-- Honker deletes the live job first and then inserts the dead one.
CREATE TRIGGER _knocker_job_died AFTER INSERT ON _honker_dead
WHEN NEW.queue GLOB 'knocker:*' AND NEW.payload GLOB '{"event_id":*' BEGIN
  UPDATE _knocker_events
  SET status = 'dead', reason = NEW.last_error, attempts = NEW.attempts, ended_at = unixepoch() * 1000
  WHERE id = CAST(substr(NEW.payload, 13) AS INTEGER) AND job_id = NEW.id AND status <> 'dead';
END;

CREATE VIEW knocker_endpoints AS
SELECT id, name, provider, options, enabled, max_attempts, backoff, max_body_bytes, unhandled, on_redelivery, invalid_per_hour,
       max_refused, max_refused_bytes, max_batch_events, created_at, updated_at
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
       coalesce(j.max_attempts, p.max_attempts) AS max_attempts,
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

-- Either way: all of them by id, or those of one event.
CREATE VIEW knocker_attempts AS
SELECT a.id, e.id AS event_id, p.name AS endpoint, a.delivery_id, a.attempt, a.result, a.error, a.worker, a.duration_ms, a.finished_at
FROM _knocker_attempts a
JOIN _knocker_events e ON e.id = a.event_id AND (a.id = e.attempt_id OR (a.event_id = e.id AND a.indexed = 1))
LEFT JOIN _knocker_endpoints p ON p.id = e.endpoint_id;

CREATE VIEW knocker_policies AS
SELECT r.endpoint_id AS id, p.name AS endpoint, r.policy, r.next_run_at
FROM _knocker_policies r
LEFT JOIN _knocker_endpoints p ON p.id = r.endpoint_id;

CREATE VIEW knocker_prunes AS
SELECT id, kind, filter, events, deliveries, attempts, audits, pruned_at FROM _knocker_prunes;

-- The partial index _honker_live_processing_deadline holds the leased jobs alone, so this costs what is leased, not what waits.
CREATE VIEW knocker_jobs AS
SELECT j.id AS job_id, j.worker_id AS worker, e.id AS event_id, d.id AS delivery_id, p.name AS endpoint, e.type, e.key,
       j.attempts AS attempt, j.max_attempts, j.claim_expires_at * 1000 AS lease_expires_at, e.received_at,
       d.method, d.url, d.headers,
       CASE WHEN d.id = e.delivery_id THEN
              CASE WHEN e.item_start IS NULL THEN d.body ELSE substr(d.body, e.item_start + 1, e.item_length) END
            ELSE
              (SELECT CASE WHEN r.item_start IS NULL THEN d.body ELSE substr(d.body, r.item_start + 1, r.item_length) END
               FROM _knocker_redeliveries r WHERE r.event_id = e.id AND r.delivery_id = d.id)
       END AS body
FROM _honker_live j
JOIN _knocker_events e ON e.id = CAST(substr(j.payload, 13) AS INTEGER) AND e.job_id = j.id
JOIN _knocker_deliveries d ON d.id = CASE instr(j.payload, '"delivery_id":')
       WHEN 0 THEN e.delivery_id ELSE CAST(substr(j.payload, instr(j.payload, '"delivery_id":') + 14) AS INTEGER) END
JOIN _knocker_endpoints p ON p.id = e.endpoint_id
WHERE j.state = 'processing' AND j.queue GLOB 'knocker:*';
