//! The cost of claiming with much waiting, and of draining a queue.

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::{NOW, fill, open};
use crate::hand::{self, run as statement};
use crate::report::{Bound, Report, alternate, micros, throughput_ratio};

fn claim(conn: &Connection) -> i64 {
    let mut statement = conn.prepare_cached("SELECT knocker_claim('bench', 10, 60, ?1)").expect("the function is there");
    statement.query_row([NOW], |row| row.get(0)).expect("claims")
}

/// Claims ten and puts them back, so that each round finds the same queue.
fn claim_and_release(conn: &Connection) {
    statement(conn, "BEGIN IMMEDIATE").expect("begins");
    assert_eq!(claim(conn), 10);
    statement(conn, "ROLLBACK").expect("rolls back");
}

fn write_order(conn: &Connection, event: i64) {
    conn.prepare_cached("INSERT INTO orders (event_id) VALUES (?1)").and_then(|mut order| order.execute([event])).expect("orders");
}

fn drain(conn: &Connection, jobs: usize) {
    for _ in 0..jobs / 10 {
        assert_eq!(claim(conn), 10);
        let sql = "SELECT job_id, event_id, body FROM knocker_jobs WHERE worker = 'bench'";
        let read = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let mut statement_ = conn.prepare_cached(sql).expect("the view is there");
        let leased: Vec<(i64, i64, Vec<u8>)> = statement_.query_map([], read).and_then(Iterator::collect).expect("reads");
        for (job, event, body) in leased {
            assert!(!body.is_empty());
            statement(conn, "BEGIN IMMEDIATE").expect("begins");
            write_order(conn, event);
            let mut handled = conn.prepare_cached("SELECT knocker_handled(?1, 'bench', 1, ?2)").expect("the function is there");
            handled.query_row([job, NOW], |_| Ok(())).expect("handled");
            statement(conn, "COMMIT").expect("commits");
        }
    }
}

fn drain_by_hand(conn: &Connection, jobs: usize) {
    for _ in 0..jobs / 10 {
        for job in hand::claim(conn).expect("claims") {
            hand::handle(conn, job, write_order).expect("handles");
        }
    }
}

pub fn run(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    let large = open(folder.path(), "large.db", "NORMAL");
    fill(&large, 1_000_000, "received");
    let small = open(folder.path(), "small.db", "NORMAL");
    fill(&small, 1000, "received");
    let rounds = |conn: &Connection| (0..100).for_each(|_| claim_and_release(conn));
    let times = alternate(15, 100, || rounds(&large), || rounds(&small));
    let ratio = 1.0 / throughput_ratio(times.0, times.1);
    report.row("claim of 10, 1,000,000 waiting against 1,000", &micros(times.0), &micros(times.1), ratio, Bound::AtMost(1.5));

    let databases = ["ours.db", "theirs.db"].map(|name| {
        let conn = open(folder.path(), name, "NORMAL");
        fill(&conn, 30_000, "received");
        conn.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL)").expect("creates");
        conn
    });
    let times = alternate(9, 2000, || drain(&databases[0], 2000), || drain_by_hand(&databases[1], 2000));
    let ratio = throughput_ratio(times.0, times.1);
    report.row("drain, claim 10, one transaction a job", &micros(times.0), &micros(times.1), ratio, Bound::AtLeast(0.7));
}
