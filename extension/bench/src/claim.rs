//! The cost of claiming with much waiting, and of draining a queue.

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::{NOW, fill, open};
use crate::hand::{self, run as statement};
use crate::report::{Bound, Report, alternate, alternate_fastest, micros, throughput_ratio};

/// What the jobs of a drain have in common.
#[derive(Clone, Copy)]
pub enum Sharing {
    /// Each has a transaction of its own; ten are claimed at a time.
    Nothing,
    /// Thirty-two are claimed at a time and handled in one transaction, each in a savepoint, as the workers of the packages do with a backlog.
    Commits,
}

/// Leases up to so many jobs and says how many.
pub fn claim(conn: &Connection, limit: i64) -> i64 {
    let mut statement = conn.prepare_cached("SELECT knocker_claim('bench', ?1, 60, ?2)").expect("the function is there");
    statement.query_row([limit, NOW], |row| row.get(0)).expect("claims")
}

/// Claims ten and puts them back, so that each round finds the same queue.
fn claim_and_release(conn: &Connection) {
    statement(conn, "BEGIN IMMEDIATE").expect("begins");
    assert_eq!(claim(conn, 10), 10);
    statement(conn, "ROLLBACK").expect("rolls back");
}

fn write_order(conn: &Connection, event: i64) {
    conn.prepare_cached("INSERT INTO orders (event_id) VALUES (?1)").and_then(|mut order| order.execute([event])).expect("orders");
}

/// A table for what the handlers write.
pub fn orders(conn: &Connection) {
    conn.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL)").expect("creates");
}

type Job = (i64, i64, Vec<u8>);

fn leased(conn: &Connection) -> Vec<Job> {
    let mut statement =
        conn.prepare_cached("SELECT job_id, event_id, body FROM knocker_jobs WHERE worker = 'bench'").expect("the view is there");
    let read = |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    statement.query_map([], read).and_then(Iterator::collect).expect("reads")
}

fn handle(conn: &Connection, (job, event, body): &Job, begin: &str, end: &str) {
    assert!(!body.is_empty());
    statement(conn, begin).expect("begins");
    write_order(conn, *event);
    let mut handled = conn.prepare_cached("SELECT knocker_handled(?1, 'bench', 1, ?2)").expect("the function is there");
    handled.query_row([job, &NOW], |_| Ok(())).expect("handled");
    statement(conn, end).expect("ends");
}

/// Handles what is leased, each with a write and a commit of its own.
pub fn handle_leased(conn: &Connection) {
    leased(conn).iter().for_each(|job| handle(conn, job, "BEGIN IMMEDIATE", "COMMIT"));
}

/// Claims and handles `jobs` of them, each with a write of its own.
pub fn drain(conn: &Connection, jobs: i64, sharing: Sharing) {
    let mut done = 0;
    while done < jobs {
        match sharing {
            Sharing::Nothing => {
                done += claim(conn, 10);
                handle_leased(conn);
            }
            Sharing::Commits => {
                done += claim(conn, 32);
                let jobs = leased(conn);
                statement(conn, "BEGIN IMMEDIATE").expect("begins");
                jobs.iter().for_each(|job| handle(conn, job, "SAVEPOINT handler", "RELEASE handler"));
                statement(conn, "COMMIT").expect("commits");
            }
        }
    }
    assert_eq!(done, jobs);
}

/// The same by hand: claims ten, and handles each in a transaction of its own.
pub fn drain_by_hand(conn: &Connection, jobs: i64) {
    for _ in 0..jobs / 10 {
        for job in hand::claim(conn).expect("claims") {
            hand::handle(conn, job, write_order).expect("handles");
        }
    }
}

/// The least that an application writes for a job: one row each into three tables, in a commit.
fn plain_rows(conn: &Connection, jobs: i64) {
    for job in 0..jobs {
        statement(conn, "BEGIN IMMEDIATE").expect("begins");
        for table in ["plain_events", "plain_attempts", "plain_orders"] {
            let sql = format!("INSERT INTO {table} (event_id, note) VALUES (?1, 'as long as a short note is')");
            conn.prepare_cached(&sql).and_then(|mut row| row.execute([job])).expect("a row");
        }
        statement(conn, "COMMIT").expect("commits");
    }
}

pub fn run(report: &mut Report) {
    drains(report);
    let folder = TempDir::new().expect("a temporary folder");
    let large = open(folder.path(), "large.db", "NORMAL");
    fill(&large, 1_000_000, "received");
    let small = open(folder.path(), "small.db", "NORMAL");
    fill(&small, 1000, "received");
    let rounds = |conn: &Connection| (0..100).for_each(|_| claim_and_release(conn));
    let times = alternate(15, 100, || rounds(&large), || rounds(&small));
    let ratio = 1.0 / throughput_ratio(times.0, times.1);
    report.row("claim of 10, 1,000,000 waiting against 1,000", &micros(times.0), &micros(times.1), ratio, Bound::AtMost(1.5));
}

/// What a worker takes that handles one job after the other.
pub fn drains(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    let databases = ["ours.db", "theirs.db"].map(|name| {
        let conn = open(folder.path(), name, "NORMAL");
        fill(&conn, 40_000, "received");
        orders(&conn);
        conn
    });
    let plain = open(folder.path(), "plain.db", "NORMAL");
    for table in ["plain_events", "plain_attempts", "plain_orders"] {
        plain
            .execute_batch(&format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, note TEXT)"))
            .expect("creates");
    }
    // A verdict writes six pages, three of them the queue's, where three plain rows write three: it stays above this while that is so.
    let (ours, theirs) = alternate_fastest(200, 1, || drain(&databases[0], 20, Sharing::Nothing), || plain_rows(&plain, 20));
    let times = (ours / 20, theirs / 20);
    let ratio = throughput_ratio(times.0, times.1);
    report.row("drain, against three plain rows a commit", &micros(times.0), &micros(times.1), ratio, Bound::AtLeast(0.28));

    let times = alternate(9, 2000, || drain(&databases[0], 2000, Sharing::Nothing), || drain_by_hand(&databases[1], 2000));
    let ratio = throughput_ratio(times.0, times.1);
    report.row("drain, claim 10, one transaction a job", &micros(times.0), &micros(times.1), ratio, Bound::AtLeast(0.7));
}
