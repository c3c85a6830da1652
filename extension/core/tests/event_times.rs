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
/// Ids of a narrow span, of which one note is.
const NARROW: i64 = 128;
/// Ids of one of the next width, of which one is as well.
const WIDER: i64 = 16 * NARROW;
/// Ids of one of the widest.
const WIDEST: i64 = 256 * WIDER;

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

/// A file with an event a minute from 1 to `last`, of which the full spans are noted.
fn in_order(last: i64) -> Store {
    let store = store();
    handled(&store, 1, last, &format!("{NOW} + i * {MINUTE}"));
    assert!(!store.note_event_times(1000).unwrap());
    store
}

fn receive(store: &Store, now: i64) -> i64 {
    store.ingest("orders", &IngestFields::parse(r#"{"valid": true}"#).unwrap(), b"{}", now).unwrap().event_id.unwrap()
}

/// The spans of a width that are noted.
fn noted_of(store: &Store, width: i64) -> Vec<i64> {
    let sql = "SELECT -1 - (?1 << 56) - endpoint_id AS span FROM _knocker_counts
               WHERE status = 'events:times' AND span BETWEEN 0 AND (1 << 56) - 1 ORDER BY 1";
    store.conn().prepare(sql).unwrap().query_map([width], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The narrow spans that are noted.
fn noted(store: &Store) -> Vec<i64> {
    noted_of(store, 0)
}

/// As [`in_order`], with so many events, a hundred minutes and `apart` ids from one to the next.
fn thin(apart: i64, events: i64) -> Store {
    let store = store();
    run(
        &store,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {events} - 1)
             INSERT INTO _knocker_events (id, endpoint_id, delivery_id, status, received_at, ended_at)
               SELECT i * {apart} + 1, 1, i + 1, 'handled', {NOW} + i * 100 * {MINUTE}, {NOW} + i * 100 * {MINUTE} FROM n"
        ),
    );
    assert!(!store.note_event_times(10_000).unwrap());
    store
}

/// Receives an event as the one with this id.
fn receive_as(store: &Store, id: i64, now: i64) {
    run(store, &format!("UPDATE sqlite_sequence SET seq = {id} - 1 WHERE name = '_knocker_events'"));
    assert_eq!(receive(store, now), id);
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
fn a_receive_that_begins_a_span_notes_the_one_before() {
    let store = store();
    handled(&store, 1, NARROW - 2, "1000 + i");
    assert_eq!(receive(&store, 900), NARROW - 1);
    assert!(noted(&store).is_empty());
    receive(&store, 10_000);
    assert_eq!(noted(&store), [0]);
    check_all(&store, NOW);
    assert_eq!(store.first_event_since(9000).unwrap(), Some(NARROW));
    assert_eq!(store.last_event_before(901).unwrap(), Some(NARROW - 1));
    assert_eq!(store.last_event_before(900).unwrap(), None);
}

#[test]
fn what_is_rolled_back_is_noted_by_the_receive_that_comes_in_its_place() {
    let store = store();
    handled(&store, 1, NARROW - 1, "1000 + i");
    run(&store, "BEGIN");
    receive(&store, 10_000);
    run(&store, "ROLLBACK");
    assert!(noted(&store).is_empty());
    receive(&store, 10_000);
    assert_eq!(noted(&store), [0]);
}

#[test]
fn a_span_is_walked_through_only_where_its_note_says_that_it_may_hold_something() {
    let store = in_order(3 * NARROW);
    assert_eq!(noted(&store), [0, 1, 2]);
    // Were it read, it would be found.
    run(&store, "UPDATE _knocker_counts SET n = 1, duration_ms = 2 WHERE endpoint_id = -2 AND status = 'events:times'");
    assert_eq!(store.first_event_since(NOW + NARROW * MINUTE).unwrap(), Some(2 * NARROW));
    let filter = format!(r#"{{"since": {}, "dry_run": true, "limit": 100000}}"#, NOW + NARROW * MINUTE);
    assert_eq!(store.operate_where(Action::Replay, &filter, NOW).unwrap().matched, NARROW + 1);
}

#[test]
fn clocks_that_went_back_or_ahead_hide_nothing() {
    let store = in_order(2 * NARROW);
    // Two days back, a year ahead, and right again.
    for (spans, offset) in [(3, -2880), (4, 525_600), (5, 0)] {
        handled(&store, (spans - 1) * NARROW + 1, spans * NARROW, &format!("{NOW} + (i + {offset}) * {MINUTE}"));
    }
    assert!(!store.note_event_times(1000).unwrap());
    for now in [NOW, NOW + 5 * NARROW * MINUTE, NOW + 600_000 * MINUTE] {
        check_all(&store, now);
    }
}

#[test]
fn what_was_handled_while_the_clock_was_ahead_is_pruned_by_when_it_ended() {
    let store = in_order(2 * NARROW);
    let now = NOW + 3 * NARROW * MINUTE;
    run(&store, &format!("UPDATE _knocker_events SET received_at = {} WHERE id = 7", now + 1000 * MINUTE));
    assert!(!store.note_event_times(1000).unwrap());
    let filter = format!(r#"{{"before": {}}}"#, NOW + 10 * MINUTE);
    assert_eq!(store.prune_events(&filter, now).unwrap().pruned.events, 9);
    // A time of the past holds: it was received after the cutoff.
    run(&store, &format!("UPDATE _knocker_events SET received_at = {}, ended_at = 5 WHERE id = 70", NOW + 2 * NARROW * MINUTE));
    assert_eq!(store.prune_events(r#"{"before": 6}"#, now).unwrap().pruned.events, 0);
}

#[test]
fn rows_of_another_file_are_found_by_their_own_times() {
    let store = in_order(2 * NARROW);
    let at = NOW - 1000 * MINUTE;
    let fields = IngestFields::parse(r#"{"valid": true, "key": "old"}"#).unwrap();
    let imported = Imported { endpoint: "orders", fields, body: b"{}", delivery_id: 1, received_at: at, end: None };
    store.import(&imported, NOW).unwrap();
    assert_eq!(store.last_event_before(at + 1).unwrap(), Some(2 * NARROW + 1));
    // Once their span is full as well.
    handled(&store, 2 * NARROW + 2, 3 * NARROW, &format!("{NOW} + i * {MINUTE}"));
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(store.last_event_before(at + 1).unwrap(), Some(2 * NARROW + 1));
    check_all(&store, NOW);
}

#[test]
fn a_time_that_somebody_changes_takes_the_note_back() {
    let store = in_order(3 * NARROW);
    let moved = NOW - 5 * MINUTE;
    run(&store, &format!("UPDATE _knocker_events SET received_at = {moved} WHERE id = {}", NARROW + 10));
    assert_eq!(noted(&store), [0, 2]);
    check(&store, moved, NOW);
    check(&store, moved + 1, NOW);
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(noted(&store), [0, 1, 2]);
    check(&store, moved + 1, NOW);
}

#[test]
fn a_row_that_comes_to_stand_in_a_noted_span_takes_the_note_back() {
    let store = in_order(3 * NARROW);
    run(&store, "DELETE FROM _knocker_events WHERE id IN (5, 6)");
    assert_eq!(noted(&store), [0, 1, 2]);
    handled(&store, 5, 5, &(NOW + 90_000 * MINUTE).to_string());
    assert_eq!(noted(&store), [1, 2]);
    check(&store, NOW + 80_000 * MINUTE, NOW);
    run(&store, &format!("UPDATE _knocker_events SET id = 6 WHERE id = {}", 2 * NARROW + 7));
    assert_eq!(noted(&store), [1]);
    // The newest go, and somebody forgets that their ids were given.
    run(&store, &format!("DELETE FROM _knocker_events WHERE id >= {}; DELETE FROM sqlite_sequence", NARROW + 3));
    assert_eq!(receive(&store, 7), NARROW + 3);
    assert_eq!(store.last_event_before(8).unwrap(), Some(NARROW + 3));
}

#[test]
fn ids_that_are_left_out_and_rows_that_go_leave_what_is_true() {
    let store = in_order(NARROW + 100);
    // As in a file that was restored.
    run(&store, "UPDATE sqlite_sequence SET seq = seq + 1000000 WHERE name = '_knocker_events'");
    let id = receive(&store, NOW + 10_000 * MINUTE);
    assert_eq!(noted(&store), [0]);
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(noted(&store)[..2], [0, 1]);
    assert_eq!(store.first_event_since(NOW + 9000 * MINUTE).unwrap(), Some(id));
    check_all(&store, NOW);
    run(&store, &format!("DELETE FROM _knocker_events WHERE id < {}", NARROW + 50));
    check_all(&store, NOW);
    // The next that begins a span notes it.
    let next = (id / NARROW + 1) * NARROW;
    run(&store, &format!("UPDATE sqlite_sequence SET seq = {} WHERE name = '_knocker_events'", next - 1));
    receive(&store, NOW + 10_000 * MINUTE);
    assert!(noted(&store).contains(&(id / NARROW)));
    check_all(&store, NOW);
}

#[test]
fn a_prune_notes_what_an_earlier_version_left_a_little_at_a_time() {
    let store = store();
    handled(&store, 1, 140 * NARROW, &format!("{NOW} + i * {MINUTE}"));
    assert!(noted(&store).is_empty());
    store.prune_events(r#"{"before": 1}"#, NOW).unwrap();
    assert_eq!(noted(&store).len(), 128);
    check_all(&store, NOW);
    let mut between = |_, _| ControlFlow::Continue(());
    let mut chunks = Chunks { budget: Duration::from_millis(10), between: &mut between };
    store.prune_events_in_chunks(r#"{"before": 1}"#, NOW, &mut chunks).unwrap();
    assert_eq!(noted(&store).len(), 140);
    check_all(&store, NOW);
}

#[test]
fn a_file_without_the_trigger_is_noted_only_once_it_is_back() {
    let store = in_order(2 * NARROW);
    run(&store, "DROP TRIGGER _knocker_event_times_changed");
    run(&store, "UPDATE _knocker_events SET received_at = 5 WHERE id = 9");
    store.bootstrap(NOW).unwrap();
    assert!(noted(&store).is_empty());
    assert_eq!(store.last_event_before(6).unwrap(), Some(9));
    run(&store, "DROP TRIGGER _knocker_event_times_changed");
    assert!(!store.note_event_times(1000).unwrap());
    assert!(noted(&store).is_empty());
}

/// The triggers of the builds in which narrow spans had 1,024 ids, as far as they were others, and what these noted.
const WIDER_SPANS: &str = "
    DROP TRIGGER _knocker_event_times_changed;
    DROP TRIGGER _knocker_event_inserted;
    DROP TRIGGER _knocker_event_note_deleted;
    DELETE FROM _knocker_counts WHERE endpoint_id < 0;
    CREATE TRIGGER _knocker_event_inserted AFTER INSERT ON _knocker_events BEGIN
      UPDATE _knocker_counts SET n = n + 1
      WHERE endpoint_id = NEW.endpoint_id AND status = CASE WHEN NEW.status <> 'processing' THEN NEW.status WHEN NEW.attempts > 1 THEN 'failed' ELSE 'received' END;
      DELETE FROM _knocker_counts WHERE endpoint_id = -1 - (NEW.id >> 10) AND status = 'events:span';
    END;
    CREATE TRIGGER _knocker_event_retimed AFTER UPDATE OF id, received_at ON _knocker_events BEGIN
      DELETE FROM _knocker_counts WHERE endpoint_id = -1 - (OLD.id >> 10) AND status = 'events:span';
      DELETE FROM _knocker_counts WHERE endpoint_id = -1 - (NEW.id >> 10) AND status = 'events:span';
    END;
    CREATE TRIGGER _knocker_event_note_deleted AFTER DELETE ON _knocker_counts
    WHEN OLD.endpoint_id BETWEEN -9007199254740992 AND -1 AND OLD.status = 'events:span' BEGIN
      DELETE FROM _knocker_counts WHERE endpoint_id = -18014398509481985 - ((-1 - OLD.endpoint_id) >> 4) AND status = 'events:span';
      DELETE FROM _knocker_counts WHERE endpoint_id = -36028797018963969 - ((-1 - OLD.endpoint_id) >> 8) AND status = 'events:span';
      DELETE FROM _knocker_counts WHERE endpoint_id = -54043195528445953 - ((-1 - OLD.endpoint_id) >> 12) AND status = 'events:span';
    END;
    INSERT INTO _knocker_counts (endpoint_id, status, n, duration_ms)
      SELECT -1 - (id >> 10), 'events:span', min(received_at), max(received_at) FROM _knocker_events GROUP BY id >> 10;
    INSERT INTO _knocker_counts (endpoint_id, status, n, duration_ms)
      SELECT -18014398509481985 - (id >> 14), 'events:span', min(received_at), max(received_at) FROM _knocker_events GROUP BY id >> 14";

#[test]
fn a_file_with_notes_of_wider_spans_is_noted_anew() {
    let store = in_order(40 * NARROW);
    run(&store, WIDER_SPANS);
    // Before the file is opened anew, nothing that stands there is taken for what it is not, nor anything written beside it.
    check_all(&store, NOW);
    assert!(!store.note_event_times(1000).unwrap());
    assert!(noted(&store).is_empty());
    store.bootstrap(NOW).unwrap();
    let left = "SELECT (SELECT count(*) FROM sqlite_schema WHERE name = '_knocker_event_retimed'),
                       (SELECT count(*) FROM _knocker_counts WHERE endpoint_id < 0)";
    let left: (i64, i64) = store.conn().query_row(left, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(left, (0, 0));
    check_all(&store, NOW);
    assert!(!store.note_event_times(1000).unwrap());
    assert_eq!(noted(&store).len(), 40);
    check_all(&store, NOW);
    run(&store, &format!("DELETE FROM _knocker_events WHERE id = {}", 9 * NARROW + 3));
    handled(&store, 9 * NARROW + 3, 9 * NARROW + 3, &(NOW - 5 * MINUTE).to_string());
    assert!(!noted(&store).contains(&9));
    check(&store, NOW, NOW);
}

#[test]
fn a_receive_that_begins_a_wider_span_notes_the_one_before() {
    let store = store();
    for n in 0..15 {
        handled(&store, n * NARROW + 1, n * NARROW + 1, &format!("{NOW} + i * {MINUTE}"));
    }
    handled(&store, WIDER - 2, WIDER - 2, &NOW.to_string());
    assert!(!store.note_event_times(1000).unwrap());
    receive_as(&store, WIDER - 1, NOW);
    assert_eq!((noted(&store).len(), noted_of(&store, 1)), (15, vec![]));
    receive_as(&store, WIDER, NOW - 5 * MINUTE);
    assert_eq!((noted(&store).len(), noted_of(&store, 1)), (16, vec![0]));
    check_all(&store, NOW);
}

#[test]
fn a_wider_span_in_which_one_lacks_its_note_waits_for_whoever_notes_what_is_missing() {
    let store = thin(NARROW, 17);
    assert_eq!(noted_of(&store, 1), [0]);
    receive_as(&store, 2 * WIDER - 1, NOW);
    // The one that was the newest before ids were left out is in a span that nobody noted.
    receive_as(&store, 2 * WIDER, NOW);
    assert_eq!(noted_of(&store, 1), [0]);
    check_all(&store, NOW);
    assert!(!store.note_event_times(1).unwrap());
    assert_eq!(noted_of(&store, 1), [0, 1]);
    check_all(&store, NOW);
}

#[test]
fn what_is_within_a_span_is_looked_at_only_where_its_note_leaves_the_question_open() {
    let store = thin(WIDER, 3 * 256 + 1);
    assert_eq!(noted_of(&store, 3), [0, 1, 2]);
    // Were they read, nothing would be found.
    run(&store, "UPDATE _knocker_counts SET n = 1, duration_ms = 2 WHERE status = 'events:times' AND endpoint_id > -(3 << 56)");
    assert_eq!(store.first_event_since(i64::MIN).unwrap(), Some(1));
    // Were these, something would.
    run(&store, "UPDATE _knocker_counts SET n = 1, duration_ms = 2 WHERE endpoint_id = -2 - (3 << 56) AND status = 'events:times'");
    assert_eq!(store.first_event_since(NOW + 256 * 100 * MINUTE).unwrap(), Some(2 * WIDEST + 1));
}

#[test]
fn where_a_row_comes_to_stand_the_notes_of_all_widths_go() {
    let store = thin(WIDER, 3 * 256 + 1);
    // Where there is none, in spans of two widths.
    for (id, left) in [(2 * WIDER + 5, [[1, 2], [1, 2]]), (WIDEST + WIDER + NARROW, [[0, 2], [0, 2]])] {
        assert_eq!(noted_of(&store, 3), [0, 1, 2]);
        handled(&store, id, id, &(NOW + 900_000 * MINUTE).to_string());
        assert_eq!(noted_of(&store, 3), left[0]);
        assert!(!noted_of(&store, 1).contains(&(id / WIDER)) && !noted(&store).contains(&(id / NARROW)));
        check(&store, NOW + 800_000 * MINUTE, NOW);
        assert!(!store.note_event_times(1).unwrap());
        check(&store, NOW + 800_000 * MINUTE, NOW);
    }
    run(&store, "UPDATE _knocker_events SET received_at = 5 WHERE id = 1");
    assert_eq!(noted_of(&store, 3), [1, 2]);
    run(&store, &format!("UPDATE _knocker_events SET id = 2 * {WIDEST} + 9 WHERE id = {WIDEST} + 1"));
    assert!(noted_of(&store, 3).is_empty());
    check(&store, 6, NOW);
}

#[test]
fn spans_whose_events_are_gone_are_forgotten() {
    let store = thin(WIDER, 2 * 256 + 16);
    run(&store, &format!("DELETE FROM _knocker_events WHERE id < {WIDEST} + {WIDER}"));
    check_all(&store, NOW);
    receive_as(&store, 2 * WIDEST + 16 * WIDER, NOW);
    receive_as(&store, 2 * WIDEST + 16 * WIDER + NARROW - 1, NOW);
    receive_as(&store, 2 * WIDEST + 16 * WIDER + NARROW, NOW);
    assert_eq!((noted_of(&store, 3), noted(&store)[0]), (vec![1], WIDEST / NARROW));
    check_all(&store, NOW);
}

#[test]
fn notes_of_narrow_spans_alone_are_enough() {
    let store = thin(NARROW, 50);
    run(&store, "DELETE FROM _knocker_counts WHERE status = 'events:times' AND endpoint_id < -(1 << 56)");
    check_all(&store, NOW);
    store.prune_events(r#"{"before": 1}"#, NOW).unwrap();
    assert_eq!(noted_of(&store, 1), [0, 1, 2]);
    check_all(&store, NOW);
}

/// Numbers as if drawn by lot, the same in each run.
struct Lot(u64);

impl Lot {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as i64
    }
}

#[test]
fn whatever_happened_to_a_file_a_search_by_time_finds_what_a_walk_finds() {
    for seed in 0..40 {
        let (mut lot, store) = (Lot(seed), store());
        let (mut newest, mut clock) = (0, NOW);
        for step in 0..60 {
            match lot.below(8) {
                // Rows whose ids have gaps, at times that stand still, go back, or are none.
                0..=3 => {
                    newest += [1, 2, NARROW, 3 * NARROW, WIDEST / 3, 3 * WIDER][lot.below(6) as usize] + lot.below(NARROW);
                    clock += [0, 0, MINUTE, 5 * MINUTE, -60 * MINUTE][lot.below(5) as usize];
                    let time = if lot.below(30) == 0 { [i64::MIN, -1, 0, i64::MAX][lot.below(4) as usize] } else { clock };
                    handled(&store, newest, newest + lot.below(3), &time.to_string());
                    newest = ids(&store, "true").last().copied().unwrap();
                }
                4 => drop(store.note_event_times(lot.below(5) as usize).unwrap()),
                5 => {
                    let first = lot.below(newest + 1);
                    run(&store, &format!("DELETE FROM _knocker_events WHERE id BETWEEN {first} AND {}", first + lot.below(WIDEST)));
                }
                6 => {
                    let (id, time) = (lot.below(newest + 1), NOW + lot.below(500) * MINUTE);
                    run(
                        &store,
                        &format!(
                            "UPDATE _knocker_events SET received_at = {time} WHERE id = (SELECT min(id) FROM _knocker_events WHERE id >= {id})"
                        ),
                    );
                    run(
                        &store,
                        &format!(
                            "UPDATE OR IGNORE _knocker_events SET id = {id} WHERE id = (SELECT min(id) FROM _knocker_events WHERE id >= {id} / 2)"
                        ),
                    );
                }
                _ => newest = newest.max(receive(&store, clock)),
            }
            let times = store
                .conn()
                .prepare("SELECT DISTINCT received_at FROM _knocker_events ORDER BY random() LIMIT 3")
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect::<Vec<i64>>();
            for time in times.iter().flat_map(|&time| [time, time.saturating_add(1)]).chain([i64::MIN, 0, i64::MAX]) {
                let since = ids(&store, &format!("received_at >= {time}"));
                let before = ids(&store, &format!("received_at < {time}"));
                assert_eq!(store.first_event_since(time).unwrap(), since.first().copied(), "seed {seed}, step {step}: since {time}");
                assert_eq!(store.last_event_before(time).unwrap(), before.last().copied(), "seed {seed}, step {step}: before {time}");
            }
        }
        assert!(!store.note_event_times(10_000).unwrap());
        if ids(&store, "true").len() > 1 {
            check(&store, clock - 30 * MINUTE, NOW);
        }
    }
}
