//! What is known of the times of events finds the same events as a walk through all of them would, whatever the clock did and whoever wrote rows.

use std::ops::ControlFlow;
use std::time::Duration;

use knocker_core::Store;
use knocker_core::chunks::Chunks;
use knocker_core::import::Imported;
use knocker_core::ingest::IngestFields;
use knocker_core::operate::Action;
use rusqlite::Connection;

const NOW: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;
/// Ids of which one note is.
const BLOCK: i64 = 4096;

fn store() -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("orders", "{}", NOW).unwrap();
    store
}

fn run(store: &Store, sql: &str) {
    store.conn().execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// Handled events with these ids, in whose time `i` stands for the id. They ended as they were received.
fn handled(store: &Store, first: i64, last: i64, time: &str) {
    run(
        store,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
             INSERT INTO _knocker_events (id, endpoint_id, delivery_id, status, received_at, ended_at)
               SELECT i, 1, i, 'handled', {time}, {time} FROM n"
        ),
    );
}

/// A file with an event a minute from 1 to `last`, of which the full blocks are noted.
fn in_order(last: i64) -> Store {
    let store = store();
    handled(&store, 1, last, &format!("{NOW} + i * {MINUTE}"));
    assert!(!store.note_event_times(1000).unwrap());
    store
}

fn receive(store: &Store, now: i64) -> i64 {
    store.ingest("orders", &IngestFields::parse(r#"{"valid": true}"#).unwrap(), b"{}", now).unwrap().event_id.unwrap()
}

/// The blocks that are noted.
fn noted(store: &Store) -> Vec<i64> {
    let sql = "SELECT -1 - endpoint_id FROM _knocker_counts WHERE status = 'events:times' ORDER BY 1";
    store.conn().prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn ids(store: &Store, condition: &str) -> Vec<i64> {
    let sql = format!("SELECT id FROM _knocker_events WHERE {condition} ORDER BY id");
    store.conn().prepare(&sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Holds every path to what a walk through all events finds.
fn check(store: &Store, time: i64, now: i64) {
    let since = ids(store, &format!("received_at >= {time}"));
    let before = ids(store, &format!("received_at < {time}"));
    assert_eq!(store.first_event_since(time).unwrap(), since.first().copied(), "since {time}");
    assert_eq!(store.last_event_before(time).unwrap(), before.last().copied(), "before {time}");
    let until = time + 90 * MINUTE;
    for (filter, times) in [
        (format!(r#""since": {time}"#), format!("received_at >= {time}")),
        (format!(r#""until": {time}"#), format!("received_at < {time}")),
        (format!(r#""since": {time}, "until": {until}"#), format!("received_at >= {time} AND received_at < {until}")),
    ] {
        let expected = ids(store, &format!("status = 'handled' AND {times}"));
        for limit in [7, 100_000] {
            let filter = format!(r#"{{"status": "handled", "limit": {limit}, "dry_run": true, {filter}}}"#);
            let found = store.operate_where(Action::Replay, &filter, now).unwrap();
            let told = (found.matched, found.more);
            assert_eq!(told, ((expected.len() as i64).min(limit), expected.len() as i64 > limit), "{filter}");
        }
    }
    let old = format!("status = 'handled' AND ended_at < {time} AND (received_at < {time} OR received_at > {now})");
    let filter = format!(r#"{{"before": {time}, "limit": 100000, "dry_run": true}}"#);
    assert_eq!(store.prune_events(&filter, now).unwrap().pruned.events, ids(store, &old).len() as i64, "{filter}");
}

fn check_all(store: &Store, now: i64) {
    let sql = "SELECT min(received_at), max(received_at) FROM _knocker_events";
    let (first, last): (i64, i64) = store.conn().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for part in -1..=5 {
        check(store, first + (last - first) / 4 * part + MINUTE / 2, now);
    }
}

#[test]
fn a_receive_that_begins_a_block_notes_the_one_before() {
    let store = store();
    handled(&store, 1, BLOCK - 2, "1000 + i");
    assert_eq!(receive(&store, 900), BLOCK - 1);
    assert!(noted(&store).is_empty());
    receive(&store, 10_000);
    assert_eq!(noted(&store), [0]);
    check_all(&store, NOW);
    assert_eq!(store.first_event_since(9000).unwrap(), Some(BLOCK));
    assert_eq!(store.last_event_before(901).unwrap(), Some(BLOCK - 1));
    assert_eq!(store.last_event_before(900).unwrap(), None);
}

#[test]
fn what_is_rolled_back_is_noted_by_the_receive_that_comes_in_its_place() {
    let store = store();
    handled(&store, 1, BLOCK - 1, "1000 + i");
    run(&store, "BEGIN");
    receive(&store, 10_000);
    run(&store, "ROLLBACK");
    assert!(noted(&store).is_empty());
    receive(&store, 10_000);
    assert_eq!(noted(&store), [0]);
}

#[test]
fn a_block_is_walked_through_only_where_its_note_says_that_it_may_hold_something() {
    let store = in_order(3 * BLOCK);
    assert_eq!(noted(&store), [0, 1, 2]);
    // Were it read, it would be found.
    run(&store, "UPDATE _knocker_counts SET n = 1, duration_ms = 2 WHERE endpoint_id = -2 AND status = 'events:times'");
    assert_eq!(store.first_event_since(NOW + BLOCK * MINUTE).unwrap(), Some(2 * BLOCK));
    let filter = format!(r#"{{"since": {}, "dry_run": true, "limit": 100000}}"#, NOW + BLOCK * MINUTE);
    assert_eq!(store.operate_where(Action::Replay, &filter, NOW).unwrap().matched, BLOCK + 1);
}

#[test]
fn clocks_that_went_back_or_ahead_hide_nothing() {
    let store = in_order(2 * BLOCK);
    // Two days back, a year ahead, and right again.
    for (blocks, offset) in [(3, -2880), (4, 525_600), (5, 0)] {
        handled(&store, (blocks - 1) * BLOCK + 1, blocks * BLOCK, &format!("{NOW} + (i + {offset}) * {MINUTE}"));
    }
    assert!(!store.note_event_times(1000).unwrap());
    for now in [NOW, NOW + 5 * BLOCK * MINUTE, NOW + 600_000 * MINUTE] {
        check_all(&store, now);
    }
}

#[test]
fn what_was_handled_while_the_clock_was_ahead_is_pruned_by_when_it_ended() {
    let store = in_order(2 * BLOCK);
    let now = NOW + 3 * BLOCK * MINUTE;
    run(&store, &format!("UPDATE _knocker_events SET received_at = {} WHERE id = 7", now + 1000 * MINUTE));
    assert!(!store.note_event_times(1000).unwrap());
    let filter = format!(r#"{{"before": {}}}"#, NOW + 10 * MINUTE);
    assert_eq!(store.prune_events(&filter, now).unwrap().pruned.events, 9);
    // A time of the past holds: it was received after the cutoff.
    run(&store, &format!("UPDATE _knocker_events SET received_at = {}, ended_at = 5 WHERE id = 70", NOW + 500 * MINUTE));
    assert_eq!(store.prune_events(r#"{"before": 6}"#, now).unwrap().pruned.events, 0);
}

#[test]
fn rows_of_another_file_are_found_by_their_own_times() {
    let store = in_order(2 * BLOCK);
    let at = NOW - 1000 * MINUTE;
    let fields = IngestFields::parse(r#"{"valid": true, "key": "old"}"#).unwrap();
    let imported = Imported { endpoint: "orders", fields, body: b"{}", delivery_id: 1, received_at: at, end: None };
    store.import(&imported, NOW).unwrap();
    assert_eq!(store.last_event_before(at + 1).unwrap(), Some(2 * BLOCK + 1));
    // Once their block is full as well.
    handled(&store, 2 * BLOCK + 2, 3 * BLOCK, &format!("{NOW} + i * {MINUTE}"));
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(store.last_event_before(at + 1).unwrap(), Some(2 * BLOCK + 1));
    check_all(&store, NOW);
}

#[test]
fn a_time_that_somebody_changes_takes_the_note_back() {
    let store = in_order(3 * BLOCK);
    let moved = NOW - 5 * MINUTE;
    run(&store, &format!("UPDATE _knocker_events SET received_at = {moved} WHERE id = {}", BLOCK + 10));
    assert_eq!(noted(&store), [0, 2]);
    check(&store, moved, NOW);
    check(&store, moved + 1, NOW);
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(noted(&store), [0, 1, 2]);
    check(&store, moved + 1, NOW);
}

#[test]
fn a_row_that_comes_to_stand_in_a_noted_block_takes_the_note_back() {
    let store = in_order(3 * BLOCK);
    run(&store, "DELETE FROM _knocker_events WHERE id IN (5, 6)");
    assert_eq!(noted(&store), [0, 1, 2]);
    handled(&store, 5, 5, &(NOW + 90_000 * MINUTE).to_string());
    assert_eq!(noted(&store), [1, 2]);
    check(&store, NOW + 80_000 * MINUTE, NOW);
    run(&store, &format!("UPDATE _knocker_events SET id = 6 WHERE id = {}", 2 * BLOCK + 7));
    assert_eq!(noted(&store), [1]);
    // The newest go, and somebody forgets that their ids were given.
    run(&store, &format!("DELETE FROM _knocker_events WHERE id >= {}; DELETE FROM sqlite_sequence", BLOCK + 3));
    assert_eq!(receive(&store, 7), BLOCK + 3);
    assert_eq!(store.last_event_before(8).unwrap(), Some(BLOCK + 3));
}

#[test]
fn ids_that_are_left_out_and_rows_that_go_leave_what_is_true() {
    let store = in_order(BLOCK + 100);
    // As in a file that was restored.
    run(&store, "UPDATE sqlite_sequence SET seq = seq + 1000000 WHERE name = '_knocker_events'");
    let id = receive(&store, NOW + 10_000 * MINUTE);
    assert_eq!(noted(&store), [0]);
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(noted(&store), [0, 1]);
    assert_eq!(store.first_event_since(NOW + 9000 * MINUTE).unwrap(), Some(id));
    check_all(&store, NOW);
    run(&store, &format!("DELETE FROM _knocker_events WHERE id < {}", BLOCK + 50));
    check_all(&store, NOW);
    // The next that begins a block forgets those whose events are all gone.
    let next = (id / BLOCK + 1) * BLOCK;
    run(&store, &format!("UPDATE sqlite_sequence SET seq = {} WHERE name = '_knocker_events'", next - 1));
    receive(&store, NOW + 10_000 * MINUTE);
    assert_eq!(noted(&store), [1, id / BLOCK]);
}

#[test]
fn a_prune_notes_what_an_earlier_version_left_a_little_at_a_time() {
    let store = store();
    handled(&store, 1, 20 * BLOCK, &format!("{NOW} + i * {MINUTE}"));
    assert!(noted(&store).is_empty());
    store.prune_events(r#"{"before": 1}"#, NOW).unwrap();
    assert_eq!(noted(&store).len(), 4);
    check_all(&store, NOW);
    let mut between = |_, _| ControlFlow::Continue(());
    let mut chunks = Chunks { budget: Duration::from_millis(10), between: &mut between };
    store.prune_events_in_chunks(r#"{"before": 1}"#, NOW, &mut chunks).unwrap();
    assert_eq!(noted(&store).len(), 20);
    check_all(&store, NOW);
}

#[test]
fn a_file_without_the_trigger_is_noted_only_once_it_is_back() {
    let store = in_order(2 * BLOCK);
    run(&store, "DROP TRIGGER _knocker_event_retimed");
    run(&store, "UPDATE _knocker_events SET received_at = 5 WHERE id = 9");
    store.bootstrap(NOW).unwrap();
    assert!(noted(&store).is_empty());
    assert_eq!(store.last_event_before(6).unwrap(), Some(9));
    run(&store, "DROP TRIGGER _knocker_event_retimed");
    assert!(!store.note_event_times(1000).unwrap());
    assert!(noted(&store).is_empty());
}
