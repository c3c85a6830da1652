use serde_json::json;

use crate::support::{HOUR, Inbox};

#[test]
fn a_dry_run_counts_and_deletes_nothing() {
    let inbox = Inbox::with_events();
    let dry = inbox.knocker(&["prune", "events", "--older-than", "0s", "--dry-run"]).ok().stdout;
    assert_eq!(dry, "dry run: 1 event, 1 delivery, 1 attempt would be deleted\n");
    assert_eq!((inbox.count("knocker_events"), inbox.count("knocker_prunes")), (4, 0));
}

#[test]
fn ended_events_go_and_dead_ones_only_when_named() {
    let inbox = Inbox::with_events();
    let prune = |args: &[&str]| inbox.knocker(&[&["prune", "events", "--yes"], args].concat()).ok().stdout;
    assert_eq!(prune(&["--older-than", "1h"]), "nothing is that old; nothing was deleted\n");
    assert_eq!(prune(&["--older-than", "20m"]), "deleted 1 event, 1 delivery, 1 attempt\n");
    assert_eq!(
        prune(&["--older-than", "20m", "--status", "dead", "-t", "order.*", "-e", "orders"]),
        "deleted 1 event, 1 delivery, 1 attempt\n"
    );
    assert_eq!((inbox.count("knocker_events"), inbox.count("knocker_prunes")), (2, 3));
}

#[test]
fn deliveries_that_no_event_needs_go_by_outcome_and_age() {
    let inbox = Inbox::with_events();
    inbox.receive(r#"{"id": "evt_1", "type": "order.created"}"#, 2 * HOUR);
    inbox.receive_forged("{}", 2 * HOUR);
    inbox.receive_forged("{}", 0);
    let before = ["prune", "deliveries", "--before", "1h", "--json", "--yes"];
    let done = inbox.knocker(&[&before[..], &["-o", "invalid"]].concat()).ok().json();
    assert_eq!((&done["deliveries"], &done["prune_id"]), (&json!(1), &json!(1)));
    assert_eq!(inbox.knocker(&before).ok().json()["deliveries"], 1);
    assert_eq!(inbox.count("knocker_deliveries"), 5);
}

#[test]
fn the_limit_leaves_the_rest_for_the_next_run() {
    let inbox = Inbox::with_orders();
    inbox.receive_forged("{}", HOUR);
    inbox.receive_forged("{}", HOUR);
    let first = inbox.knocker(&["prune", "deliveries", "--older-than", "10m", "-n", "1", "-y"]).ok().stdout;
    assert_eq!(first, "deleted 1 delivery\nmore is that old: run it again, or raise --limit\n");
}

#[test]
fn old_records_of_prunes_go_on_request() {
    let inbox = Inbox::with_events();
    inbox.store.prune_events(r#"{"older_than_s": 0}"#, inbox.now - HOUR).unwrap();
    assert_eq!(inbox.knocker(&["prune", "events", "--older-than", "40m", "--audits", "-y"]).ok().stdout, "deleted 1 prune record\n");
}

#[test]
fn without_a_terminal_it_wants_yes() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["prune", "events", "--older-than", "0s"]).fails(2, "no terminal to ask on", "--yes");
    inbox.knocker(&["prune", "deliveries", "--older-than", "0s"]).fails(2, "no terminal to ask on", "--dry-run");
    assert_eq!(inbox.count("knocker_events"), 4);
}

#[test]
fn wrong_usage_is_refused() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["prune", "events", "--older-than", "1d", "-s", "received", "-y"]).fails(2, "\"received\" is not valid", "Correct");
    inbox.knocker(&["prune", "deliveries", "--older-than", "1d", "-o", "accepted", "-y"]).fails(2, "\"accepted\" is not valid", "Correct");
    inbox.knocker(&["prune", "events", "--older-than", "1d", "-e", "nope", "-y"]).fails(3, "no endpoint \"nope\"", "endpoint list");
    let neither = inbox.knocker(&["prune", "events", "-y"]).fails(2, "--older-than <AGE>", "knocker prune events");
    neither.fails(2, "--before <TIME>", "--help");
    for args in [
        &["prune", "deliveries", "-y"][..],
        &["prune", "events", "--older-than", "30", "-y"],
        &["prune", "events", "--older-than", "1d", "--before", "1d", "-y"],
        &["prune"],
    ] {
        assert_eq!(inbox.knocker(args).code, 2, "{args:?}");
    }
    assert_eq!(inbox.count("knocker_events"), 4);
}

#[test]
fn a_large_prune_is_done_in_small_transactions_with_one_record() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(2000);
    let conn = inbox.store.conn();
    let long_ago = "DELETE FROM _honker_live; UPDATE _knocker_events SET status = 'handled', job_id = NULL, received_at = 0, ended_at = 0";
    conn.execute_batch(long_ago).unwrap();
    let prune = ["prune", "events", "--older-than", "1h", "-n", "1500"];
    let dry = inbox.knocker(&[&prune[..], &["--dry-run"]].concat()).ok().stdout;
    assert_eq!(dry, "dry run: 1500 events, 1500 deliveries would be deleted\nmore is that old: run it again, or raise --limit\n");
    let done = inbox.knocker(&[&prune[..], &["--yes"]].concat()).ok().stdout;
    assert_eq!(done, "deleted 1500 events, 1500 deliveries\nmore is that old: run it again, or raise --limit\n");
    let recorded = "SELECT count(*), max(events), max(deliveries) FROM knocker_prunes";
    let recorded: (i64, i64, i64) = conn.query_row(recorded, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(recorded, (1, 1500, 1500));
}

#[test]
fn a_dry_run_foresees_what_goes_and_takes_no_lock() {
    let inbox = Inbox::with_events();
    inbox.receive(r#"{"id": "evt_1", "type": "order.created"}"#, 2 * HOUR);
    inbox.receive(r#"{"id": "evt_3", "type": "order.paid"}"#, 2 * HOUR);
    let prune = ["prune", "events", "--older-than", "0s", "--status", "handled,dead"];
    inbox.store.conn().execute_batch("BEGIN IMMEDIATE").unwrap();
    let dry = inbox.knocker(&[&prune[..], &["--dry-run"]].concat()).ok().stdout;
    inbox.store.conn().execute_batch("COMMIT").unwrap();
    assert_eq!(dry, "dry run: 2 events, 4 deliveries, 2 attempts would be deleted\n");
    assert_eq!(inbox.knocker(&[&prune[..], &["--yes"]].concat()).ok().stdout, "deleted 2 events, 4 deliveries, 2 attempts\n");
}
