//! The baseline: what a careful person would write by hand to leave the same rows, with statements prepared once. It verifies nothing.

use rusqlite::Connection;

use crate::database::{NOW, Push};

const HEADERS: &str = r#"{"accept":"*/*","content-type":"application/json","host":"example.com","user-agent":"GitHub-Hookshot/044aadd","x-github-delivery":"72d3162e-cc78-11e3-81ab-000000000000","x-github-event":"push","x-hub-signature-256":"sha256=0000000000000000000000000000000000000000000000000000000000000000"}"#;

/// Stores one receipt inside the caller's transaction.
pub fn receive(conn: &Connection, push: &Push) -> rusqlite::Result<()> {
    let endpoint: i64 =
        conn.prepare_cached("SELECT id FROM _knocker_endpoints WHERE name = ?1")?.query_row(["github"], |row| row.get(0))?;
    count(conn, endpoint, 1, 0)?;
    let sql = "INSERT INTO _knocker_events (endpoint_id, delivery_id, status, received_at, type, key)
               VALUES (?1, 0, 'received', ?2, 'push', ?3) ON CONFLICT DO NOTHING";
    conn.prepare_cached(sql)?.execute((endpoint, NOW, &push.key))?;
    let event = conn.last_insert_rowid();
    let sql = "INSERT INTO _knocker_deliveries (endpoint_id, outcome, first_event_id, last_event_id, received_at, method, url, headers, body_size, body)
               VALUES (?1, 'accepted', ?2, ?2, ?3, 'POST', '/github', ?4, ?5, ?6)";
    conn.prepare_cached(sql)?.execute((endpoint, event, NOW, HEADERS, push.body.len() as i64, &push.body))?;
    let delivery = conn.last_insert_rowid();
    let sql = "INSERT INTO _honker_live (queue, payload, run_at, max_attempts, created_at) VALUES ('knocker:github', ?1, ?2, 10, ?2)";
    conn.prepare_cached(sql)?.execute((format!(r#"{{"event_id":{event}}}"#), NOW / 1000))?;
    let job = conn.last_insert_rowid();
    let sql = "UPDATE _knocker_events SET delivery_id = ?2, job_id = ?3 WHERE id = ?1";
    conn.prepare_cached(sql)?.execute((event, delivery, job))?;
    Ok(())
}

/// Leases ten jobs and returns them, in one transaction.
pub fn claim(conn: &Connection) -> rusqlite::Result<Vec<(i64, i64)>> {
    run(conn, "BEGIN IMMEDIATE")?;
    let sql = "UPDATE _honker_live SET state = 'processing', worker_id = 'hand', claim_expires_at = ?1 + 60, attempts = attempts + 1
               WHERE id IN (SELECT id FROM _honker_live
                            WHERE queue = 'knocker:github' AND state IN ('pending', 'processing') AND priority = 0 AND run_at <= ?1
                              AND (state = 'pending' OR claim_expires_at < ?1)
                            ORDER BY run_at, id LIMIT 10)
               RETURNING id, payload ->> '$.event_id'";
    let jobs = conn.prepare_cached(sql)?.query_map([NOW / 1000], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>();
    run(conn, "COMMIT")?;
    jobs
}

/// Reads the job's body and records it as handled, in one transaction with `work`.
pub fn handle(conn: &Connection, (job, event): (i64, i64), work: impl Fn(&Connection, i64)) -> rusqlite::Result<()> {
    let sql = "SELECT d.body FROM _knocker_events e JOIN _knocker_deliveries d ON d.id = e.delivery_id WHERE e.id = ?1";
    let body: Vec<u8> = conn.prepare_cached(sql)?.query_row([event], |row| row.get(0))?;
    assert!(!body.is_empty());
    run(conn, "BEGIN IMMEDIATE")?;
    work(conn, event);
    let sql = "INSERT INTO _knocker_attempts (event_id, delivery_id, attempt, result, worker, duration_ms, finished_at, indexed)
               SELECT id, delivery_id, 1, 'handled', 'hand', 1, ?2, 0 FROM _knocker_events WHERE id = ?1";
    conn.prepare_cached(sql)?.execute((event, NOW))?;
    let sql = "UPDATE _knocker_events SET status = 'handled', attempts = 1, ended_at = ?2, job_id = NULL, attempt_id = ?3 WHERE id = ?1";
    conn.prepare_cached(sql)?.execute((event, NOW, conn.last_insert_rowid()))?;
    let sql = "DELETE FROM _honker_live WHERE id = ?1 AND worker_id = 'hand' AND claim_expires_at >= ?2";
    conn.prepare_cached(sql)?.execute((job, NOW / 1000))?;
    run(conn, "COMMIT")
}

/// Runs a statement that is kept.
pub fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn count(conn: &Connection, endpoint: i64, receipts: i64, failures: i64) -> rusqlite::Result<()> {
    let minute = NOW / 60_000;
    let sql =
        "INSERT INTO _knocker_minutes (endpoint_id, slot, minute, receipts, refused, failures, limited) VALUES (?1, ?2, ?3, ?4, 0, ?5, 0)
               ON CONFLICT (endpoint_id, slot) DO UPDATE SET
                 receipts = excluded.receipts + iif(minute = excluded.minute, receipts, 0),
                 refused = excluded.refused + iif(minute = excluded.minute, refused, 0),
                 failures = excluded.failures + iif(minute = excluded.minute, failures, 0),
                 limited = excluded.limited + iif(minute = excluded.minute, limited, 0),
                 minute = excluded.minute";
    conn.prepare_cached(sql)?.execute((endpoint, minute % 60, minute, receipts, failures)).map(drop)
}
