//! Lists and stats at ten thousand and at a million events.

use rusqlite::Connection;
use tempfile::TempDir;

use crate::database::{fill, open};
use crate::report::{Bound, Report, alternate, micros, throughput_ratio};

fn newest(conn: &Connection, view: &str) {
    let mut statement = conn.prepare_cached(&format!("SELECT * FROM {view} ORDER BY id DESC LIMIT 50")).expect("the view is there");
    let mut rows = statement.query([]).expect("reads");
    let mut count = 0;
    while let Some(row) = rows.next().expect("reads") {
        assert!(row.get_ref("body").expect("the column is there").as_blob().is_ok());
        count += 1;
    }
    assert_eq!(count, 50);
}

fn newest_events(conn: &Connection) {
    newest(conn, "knocker_events");
}

fn newest_deliveries(conn: &Connection) {
    newest(conn, "knocker_deliveries");
}

fn stats(conn: &Connection) {
    let mut statement = conn.prepare_cached("SELECT knocker_stats()").expect("the function is there");
    statement.query_row([], |row| row.get::<_, String>(0)).expect("reads");
}

pub fn run(report: &mut Report) {
    let folder = TempDir::new().expect("a temporary folder");
    let large = open(folder.path(), "large.db", "NORMAL");
    fill(&large, 1_000_000, "handled");
    let small = open(folder.path(), "small.db", "NORMAL");
    fill(&small, 10_000, "handled");
    for (name, read) in [
        ("newest 50 of knocker_events", newest_events as fn(&Connection)),
        ("newest 50 of knocker_deliveries", newest_deliveries),
        ("knocker_stats", stats),
    ] {
        let rounds = |conn: &Connection| (0..100).for_each(|_| read(conn));
        let times = alternate(15, 100, || rounds(&large), || rounds(&small));
        let ratio = 1.0 / throughput_ratio(times.0, times.1);
        let name = format!("{name}, 1,000,000 against 10,000 events");
        report.row(&name, &micros(times.0), &micros(times.1), ratio, Bound::AtMost(2.0));
    }
}
