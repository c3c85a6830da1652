//! What is done with each of the files.

use super::history::{SPAN_MS, endpoint, key, receive};
use super::side::{Side, new_event};
use crate::claim::{claim, handle_leased};
use crate::database::NOW;
use crate::hand::run;

/// Its name, how often a round does it, and the work.
pub type Operation = (&'static str, u32, fn(&Side));

/// Reads first: the others change what these read. Receives and verdicts are so many that a round has its checkpoint.
pub const OPERATIONS: &[Operation] = &[
    ("newest 50 events", 20, |side| {
        assert_eq!(side.rows("SELECT * FROM knocker_events ORDER BY id DESC LIMIT 50", []), 50);
    }),
    ("50 events before one of long ago", 20, |side| {
        assert_eq!(side.rows("SELECT * FROM knocker_events WHERE id < ?1 ORDER BY id DESC LIMIT 50", [side.old()]), 50);
    }),
    // As the packages ask for it. No index has the time.
    ("50 events before a time long ago", 20, |side| {
        let sql = "SELECT * FROM knocker_events WHERE received_at < ?1 AND id <= (SELECT knocker_last_event_before(?1)) ORDER BY id DESC LIMIT 50";
        assert_eq!(side.rows(sql, [side.received(side.old())]), 50);
    }),
    ("50 events since a time long ago", 20, |side| {
        let sql =
            "SELECT * FROM knocker_events WHERE received_at >= ?1 AND id >= (SELECT knocker_first_event_since(?1)) ORDER BY id LIMIT 50";
        assert_eq!(side.rows(sql, [side.received(side.old())]), 50);
    }),
    ("prune that finds nothing that old", 1, |side| {
        side.rows("SELECT knocker_prune_events('{\"before\": 1, \"dry_run\": true}', ?1)", [NOW]);
    }),
    ("newest dead events", 20, |side| {
        assert!(side.rows("SELECT * FROM knocker_events WHERE status = 'dead' ORDER BY id DESC LIMIT 2", []) > 0);
    }),
    ("newest 50 deliveries", 20, |side| {
        assert_eq!(side.rows("SELECT * FROM knocker_deliveries ORDER BY id DESC LIMIT 50", []), 50);
    }),
    ("newest 50 refused deliveries", 20, |side| {
        assert_eq!(side.rows("SELECT * FROM knocker_deliveries WHERE outcome = 'invalid' ORDER BY id DESC LIMIT 50", []), 50);
    }),
    ("an event by its key, its deliveries and attempts (why)", 50, |side| {
        let event = side.old();
        assert_eq!(side.rows("SELECT * FROM knocker_events WHERE endpoint = ?1 AND key = ?2", (endpoint(event), key(event))), 1);
        assert!(side.rows("SELECT * FROM knocker_event_deliveries WHERE event_id = ?1", [event]) > 0);
        assert_eq!(side.rows("SELECT * FROM knocker_attempts WHERE event_id = ?1", [event]), 1);
    }),
    ("knocker_stats", 10, |side| assert_eq!(side.rows("SELECT knocker_stats(?1)", [NOW]), 1)),
    ("knocker_metrics", 10, |side| assert_eq!(side.rows("SELECT knocker_metrics('prometheus', ?1)", [NOW]), 1)),
    ("receive", 200, |side| {
        let event = new_event();
        assert_eq!(receive(side.conn(), endpoint(event), &side.push(event), NOW), "accepted");
    }),
    ("receive of what came long ago", 200, |side| {
        let event = side.old();
        assert_eq!(receive(side.conn(), endpoint(event), &side.push(event), NOW), "duplicate");
    }),
    ("claim of 10 and their verdicts", 15, |side| {
        assert_eq!(claim(side.conn(), 10), 10);
        handle_leased(side.conn());
    }),
    ("a policy and its pass of retention, 50 events", 1, |side| {
        side.rows("SELECT knocker_retention('{\"handled_s\": 7776000, \"limit\": 50}', ?1)", [NOW]);
        let sql = "SELECT knocker_retain(?1) ->> '$.events'";
        let went: i64 = side.conn().query_row(sql, [NOW], |row| row.get(0)).expect("retains");
        assert_eq!(went, 50, "nothing old is left: delete the file");
        side.rows("SELECT knocker_retention('{}', ?1)", [NOW]);
    }),
    ("bulk replay that finds nothing that new", 1, |side| {
        let sql = format!(r#"SELECT knocker_replay_where('{{"since": {}, "dry_run": true}}', ?1)"#, NOW + 1);
        assert_eq!(side.rows(&sql, [NOW]), 1);
    }),
    ("bulk replay of 50 events, undone", 1, |side| {
        run(side.conn(), "BEGIN IMMEDIATE").expect("begins");
        let sql = r#"SELECT knocker_replay_where('{"status": "handled", "endpoint": "github", "limit": 50}', ?1) ->> '$.changed'"#;
        let changed: i64 = side.conn().query_row(sql, [NOW], |row| row.get(0)).expect("replays");
        assert_eq!(changed, 50);
        // Else each prune would walk past those that wait again.
        run(side.conn(), "ROLLBACK").expect("rolls back");
    }),
    ("prune of 50 events", 1, |side| {
        let sql = "SELECT knocker_prune_events(?1, ?2) ->> '$.events'";
        let filter = format!(r#"{{"before": {}, "limit": 50}}"#, NOW - SPAN_MS / 2);
        let went: i64 = side.conn().query_row(sql, (filter, NOW), |row| row.get(0)).expect("prunes");
        assert_eq!(went, 50, "nothing old is left: delete the file");
    }),
];
