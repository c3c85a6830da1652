-- Version 3: figures that only grow, for monitoring. They go into rows that a receipt and a verdict write anyway, so that no commit dirties another
-- page: those of a receipt into its minute, those of an attempt beside the number of events of that status.

-- What the minutes of the ring held before they were used again. What was ever counted is the sum of both. `endpoint_id` is 0 for what is no endpoint's.
CREATE TABLE _knocker_totals (
  endpoint_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, name)
) WITHOUT ROWID;

-- `greetings` are the stored handshakes. What was refused for a reason stands there also where it was only counted.
ALTER TABLE _knocker_minutes ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN greetings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_missing_header INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_malformed_header INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_bad_signature INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_timestamp_out_of_tolerance INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_malformed_body INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_no_secret INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_not_allowed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_unspecified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_too_large INTEGER NOT NULL DEFAULT 0;
ALTER TABLE _knocker_minutes ADD COLUMN refused_disabled INTEGER NOT NULL DEFAULT 0;

-- Beside the number of events of a status stand rows of attempts that ended in it and took at most so many milliseconds, and longer than the next lower
-- bound: `handled:10`, and without a bound what took longer than all. `n` only grows there, and `duration_ms` is what they took together.
ALTER TABLE _knocker_counts ADD COLUMN duration_ms INTEGER NOT NULL DEFAULT 0;

-- A file that is in use starts with what it still has: its rows, and the refused receipts of the ring that were only counted. What the ring counted of
-- the rest is in the rows already, so that a total may start below 0.
INSERT INTO _knocker_totals (endpoint_id, name, n)
WITH kinds (endpoint_id, outcome, reason, n) AS MATERIALIZED (
  SELECT endpoint_id, outcome, coalesce(reason, 'unspecified'), count(*) FROM _knocker_deliveries GROUP BY 1, 2, 3
),
found (endpoint_id, name, n) AS (
  SELECT endpoint_id, 'receipts', n FROM kinds
  UNION ALL SELECT endpoint_id, 'refused', n FROM kinds WHERE outcome IN ('invalid', 'handshake', 'too_large', 'disabled')
  UNION ALL SELECT endpoint_id, 'duplicates', n FROM kinds WHERE outcome = 'duplicate'
  UNION ALL SELECT endpoint_id, 'greetings', n FROM kinds WHERE outcome = 'handshake'
  UNION ALL SELECT endpoint_id, 'too_large', n FROM kinds WHERE outcome = 'too_large'
  UNION ALL SELECT endpoint_id, 'disabled', n FROM kinds WHERE outcome = 'disabled'
  UNION ALL SELECT endpoint_id, 'refused_' || iif(outcome = 'invalid', reason, outcome), n FROM kinds WHERE outcome IN ('invalid', 'too_large', 'disabled')
  UNION ALL SELECT endpoint_id, 'receipts', limited - receipts FROM _knocker_minutes
  UNION ALL SELECT endpoint_id, 'refused', limited - refused FROM _knocker_minutes
  UNION ALL SELECT endpoint_id, 'too_large', -too_large FROM _knocker_minutes
  UNION ALL SELECT 0, 'prunes_' || kind, 1 FROM _knocker_prunes
  UNION ALL SELECT 0, 'pruned_events', events FROM _knocker_prunes
  UNION ALL SELECT 0, 'pruned_deliveries', deliveries FROM _knocker_prunes
  UNION ALL SELECT 0, 'pruned_attempts', attempts FROM _knocker_prunes
  UNION ALL SELECT 0, 'pruned_audits', audits FROM _knocker_prunes
)
SELECT endpoint_id, name, sum(n) FROM found GROUP BY 1, 2;

INSERT INTO _knocker_counts (endpoint_id, status, n, duration_ms)
SELECT e.endpoint_id,
       a.result || ':' || coalesce((SELECT min(b.value) FROM (
         SELECT 5 AS value UNION ALL SELECT 10 UNION ALL SELECT 25 UNION ALL SELECT 50 UNION ALL SELECT 100 UNION ALL SELECT 250 UNION ALL SELECT 500
         UNION ALL SELECT 1000 UNION ALL SELECT 2500 UNION ALL SELECT 5000 UNION ALL SELECT 10000 UNION ALL SELECT 30000 UNION ALL SELECT 60000
         UNION ALL SELECT 300000) b
         WHERE a.duration_ms <= b.value), ''),
       -- At most a hundred years each, so that no sum is too large: a worker may have given any number.
       count(*), coalesce(sum(min(a.duration_ms, 3155760000000)), 0)
FROM _knocker_attempts a JOIN _knocker_events e ON e.id = a.event_id
GROUP BY 1, 2;
