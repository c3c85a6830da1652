PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE orders (event_id INTEGER PRIMARY KEY, paid_at INTEGER NOT NULL);
INSERT INTO orders VALUES(2,1767225621000);
CREATE TABLE _honker_live (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      queue TEXT NOT NULL,
      payload TEXT NOT NULL,
      state TEXT NOT NULL DEFAULT 'pending',
      priority INTEGER NOT NULL DEFAULT 0,
      run_at INTEGER NOT NULL DEFAULT (unixepoch()),
      worker_id TEXT,
      claim_expires_at INTEGER,
      attempts INTEGER NOT NULL DEFAULT 0,
      max_attempts INTEGER NOT NULL DEFAULT 3,
      created_at INTEGER NOT NULL DEFAULT (unixepoch()),
      expires_at INTEGER
    );
INSERT INTO _honker_live VALUES(4,'knocker:shop','{"event_id":4}','pending',0,1767225960,NULL,NULL,1,2,1767225900,NULL);
INSERT INTO _honker_live VALUES(6,'knocker:shop','{"event_id":6}','processing',0,1767225920,'gone',1767225980,1,2,1767225920,NULL);
INSERT INTO _honker_live VALUES(7,'knocker:shop','{"event_id":7}','pending',0,1767225930,NULL,NULL,0,2,1767225930,NULL);
CREATE TABLE _honker_dead (
      id INTEGER PRIMARY KEY,
      queue TEXT NOT NULL,
      payload TEXT NOT NULL,
      priority INTEGER NOT NULL DEFAULT 0,
      run_at INTEGER NOT NULL DEFAULT 0,
      attempts INTEGER NOT NULL DEFAULT 0,
      max_attempts INTEGER NOT NULL DEFAULT 0,
      last_error TEXT,
      created_at INTEGER NOT NULL DEFAULT (unixepoch()),
      died_at INTEGER NOT NULL DEFAULT (unixepoch())
    );
INSERT INTO _honker_dead VALUES(3,'knocker:shop','{"event_id":3}',0,1767225692,2,2,'no stock',1767225630,1767225801);
CREATE TABLE _honker_locks (
      name TEXT PRIMARY KEY,
      owner TEXT NOT NULL,
      expires_at INTEGER NOT NULL
    );
CREATE TABLE _honker_rate_limits (
      name TEXT NOT NULL,
      window_start INTEGER NOT NULL,
      count INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (name, window_start)
    );
CREATE TABLE _honker_scheduler_tasks (
      name TEXT PRIMARY KEY,
      queue TEXT NOT NULL,
      cron_expr TEXT NOT NULL,
      payload TEXT NOT NULL,
      priority INTEGER NOT NULL DEFAULT 0,
      expires_s INTEGER,
      next_fire_at INTEGER NOT NULL,
      enabled INTEGER NOT NULL DEFAULT 1,
      max_attempts INTEGER NOT NULL DEFAULT 3
    );
CREATE TABLE _honker_results (
      job_id INTEGER PRIMARY KEY,
      value TEXT,
      created_at INTEGER NOT NULL DEFAULT (unixepoch()),
      expires_at INTEGER
    );
CREATE TABLE _honker_stream (
      offset INTEGER PRIMARY KEY AUTOINCREMENT,
      topic TEXT NOT NULL,
      key TEXT,
      payload TEXT NOT NULL,
      created_at INTEGER NOT NULL DEFAULT (unixepoch())
    );
CREATE TABLE _honker_stream_consumers (
      name TEXT NOT NULL,
      topic TEXT NOT NULL,
      offset INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (name, topic)
    );
CREATE TABLE _knocker_schema (
  version INTEGER PRIMARY KEY,
  migrated_at INTEGER NOT NULL
);
INSERT INTO _knocker_schema VALUES(1,1767225600000);
INSERT INTO _knocker_schema VALUES(2,1767225600000);
INSERT INTO _knocker_schema VALUES(3,1767225600000);
INSERT INTO _knocker_schema VALUES(4,1767225600000);
INSERT INTO _knocker_schema VALUES(5,1767225600000);
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
INSERT INTO _knocker_endpoints VALUES(1,'shop','{"provider":null,"options":{},"enabled":true,"max_attempts":2,"backoff":{"base_s":60.0,"factor":2.0,"cap_s":3600.0},"max_body_bytes":1048576,"unhandled":"retry","on_redelivery":"keep","invalid_per_hour":1000,"max_refused":10000,"max_refused_bytes":134217728,"max_batch_events":10000}',1767225600000,1767225600000,NULL,'{}',1,2,'{"base_s":60.0,"factor":2.0,"cap_s":3600.0}',1048576,'retry','keep',1000,10000,134217728,10000);
INSERT INTO _knocker_endpoints VALUES(2,'github','{"provider":"github","options":{},"enabled":true,"max_attempts":10,"backoff":{"base_s":5.0,"factor":4.0,"cap_s":21600.0},"max_body_bytes":2097152,"unhandled":"retry","on_redelivery":"keep","invalid_per_hour":1000,"max_refused":10000,"max_refused_bytes":134217728,"max_batch_events":10000}',1767225600000,1767225600000,'github','{}',1,10,'{"base_s":5.0,"factor":4.0,"cap_s":21600.0}',2097152,'retry','keep',1000,10000,134217728,10000);
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
INSERT INTO _knocker_deliveries VALUES(2,1,'accepted',2,2,NULL,NULL,NULL,NULL,1767225620000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20327d');
INSERT INTO _knocker_deliveries VALUES(3,1,'duplicate',NULL,NULL,NULL,NULL,NULL,NULL,1767225622000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20327d');
INSERT INTO _knocker_deliveries VALUES(4,1,'accepted',3,3,NULL,NULL,NULL,NULL,1767225630000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20337d');
INSERT INTO _knocker_deliveries VALUES(5,1,'accepted',4,4,NULL,NULL,NULL,NULL,1767225900000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20347d');
INSERT INTO _knocker_deliveries VALUES(6,1,'accepted',5,5,NULL,NULL,NULL,NULL,1767225910000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20357d');
INSERT INTO _knocker_deliveries VALUES(7,1,'accepted',6,6,NULL,NULL,NULL,NULL,1767225920000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20367d');
INSERT INTO _knocker_deliveries VALUES(8,1,'accepted',7,7,NULL,NULL,NULL,NULL,1767225930000,'POST','/','{}',12,NULL,X'7b22746f74616c223a20377d');
INSERT INTO _knocker_deliveries VALUES(9,2,'invalid',NULL,NULL,'bad_signature','no secret produces this signature',NULL,NULL,1767225940000,'POST','/','{"x-github-delivery":"8d1","x-github-event":"push","x-hub-signature-256":"sha256=00"}',2,NULL,X'7b7d');
INSERT INTO _knocker_deliveries VALUES(10,2,'invalid',NULL,NULL,'missing_header','the header X-Hub-Signature-256 is missing',NULL,NULL,1767225941000,'POST','/','{}',2,NULL,X'7b7d');
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
, attempt_id INTEGER);
INSERT INTO _knocker_events VALUES(2,1,2,NULL,'handled',1,1767225620000,1767225621000,NULL,NULL,'order.paid','handled',NULL,0,2);
INSERT INTO _knocker_events VALUES(3,1,4,3,'dead',2,1767225630000,1767225801000,NULL,NULL,'order.paid','dead','no stock',0,3);
INSERT INTO _knocker_events VALUES(4,1,5,4,'failed',1,1767225900000,NULL,NULL,NULL,'order.paid','failed','the till is closed',0,5);
INSERT INTO _knocker_events VALUES(5,1,6,NULL,'ignored',0,1767225910000,1767225911000,NULL,NULL,'order.seen','ignored','a test order',0,NULL);
INSERT INTO _knocker_events VALUES(6,1,7,6,'processing',1,1767225920000,NULL,NULL,NULL,'order.paid','processing',NULL,0,NULL);
INSERT INTO _knocker_events VALUES(7,1,8,7,'received',0,1767225930000,NULL,NULL,NULL,'order.paid','received',NULL,0,NULL);
CREATE TABLE _knocker_redeliveries (
  event_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  item_start INTEGER,
  item_length INTEGER,
  PRIMARY KEY (event_id, delivery_id)
) WITHOUT ROWID;
INSERT INTO _knocker_redeliveries VALUES(2,3,1767225622000,NULL,NULL);
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
, indexed INTEGER NOT NULL DEFAULT 1);
INSERT INTO _knocker_attempts VALUES(2,2,2,1,'handled',NULL,'till',5,1767225621000,0);
INSERT INTO _knocker_attempts VALUES(3,3,4,1,'failed','no stock','till',5,1767225631000,0);
INSERT INTO _knocker_attempts VALUES(4,3,4,2,'dead','no stock','till',5,1767225801000,1);
INSERT INTO _knocker_attempts VALUES(5,4,5,1,'failed','the till is closed','till',5,1767225901000,0);
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
INSERT INTO _knocker_prunes VALUES(1,'events','{"older_than_s": 1, "status": ["handled"]}',1,1,1,0,1767225610000);
CREATE TABLE _knocker_policies (
  endpoint_id INTEGER PRIMARY KEY,
  policy TEXT NOT NULL,
  next_run_at INTEGER NOT NULL
);
INSERT INTO _knocker_policies VALUES(1,'{"endpoint":"shop","handled_s":2592000,"ignored_s":null,"dead_s":null,"deliveries_s":null,"audits_s":null,"interval_s":3600,"limit":1000}',1767225942000);
CREATE TABLE _knocker_counts (
  endpoint_id INTEGER NOT NULL,
  status TEXT NOT NULL,
  n INTEGER NOT NULL, duration_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (endpoint_id, status)
) WITHOUT ROWID;
INSERT INTO _knocker_counts VALUES(0,'attempts:counted',1,0);
INSERT INTO _knocker_counts VALUES(1,'dead',1,0);
INSERT INTO _knocker_counts VALUES(1,'failed',1,0);
INSERT INTO _knocker_counts VALUES(1,'handled',0,0);
INSERT INTO _knocker_counts VALUES(1,'handled:5',1,5);
INSERT INTO _knocker_counts VALUES(1,'ignored',1,0);
INSERT INTO _knocker_counts VALUES(1,'processing',0,0);
INSERT INTO _knocker_counts VALUES(1,'received',3,0);
INSERT INTO _knocker_counts VALUES(2,'dead',0,0);
INSERT INTO _knocker_counts VALUES(2,'failed',0,0);
INSERT INTO _knocker_counts VALUES(2,'handled',0,0);
INSERT INTO _knocker_counts VALUES(2,'ignored',0,0);
INSERT INTO _knocker_counts VALUES(2,'processing',0,0);
INSERT INTO _knocker_counts VALUES(2,'received',0,0);
CREATE TABLE _knocker_minutes (
  endpoint_id INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  receipts INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  limited INTEGER NOT NULL,
  too_large INTEGER NOT NULL DEFAULT 0,
  handshakes INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, greetings INTEGER NOT NULL DEFAULT 0, disabled INTEGER NOT NULL DEFAULT 0, refused_missing_header INTEGER NOT NULL DEFAULT 0, refused_malformed_header INTEGER NOT NULL DEFAULT 0, refused_bad_signature INTEGER NOT NULL DEFAULT 0, refused_timestamp_out_of_tolerance INTEGER NOT NULL DEFAULT 0, refused_malformed_body INTEGER NOT NULL DEFAULT 0, refused_no_secret INTEGER NOT NULL DEFAULT 0, refused_not_allowed INTEGER NOT NULL DEFAULT 0, refused_unspecified INTEGER NOT NULL DEFAULT 0, refused_too_large INTEGER NOT NULL DEFAULT 0, refused_disabled INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (endpoint_id, slot)
) WITHOUT ROWID;
INSERT INTO _knocker_minutes VALUES(1,0,29453760,4,0,1,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO _knocker_minutes VALUES(1,3,29453763,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO _knocker_minutes VALUES(1,5,29453765,4,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0);
INSERT INTO _knocker_minutes VALUES(2,5,29453765,2,2,0,0,0,0,0,0,0,1,0,1,0,0,0,0,0,0,0);
CREATE TABLE _knocker_refusals (
  endpoint_id INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  n INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, outcome, reason)
) WITHOUT ROWID;
INSERT INTO _knocker_refusals VALUES(2,'invalid','bad_signature',1,381);
INSERT INTO _knocker_refusals VALUES(2,'invalid','missing_header',1,306);
CREATE TABLE _knocker_totals (
  endpoint_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, name)
) WITHOUT ROWID;
INSERT INTO _knocker_totals VALUES(0,'pruned_attempts',1);
INSERT INTO _knocker_totals VALUES(0,'pruned_deliveries',1);
INSERT INTO _knocker_totals VALUES(0,'pruned_events',1);
INSERT INTO _knocker_totals VALUES(0,'prunes_events',1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('_knocker_events',7);
INSERT INTO sqlite_sequence VALUES('_knocker_deliveries',10);
INSERT INTO sqlite_sequence VALUES('_honker_live',7);
INSERT INTO sqlite_sequence VALUES('_knocker_attempts',200001);
INSERT INTO sqlite_sequence VALUES('_knocker_prunes',1);
CREATE INDEX _honker_live_claim
      ON _honker_live(queue, priority DESC, run_at, id)
      WHERE state IN ('pending', 'processing');
CREATE INDEX _honker_live_pending_deadline
      ON _honker_live(queue, run_at)
      WHERE state = 'pending';
CREATE INDEX _honker_live_processing_deadline
      ON _honker_live(queue, claim_expires_at)
      WHERE state = 'processing';
CREATE INDEX _honker_stream_topic
      ON _honker_stream(topic, offset);
CREATE INDEX _knocker_deliveries_loose ON _knocker_deliveries (id) WHERE first_event_id IS NULL;
CREATE INDEX _knocker_deliveries_outcome ON _knocker_deliveries (outcome)
WHERE outcome = 'invalid' OR outcome = 'duplicate' OR outcome = 'handshake' OR outcome = 'too_large' OR outcome = 'disabled';
CREATE UNIQUE INDEX _knocker_events_key ON _knocker_events (endpoint_id, key) WHERE key IS NOT NULL;
CREATE INDEX _knocker_events_failed ON _knocker_events (id) WHERE status = 'failed';
CREATE INDEX _knocker_events_dead ON _knocker_events (id) WHERE status = 'dead';
CREATE INDEX _knocker_events_ignored ON _knocker_events (id) WHERE status = 'ignored';
CREATE INDEX _knocker_redeliveries_delivery ON _knocker_redeliveries (delivery_id);
CREATE INDEX _knocker_attempts_event ON _knocker_attempts (event_id) WHERE indexed = 1;
CREATE INDEX _knocker_live_suspects ON _honker_live (worker_id, queue, run_at) WHERE priority < 0;
CREATE TRIGGER _knocker_event_inserted AFTER INSERT ON _knocker_events BEGIN
  UPDATE _knocker_counts SET n = n + 1
  WHERE endpoint_id = NEW.endpoint_id AND status = CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END;
END;
CREATE TRIGGER _knocker_event_moved AFTER UPDATE OF status, attempts ON _knocker_events
WHEN CASE WHEN OLD.status <> 'processing' THEN OLD.status WHEN OLD.attempts > 1 THEN 'failed' ELSE 'received' END
     <> CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END
     AND NOT (OLD.status = 'processing' AND NEW.status = 'handled' AND NEW.job_id IS NULL) BEGIN
  UPDATE _knocker_counts SET n = n - 1
  WHERE endpoint_id = OLD.endpoint_id AND status = CASE WHEN OLD.status <> 'processing' THEN OLD.status WHEN OLD.attempts > 1 THEN 'failed' ELSE 'received' END;
  UPDATE _knocker_counts SET n = n + 1
  WHERE endpoint_id = NEW.endpoint_id AND status = CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END;
END;
CREATE TRIGGER _knocker_event_deleted AFTER DELETE ON _knocker_events BEGIN
  UPDATE _knocker_counts SET n = n - 1
  WHERE endpoint_id = OLD.endpoint_id AND status = CASE WHEN OLD.status <> 'processing' THEN OLD.status WHEN OLD.attempts > 1 THEN 'failed' ELSE 'received' END;
END;
CREATE TRIGGER _knocker_refusal_deleted AFTER DELETE ON _knocker_deliveries
WHEN OLD.outcome = 'invalid' OR OLD.outcome = 'handshake' OR OLD.outcome = 'too_large' OR OLD.outcome = 'disabled' BEGIN
  UPDATE _knocker_refusals
  SET n = n - 1,
      bytes = bytes - (256 + length(CAST(OLD.method AS BLOB)) + length(CAST(OLD.url AS BLOB)) + length(CAST(OLD.headers AS BLOB))
            + coalesce(length(CAST(OLD.detail AS BLOB)), 0) + coalesce(length(CAST(OLD.provider_event_id AS BLOB)), 0)
            + coalesce(length(CAST(OLD.provider_delivery_id AS BLOB)), 0) + coalesce(length(OLD.body), 0))
  WHERE endpoint_id = OLD.endpoint_id AND outcome = OLD.outcome AND reason = coalesce(OLD.reason, '');
END;
CREATE TRIGGER _knocker_job_moved AFTER UPDATE OF state, attempts ON _honker_live
WHEN NEW.queue GLOB 'knocker:*' AND NEW.payload GLOB '{"event_id":*' BEGIN
  UPDATE _knocker_events
  SET status = CASE WHEN NEW.state = 'processing' THEN 'processing' WHEN NEW.attempts = 0 THEN 'received' ELSE 'failed' END,
      attempts = NEW.attempts
  WHERE id = CAST(substr(NEW.payload, 13) AS INTEGER) AND job_id = NEW.id
    AND (attempts <> NEW.attempts
         OR status <> CASE WHEN NEW.state = 'processing' THEN 'processing' WHEN NEW.attempts = 0 THEN 'received' ELSE 'failed' END);
END;
CREATE TRIGGER _knocker_job_removed AFTER DELETE ON _honker_live
WHEN OLD.queue GLOB 'knocker:*' AND OLD.payload GLOB '{"event_id":*'
     AND OLD.id = (SELECT job_id FROM _knocker_events WHERE id = CAST(substr(OLD.payload, 13) AS INTEGER)) BEGIN
  UPDATE _knocker_events
  SET status = CASE OLD.state WHEN 'processing' THEN 'handled' ELSE 'ignored' END,
      reason = CASE OLD.state WHEN 'processing' THEN NULL ELSE 'cancelled in the queue' END,
      ended_at = unixepoch() * 1000
  WHERE id = CAST(substr(OLD.payload, 13) AS INTEGER) AND job_id = OLD.id AND status <> 'dead';
END;
CREATE TRIGGER _knocker_job_died AFTER INSERT ON _honker_dead
WHEN NEW.queue GLOB 'knocker:*' AND NEW.payload GLOB '{"event_id":*' BEGIN
  UPDATE _knocker_events
  SET status = 'dead', reason = NEW.last_error, attempts = NEW.attempts, ended_at = unixepoch() * 1000
  WHERE id = CAST(substr(NEW.payload, 13) AS INTEGER) AND job_id = NEW.id AND status <> 'dead';
END;
CREATE VIEW knocker_endpoints AS SELECT id, name, provider, options, enabled, max_attempts, backoff, max_body_bytes, unhandled, on_redelivery, invalid_per_hour, max_refused, max_refused_bytes, max_batch_events, created_at, updated_at FROM _knocker_endpoints;
CREATE VIEW knocker_event_deliveries AS SELECT e.id AS event_id, d.id AS delivery_id, 0 AS duplicate FROM _knocker_deliveries d JOIN _knocker_events e ON e.id BETWEEN d.first_event_id AND d.last_event_id AND e.delivery_id = d.id UNION ALL SELECT r.event_id, r.delivery_id, 1 FROM _knocker_redeliveries r JOIN _knocker_deliveries d ON d.id = r.delivery_id;
CREATE VIEW knocker_deliveries AS SELECT d.id, p.name AS endpoint, d.outcome, (SELECT min(event_id) FROM (SELECT min(e.id) AS event_id FROM _knocker_events e WHERE e.id BETWEEN d.first_event_id AND d.last_event_id AND e.delivery_id = d.id UNION ALL SELECT min(r.event_id) FROM _knocker_redeliveries r WHERE r.delivery_id = d.id)) AS event_id, d.reason, d.detail, d.provider_event_id, d.provider_delivery_id, d.method, d.url, d.headers, d.body_size, d.body_sha256, d.received_at, d.body FROM _knocker_deliveries d LEFT JOIN _knocker_endpoints p ON p.id = d.endpoint_id;
CREATE VIEW knocker_events AS SELECT e.id, p.name AS endpoint, e.type, e.key, e.status, e.attempts, coalesce(j.max_attempts, p.max_attempts) AS max_attempts, e.reason, e.delivery_id, 1 + (SELECT count(*) FROM _knocker_redeliveries r WHERE r.event_id = e.id) AS deliveries, e.received_at, coalesce((SELECT max(r.received_at) FROM _knocker_redeliveries r WHERE r.event_id = e.id), e.received_at) AS last_delivery_at, CASE j.state WHEN 'pending' THEN j.run_at * 1000 END AS next_attempt_at, e.ended_at, (SELECT CASE WHEN e.item_start IS NULL THEN d.body ELSE substr(d.body, e.item_start + 1, e.item_length) END FROM _knocker_deliveries d WHERE d.id = e.delivery_id) AS body FROM _knocker_events e LEFT JOIN _knocker_endpoints p ON p.id = e.endpoint_id LEFT JOIN _honker_live j ON j.id = e.job_id;
CREATE VIEW knocker_attempts AS SELECT a.id, e.id AS event_id, p.name AS endpoint, a.delivery_id, a.attempt, a.result, a.error, a.worker, a.duration_ms, a.finished_at FROM _knocker_attempts a JOIN _knocker_events e ON e.id = a.event_id AND (a.id = e.attempt_id OR (a.event_id = e.id AND a.indexed = 1)) LEFT JOIN _knocker_endpoints p ON p.id = e.endpoint_id;
CREATE VIEW knocker_policies AS SELECT r.endpoint_id AS id, p.name AS endpoint, r.policy, r.next_run_at FROM _knocker_policies r LEFT JOIN _knocker_endpoints p ON p.id = r.endpoint_id;
CREATE VIEW knocker_prunes AS SELECT id, kind, filter, events, deliveries, attempts, audits, pruned_at FROM _knocker_prunes;
CREATE VIEW knocker_jobs AS SELECT j.id AS job_id, j.worker_id AS worker, e.id AS event_id, d.id AS delivery_id, p.name AS endpoint, e.type, e.key, j.attempts AS attempt, j.max_attempts, j.claim_expires_at * 1000 AS lease_expires_at, e.received_at, d.method, d.url, d.headers, CASE WHEN d.id = e.delivery_id THEN CASE WHEN e.item_start IS NULL THEN d.body ELSE substr(d.body, e.item_start + 1, e.item_length) END ELSE (SELECT CASE WHEN r.item_start IS NULL THEN d.body ELSE substr(d.body, r.item_start + 1, r.item_length) END FROM _knocker_redeliveries r WHERE r.event_id = e.id AND r.delivery_id = d.id) END AS body FROM _honker_live j JOIN _knocker_events e ON e.id = CAST(substr(j.payload, 13) AS INTEGER) AND e.job_id = j.id JOIN _knocker_deliveries d ON d.id = CASE instr(j.payload, '"delivery_id":') WHEN 0 THEN e.delivery_id ELSE CAST(substr(j.payload, instr(j.payload, '"delivery_id":') + 14) AS INTEGER) END JOIN _knocker_endpoints p ON p.id = e.endpoint_id WHERE j.state = 'processing' AND j.queue GLOB 'knocker:*';
COMMIT;
