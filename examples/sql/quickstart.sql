-- The whole flow in the sqlite3 shell. From the root of the repository, after `make build`:
--
--     sqlite3 shop.db < examples/sql/quickstart.sql
--
-- Each call ends with a clock in Unix milliseconds, so that the output is the same whenever you run it. Leave that argument out, and the
-- system's clock is taken.

.load ./target/release/libknocker
.headers on
.separator ' | '
PRAGMA journal_mode = WAL;

.print
.print 1. The schema, an endpoint, and a table of the application
SELECT knocker_bootstrap(1767225600000) AS schema_version;
SELECT knocker_endpoint('github', '{"provider": "github"}', 1767225600000) AS endpoint_id;
CREATE TABLE builds (repository TEXT NOT NULL, commit_sha TEXT PRIMARY KEY, queued_at INTEGER NOT NULL);

.print
.print 2. A push, signed as GitHub signs it
-- What an HTTP server has in hand: method, URL, headers, and the body byte for byte. The secret comes from your configuration; it is
-- never stored.
CREATE TEMP TABLE push AS
  SELECT readfile('examples/payloads/github-push.json') AS body,
         json_object('X-GitHub-Event', 'push', 'X-GitHub-Delivery', '72d3162e-cc78-11e3-81ab-4c9367dc0958') AS headers;
CREATE TEMP TABLE request AS
  SELECT json_object(
           'method', 'POST',
           'url', '/webhooks/github',
           'headers', json_patch(
             headers,
             knocker_sign('github', '{}', json_object('headers', json(headers)), body, 'test-secret', 1767225600000) -> '$.headers'
           )
         ) AS signed,
         body
  FROM push;
SELECT json_extract(signed, '$.headers.X-Hub-Signature-256') AS signature FROM request;

.print
.print 3. Received: stored, verified, queued, and the answer for GitHub
SELECT knocker_receive('github', signed, body, '["test-secret"]', 1767225600000) AS receipt FROM request;

.print
.print 4. GitHub sends it again: the same event
SELECT knocker_receive('github', signed, body, '["test-secret"]', 1767225601000) AS receipt FROM request;

.print
.print 5. Somebody else sends one: kept as evidence, but no event
SELECT knocker_receive('github', signed, body || ' ', '["test-secret"]', 1767225602000) AS receipt FROM request;

.print
.print 6. A worker leases what is due and reads it
SELECT knocker_claim('worker-1', 10, 60, 1767225603000) AS leased;
SELECT job_id, event_id, endpoint, type, attempt, CAST(body AS TEXT) ->> '$.repository.full_name' AS repository
FROM knocker_jobs WHERE worker = 'worker-1';

.print
.print 7. The first attempt fails: the handler rolls back and says why
BEGIN IMMEDIATE;
INSERT INTO builds SELECT CAST(body AS TEXT) ->> '$.repository.full_name', CAST(body AS TEXT) ->> '$.after', 1767225604000
FROM knocker_jobs WHERE worker = 'worker-1' ON CONFLICT DO NOTHING;
ROLLBACK;
SELECT knocker_failed(1, 'worker-1', 'the build server is not reachable', 40, 1767225604000) AS retry;
SELECT knocker_next_due(1767225604000) AS due_in_ms;

.print
.print 8. The second attempt: the handler's row and the verdict in one transaction
SELECT knocker_claim('worker-1', 10, 60, 1767225614000) AS leased;
BEGIN IMMEDIATE;
INSERT INTO builds SELECT CAST(body AS TEXT) ->> '$.repository.full_name', CAST(body AS TEXT) ->> '$.after', 1767225614000
FROM knocker_jobs WHERE worker = 'worker-1' ON CONFLICT DO NOTHING;
SELECT knocker_handled(1, 'worker-1', 35, 1767225614000) AS handled;
COMMIT;
SELECT * FROM builds;

.print
.print 9. What happened
SELECT id, outcome, event_id, reason, body_size FROM knocker_deliveries;
SELECT id, type, status, attempts, deliveries, delivery_id FROM knocker_events;
SELECT event_id, attempt, result, error, worker, duration_ms FROM knocker_attempts;
SELECT knocker_stats(1767225615000) -> '$.events' AS events, knocker_stats(1767225615000) -> '$.last_hour' AS last_hour;

.print
.print 10. What came between two times
.parameter set :since 1767225600000
.parameter set :until 1767225603000
SELECT id, type, status, received_at FROM knocker_events
WHERE received_at >= :since AND id >= (SELECT knocker_first_event_since(:since))
  AND received_at < :until AND id <= (SELECT knocker_last_event_before(:until))
ORDER BY id DESC LIMIT 50;

.print
.print 11. An operator runs the handlers once more
SELECT knocker_replay(1, 1767225620000) AS replay;
SELECT knocker_claim('worker-1', 10, 60, 1767225620000) AS leased;
BEGIN IMMEDIATE;
-- What may run again must not write its row again.
INSERT INTO builds SELECT CAST(body AS TEXT) ->> '$.repository.full_name', CAST(body AS TEXT) ->> '$.after', 1767225621000
FROM knocker_jobs WHERE worker = 'worker-1' ON CONFLICT DO NOTHING;
SELECT knocker_handled(2, 'worker-1', 12, 1767225621000) AS handled;
COMMIT;
SELECT count(*) AS builds FROM builds;
SELECT event_id, attempt, result, finished_at FROM knocker_attempts;

.print
.print 12. Housekeeping: nothing is deleted unless you ask, and it is recorded
SELECT knocker_prune_events('{"older_than_s": 2592000, "dry_run": true}', 1770000000000) AS would_go;
SELECT knocker_prune_events('{"older_than_s": 2592000}', 1770000000000) AS went;
SELECT id, outcome, event_id FROM knocker_deliveries;
