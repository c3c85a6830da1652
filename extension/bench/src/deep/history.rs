//! A file with a history: months of receipts, nearly all of them handled long ago.
//!
//! A few events are really received and handled; the history is made of copies of their rows, each with its own ids, key and times, since ten
//! million receives would take hours. What is counted is brought to what the copies say, and [`check`] holds the file to what an operator's check
//! asks of it.

use std::path::Path;
use std::time::Instant;

use knocker_core::Store;
use rusqlite::Connection;

use crate::claim::orders;
use crate::database::{NOW, Push, SECRET, load, push};

/// The endpoints, the first of which takes half of all.
const ENDPOINTS: [&str; 8] = ["github", "shop-1", "shop-2", "shop-3", "shop-4", "shop-5", "shop-6", "shop-7"];
/// How far the history goes back.
pub const SPAN_MS: i64 = 180 * 24 * 3_600_000;
/// How many events still wait at its end, and how many receipts were refused or repeated.
const WAITING: i64 = 4000;
const LOOSE: i64 = 400;
/// Events of one transaction.
const AT_ONCE: i64 = 250_000;
/// Copies are of so many, in turn.
const PATTERNS: i64 = 16;
/// Every so many events one is dead, and one ignored.
const DEAD: i64 = 4999;
const IGNORED: i64 = 997;

/// The key of an event, as if drawn by lot, so that the index of dedupe is written all over. [`copy`] makes the same.
pub fn key(event: i64) -> String {
    format!("{:08x}-cc78-11e3-81ab-{event:012x}", event.wrapping_mul(2_654_435_761) & 0xffff_ffff)
}

/// Whose an event of the history is.
pub fn endpoint(event: i64) -> &'static str {
    let pattern = (event % PATTERNS) as usize;
    ENDPOINTS[if pattern < ENDPOINTS.len() { 0 } else { pattern - ENDPOINTS.len() }]
}

fn run(conn: &Connection, sql: &str) {
    conn.execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Receives it at an endpoint, and says the outcome.
pub fn receive(conn: &Connection, endpoint: &str, push: &Push, now: i64) -> String {
    let secrets = format!("[{SECRET:?}]");
    conn.prepare_cached("SELECT knocker_receive(?1, ?2, ?3, ?4, ?5) ->> '$.outcome'")
        .and_then(|mut receive| receive.query_row((endpoint, &push.request, &push.body, &secrets, now), |row| row.get(0)))
        .expect("receives")
}

/// Makes the file of so many events, unless it is there.
pub fn make(path: &Path, events: i64) {
    if path.exists() {
        return;
    }
    let began = Instant::now();
    let unfinished = path.with_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished);
    let store = Store::new(Connection::open(&unfinished).expect("the folder is writable"));
    let conn = store.conn();
    load(conn);
    // Nothing is lost with a file that could not be finished.
    run(conn, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1500000; PRAGMA locking_mode = EXCLUSIVE");
    run(conn, "SELECT knocker_bootstrap()");
    ENDPOINTS.iter().for_each(|name| run(conn, &format!(r#"SELECT knocker_endpoint('{name}', '{{"provider": "github"}}')"#)));
    let start = NOW - SPAN_MS;
    orders(conn);
    patterns(conn, start);
    // Counts them, as the next claim would.
    store.skip_attempt_ids(0).expect("writes");
    let mut from = PATTERNS + 1;
    while from <= events {
        copy(conn, from, events.min(from + AT_ONCE - 1), start, (SPAN_MS / events).max(1));
        from += AT_ONCE;
        eprintln!("{} of {events} events after {:.0} s", from.min(events), began.elapsed().as_secs_f64());
    }
    count(conn, events);
    recent(conn);
    drop(store);
    std::fs::rename(&unfinished, path).expect("the folder is writable");
}

/// The events that the others are copies of, received and handled.
fn patterns(conn: &Connection, now: i64) {
    for pattern in 1..=PATTERNS {
        // Bodies of a kibibyte, more or less.
        let push = push(conn, 1_000_000 + pattern as usize, 600 + 53 * pattern as usize);
        assert_eq!(receive(conn, endpoint(pattern), &push, now), "accepted");
    }
    run(conn, &format!("SELECT knocker_claim('worker-1', 100, 60, {now})"));
    (1..=PATTERNS).for_each(|job| run(conn, &format!("SELECT knocker_handled({job}, 'worker-1', 35, {now})")));
}

/// Copies for the events with these ids. A copy's delivery and attempt have its id.
fn copy(conn: &Connection, from: i64, to: i64, start: i64, step: i64) {
    let sql = format!(
        "BEGIN;
         CREATE TEMP TABLE n AS
           WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
           SELECT i, i % {PATTERNS} AS pattern, {start} + i * {step} AS at,
                  printf('%08x-cc78-11e3-81ab-%012x', i * 2654435761 % 4294967296, i) AS key,
                  CASE WHEN i % {DEAD} = 0 THEN 'dead' WHEN i % {IGNORED} = 0 THEN 'ignored' ELSE 'handled' END AS status
           FROM n;
         INSERT INTO _knocker_deliveries (id, endpoint_id, outcome, first_event_id, last_event_id, reason, detail, provider_event_id,
             provider_delivery_id, received_at, method, url, headers, body_size, body_sha256, body)
           SELECT i, d.endpoint_id, outcome, i, i, d.reason, detail, iif(provider_event_id IS NULL, NULL, n.key),
             iif(provider_delivery_id IS NULL, NULL, n.key), at, method, url, replace(headers, e.key, n.key), body_size, body_sha256, body
           FROM n JOIN _knocker_deliveries d ON d.id = iif(pattern = 0, {PATTERNS}, pattern) JOIN _knocker_events e ON e.id = d.id ORDER BY i;
         INSERT INTO _knocker_events (id, endpoint_id, delivery_id, job_id, status, attempts, received_at, ended_at, item_start, item_length,
             type, key, reason, crashes, attempt_id)
           SELECT i, endpoint_id, i, iif(n.status = 'dead', i, NULL), n.status, 1, at, at + 1500, item_start, item_length, type, n.key,
             nullif(CASE n.status WHEN 'dead' THEN 'card declined' WHEN 'ignored' THEN 'of a test' ELSE '' END, ''), crashes, i
           FROM n JOIN _knocker_events e ON e.id = iif(pattern = 0, {PATTERNS}, pattern) ORDER BY i;
         INSERT INTO _knocker_attempts (id, event_id, delivery_id, attempt, result, error, worker, duration_ms, finished_at, indexed)
           SELECT i, i, i, 1, status, nullif(CASE status WHEN 'dead' THEN 'card declined' WHEN 'ignored' THEN 'of a test' ELSE '' END, ''),
             worker, duration_ms, at + 1500, 0
           FROM n JOIN _knocker_attempts a ON a.id = iif(pattern = 0, {PATTERNS}, pattern) ORDER BY i;
         INSERT INTO _honker_dead (id, queue, payload, run_at, attempts, max_attempts, last_error, created_at, died_at)
           SELECT i, 'knocker:' || p.name, '{{\"event_id\":' || i || '}}', at / 1000, 1, 10, 'card declined', at / 1000, at / 1000 + 1
           FROM n JOIN _knocker_events e ON e.id = i JOIN _knocker_endpoints p ON p.id = e.endpoint_id WHERE n.status = 'dead';
         DROP TABLE n;
         COMMIT"
    );
    run(conn, &sql);
}

/// Counts the copies: their attempts, and what was ever received. The events of each status are counted by the schema's trigger. A queue's ids go
/// on behind those of the copies.
fn count(conn: &Connection, events: i64) {
    let sql = format!(
        "BEGIN;
         INSERT INTO _knocker_counts (endpoint_id, status, n, duration_ms)
           SELECT endpoint_id, status || ':50', count(*), 35 * count(*) FROM _knocker_events WHERE id > {PATTERNS} GROUP BY 1, 2
           ON CONFLICT (endpoint_id, status) DO UPDATE SET n = n + excluded.n, duration_ms = duration_ms + excluded.duration_ms;
         UPDATE _knocker_counts SET n = {events} WHERE endpoint_id = 0 AND status = 'attempts:counted';
         INSERT INTO _knocker_totals (endpoint_id, name, n)
           SELECT endpoint_id, 'receipts', count(*) FROM _knocker_events WHERE id > {PATTERNS} GROUP BY 1
           ON CONFLICT (endpoint_id, name) DO UPDATE SET n = n + excluded.n;
         UPDATE sqlite_sequence SET seq = {events} WHERE name = '_honker_live';
         COMMIT"
    );
    run(conn, &sql);
}

/// What came last, by the public functions: events that wait, repeated deliveries and forged ones.
fn recent(conn: &Connection) {
    run(conn, "BEGIN");
    for n in 0..WAITING {
        let push = push(conn, 2_000_000 + n as usize, 1024);
        assert_eq!(receive(conn, endpoint(n), &push, NOW), "accepted");
        if n < LOOSE {
            assert_eq!(receive(conn, endpoint(n), &push, NOW), "duplicate");
            let forged = Push { body: b"{}".to_vec(), ..push };
            assert_eq!(receive(conn, endpoint(n), &forged, NOW), "invalid");
        }
    }
    run(conn, "COMMIT");
}

/// Holds the file to what its counters and its queue say. Walks through all events.
pub fn check(store: &Store) {
    let found = store.disagreements(100_000, 10).expect("reads");
    assert!(found.is_empty(), "{found:?}");
    // Counts what the last verdicts left to the next claim.
    store.skip_attempt_ids(0).expect("writes");
    let sql = "SELECT count(*)
               FROM (SELECT endpoint_id, status, count(*) AS n FROM _knocker_events GROUP BY 1, 2) e
               FULL JOIN (SELECT * FROM _knocker_counts WHERE status NOT LIKE '%:%') c USING (endpoint_id, status)
               WHERE coalesce(e.n, 0) <> coalesce(c.n, 0)";
    let wrong: i64 = store.conn().query_row(sql, [], |row| row.get(0)).expect("reads");
    assert_eq!(wrong, 0, "counters differ from the events");
}
