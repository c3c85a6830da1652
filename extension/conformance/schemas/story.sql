-- What every vN.sql holds: one event in each state, a duplicate, refused requests and the row of a prune. The library must be loaded.
CREATE TABLE orders (event_id INTEGER PRIMARY KEY, paid_at INTEGER NOT NULL);
SELECT knocker_bootstrap(1767225600000);
SELECT knocker_endpoint('shop', '{"max_attempts": 2, "backoff": {"base_s": 60, "factor": 2, "cap_s": 3600}}', 1767225600000);
SELECT knocker_endpoint('github', '{"provider": "github", "max_body_bytes": 2097152}', 1767225600000);

-- 1: handled, and pruned.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "pruned"}', '{"total": 1}', 1767225600000);
SELECT knocker_claim('till', 1, 60, 1767225600000);
SELECT knocker_handled(1, 'till', 5, 1767225601000);
SELECT knocker_prune_events('{"older_than_s": 1, "status": ["handled"]}', 1767225610000);

-- 2: handled, and repeated by its sender.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "handled"}', '{"total": 2}', 1767225620000);
SELECT knocker_claim('till', 1, 60, 1767225620000);
BEGIN;
INSERT INTO orders VALUES (2, 1767225621000);
SELECT knocker_handled((SELECT job_id FROM knocker_jobs WHERE event_id = 2), 'till', 5, 1767225621000);
COMMIT;
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "handled"}', '{"total": 2}', 1767225622000);

-- 3: dead after two attempts.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "dead"}', '{"total": 3}', 1767225630000);
SELECT knocker_claim('till', 1, 60, 1767225630000);
SELECT knocker_failed((SELECT job_id FROM knocker_jobs WHERE event_id = 3), 'till', 'no stock', 5, 1767225631000);
SELECT knocker_claim('till', 1, 60, 1767225800000);
SELECT knocker_failed((SELECT job_id FROM knocker_jobs WHERE event_id = 3), 'till', 'no stock', 5, 1767225801000);

-- 4: failed once, and waits to be tried again.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "failed"}', '{"total": 4}', 1767225900000);
SELECT knocker_claim('till', 1, 60, 1767225900000);
SELECT knocker_failed((SELECT job_id FROM knocker_jobs WHERE event_id = 4), 'till', 'the till is closed', 5, 1767225901000);

-- 5: ignored.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.seen", "key": "ignored"}', '{"total": 5}', 1767225910000);
SELECT knocker_ignore(5, 'a test order', 1767225911000);

-- 6: leased by a worker that is gone.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "processing"}', '{"total": 6}', 1767225920000);
SELECT knocker_claim('gone', 1, 60, 1767225920000);

-- 7: waits.
SELECT knocker_ingest('shop', '{"valid": true, "type": "order.paid", "key": "received"}', '{"total": 7}', 1767225930000);

-- Refused: a wrong signature, and none.
SELECT knocker_receive('github', '{"headers": {"X-GitHub-Event": "push", "X-GitHub-Delivery": "8d1", "X-Hub-Signature-256": "sha256=00"}}', '{}', '["test-secret"]', 1767225940000);
SELECT knocker_receive('github', '{"headers": {}}', '{}', '["test-secret"]', 1767225941000);

SELECT knocker_retention('{"endpoint": "shop", "handled_s": 2592000}', 1767225942000);
