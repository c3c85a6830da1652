//! What it costs that a platform has an endpoint for each of its tenants: everything at 10,000 of them against one.

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::{NOW, open};
use crate::hand::run as statement;
use crate::receive::{Pushes, receive};
use crate::report::{Bound, Report, alternate, micros, throughput_ratio};

const ENDPOINTS: i64 = 10_000;
const WAITING: i64 = 10_000;

fn ask(conn: &Connection, sql: &str) {
    let mut asked = conn.prepare_cached(sql).expect("the function is there");
    let mut rows = asked.query([]).expect("runs");
    rows.next().expect("answers").expect("has a row");
}

/// Adds endpoints to the one that is there and spreads waiting jobs over all of them, as receives would have left them.
fn tenants(conn: &Connection, endpoints: i64) {
    statement(conn, "BEGIN IMMEDIATE").expect("begins");
    for n in 1..endpoints {
        ask(conn, &format!(r#"SELECT knocker_endpoint('tenant-{n}', '{{"provider": "github"}}')"#));
    }
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {WAITING})
         INSERT INTO _knocker_deliveries (id, endpoint_id, outcome, first_event_id, last_event_id, received_at, method, url, headers, body_size, body)
           SELECT i, i % {endpoints} + 1, 'accepted', i, i, {NOW}, 'POST', '/github', '{{}}', 100, zeroblob(100) FROM n;
         INSERT INTO _knocker_events (id, endpoint_id, delivery_id, job_id, status, received_at, type, key)
           SELECT id, endpoint_id, id, id, 'received', received_at, 'push', printf('%016x', id) FROM _knocker_deliveries;
         INSERT INTO _honker_live (id, queue, payload, run_at, max_attempts, created_at)
           SELECT v.id, 'knocker:' || e.name, json_object('event_id', v.id), {NOW} / 1000, 10, {NOW} / 1000
           FROM _knocker_events v JOIN _knocker_endpoints e ON e.id = v.endpoint_id;
         COMMIT;
         PRAGMA wal_checkpoint(TRUNCATE);"
    );
    conn.execute_batch(&sql).expect("the schema is the one of this checkout");
}

pub fn run(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    let [many, one] = [ENDPOINTS, 1].map(|endpoints| {
        let conn = open(folder.path(), &format!("{endpoints}.db"), "OFF");
        tenants(&conn, endpoints);
        conn
    });
    let now = NOW;
    let claim = format!("SELECT knocker_claim('bench', 10, 60, {now})");
    let filtered = format!(r#"SELECT knocker_claim('bench', 10, 60, '{{"endpoints": ["github"]}}', {now})"#);
    let due = format!("SELECT knocker_next_due({now})");
    let stats = format!("SELECT knocker_stats({now})");
    let metrics = format!("SELECT knocker_metrics('prometheus', {now})");
    // As a worker claims that has nothing in hand: with a commit of its own. Ten thousand jobs are enough for every round.
    let plainly = |conn: &Connection, sql: &str| ask(conn, sql);
    let undone = |conn: &Connection, sql: &str| {
        statement(conn, "BEGIN IMMEDIATE").expect("begins");
        ask(conn, sql);
        statement(conn, "ROLLBACK").expect("rolls back");
    };
    type Asking<'a> = (&'a str, &'a str, u32, &'a dyn Fn(&Connection, &str), f64);
    let askings: [Asking; 6] = [
        ("claim of 10, rolled back", &claim, 50, &undone, 1.5),
        ("claim of 10", &claim, 50, &plainly, 1.5),
        ("claim of 10 for one endpoint", &filtered, 50, &undone, 1.5),
        ("knocker_next_due", &due, 50, &plainly, 1.5),
        // These two answer for each endpoint: as a ratio to the number of them.
        ("knocker_stats, an endpoint", &stats, 1, &plainly, 1.5),
        ("knocker_metrics, an endpoint", &metrics, 1, &plainly, 1.5),
    ];
    for (name, sql, repeats, how, most) in askings {
        let rounds = |conn: &Connection| (0..repeats).for_each(|_| how(conn, sql));
        let (mut of_many, of_one) = alternate(7, repeats, || rounds(&many), || rounds(&one));
        if repeats == 1 {
            of_many /= ENDPOINTS as u32;
        }
        let name = format!("{name}, at 10,000 endpoints against 1");
        report.row(&name, &micros(of_many), &micros(of_one), 1.0 / throughput_ratio(of_many, of_one), Bound::AtMost(most));
    }

    let (mut a, mut b) = (Pushes::new(&one, 4000), Pushes::new(&one, 4000));
    let times = alternate(
        7,
        500,
        || a.next(500).iter().for_each(|push| receive(&many, push)),
        || b.next(500).iter().for_each(|push| receive(&one, push)),
    );
    let ratio = 1.0 / throughput_ratio(times.0, times.1);
    report.row("receive, at 10,000 endpoints against 1", &micros(times.0), &micros(times.1), ratio, Bound::AtMost(1.5));
}
