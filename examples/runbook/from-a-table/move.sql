.load ./libknocker
.headers on
PRAGMA journal_mode = WAL;
SELECT knocker_bootstrap() AS schema;
SELECT knocker_endpoint('stripe', '{"provider": "stripe"}') AS endpoint;

BEGIN IMMEDIATE;
-- They were verified when they came. The key is the one that Stripe's own repeats have: the id of the event.
SELECT count(knocker_ingest('stripe', json_object('valid', json('true'), 'type', type, 'key', event_id), body)) AS moved FROM webhooks;
-- What was done is remembered, so that a repeat is a duplicate, and is not done again.
CREATE TEMP TABLE done AS SELECT e.id FROM knocker_events e JOIN webhooks w ON w.event_id = e.key WHERE w.processed_at IS NOT NULL;
SELECT count(knocker_ignore(id, 'handled before the move')) AS done FROM done;
COMMIT;
