-- Version 5: a claim counts nothing. An event that is processing counts as what it was before, `failed` where this is not its first attempt and `received`
-- where it is; how many are, their leases tell. Those that were handled and are not counted yet count as processing.

INSERT INTO _knocker_counts (endpoint_id, status, n)
SELECT endpoint_id, iif(attempts > 1, 'failed', 'received'), count(*)
FROM (SELECT e.endpoint_id, e.attempts
      FROM _honker_live j
      JOIN _knocker_events e ON e.id = CAST(substr(j.payload, 13) AS INTEGER) AND e.job_id = j.id
      WHERE j.state = 'processing' AND j.queue GLOB 'knocker:*' AND e.status = 'processing'
      UNION ALL
      SELECT e.endpoint_id, a.attempt
      FROM _knocker_attempts a
      JOIN _knocker_events e ON e.id = a.event_id
      WHERE a.result = 'handled' AND a.id > (SELECT n FROM _knocker_counts WHERE endpoint_id = 0 AND status = 'attempts:counted'))
WHERE true
GROUP BY 1, 2
ON CONFLICT (endpoint_id, status) DO UPDATE SET n = n + excluded.n;
UPDATE _knocker_counts SET n = 0 WHERE status = 'processing';
