//! What `knocker doctor` tells of the rows: work that nobody does, senders that are refused or silent, and times that do not fit.

use knocker_core::claim::ClaimFilter;
use serde_json::{Value, json};

use crate::doctor::{doctor, findings, has, only};
use crate::support::{HOUR, Inbox};

const MINUTE: i64 = HOUR / 60;
const DAY: i64 = 24 * HOUR;

fn body(id: &str) -> String {
    format!(r#"{{"id": "{id}", "type": "order.created"}}"#)
}

#[test]
fn a_lease_that_ran_out_while_no_worker_runs_is_told_with_its_event() {
    let inbox = Inbox::with_orders();
    inbox.receive(&body("evt_1"), 3 * HOUR);
    assert_eq!(inbox.store.claim("worker-7", 1, 60, &ClaimFilter::default(), inbox.now - 2 * HOUR).unwrap(), 1);
    let found = findings(&doctor(&inbox));
    has(&found[0], "leases_over", "warning", "of event 1, 1 hour ago (worker \"worker-7\")", "why 1");
    assert!(inbox.knocker(&["why", "1"]).ok().stdout.contains("worker-7"));
}

#[test]
fn an_event_that_waits_for_a_worker_is_told() {
    let inbox = Inbox::with_orders();
    inbox.receive(&body("evt_1"), 20 * MINUTE);
    only(&doctor(&inbox), "waiting_long", "warning", "orders has waited for 20 minutes", "--endpoint orders");
}

#[test]
fn an_event_whose_job_somebody_deleted_is_put_back_by_a_repair() {
    let inbox = Inbox::with_orders();
    inbox.receive(&body("evt_1"), MINUTE);
    inbox.receive(&body("evt_2"), MINUTE);
    let trigger: String =
        inbox.store.conn().query_row("SELECT sql FROM sqlite_schema WHERE name = '_knocker_job_removed'", [], |row| row.get(0)).unwrap();
    inbox
        .store
        .conn()
        .execute_batch(&format!("DROP TRIGGER _knocker_job_removed; DELETE FROM _honker_live WHERE id = 1; {trigger}"))
        .unwrap();
    only(&doctor(&inbox), "event_without_job", "error", "will see 1 open event, for lack of a job", "doctor --repair");
    let repaired = inbox.knocker(&["--json", "doctor", "--repair"]);
    assert_eq!((repaired.code, &repaired.json()["repaired"]), (0, &json!(["event_without_job"])), "{}", repaired.stdout);
    // Put back after the inbox was made.
    assert_eq!(inbox.store.claim("w", 10, 60, &ClaimFilter::default(), inbox.now + HOUR).unwrap(), 2);
}

#[test]
fn jobs_that_disagree_with_their_events_are_put_right() {
    let inbox = Inbox::with_orders();
    for id in ["evt_1", "evt_2", "evt_3"] {
        inbox.receive(&body(id), MINUTE);
    }
    let conn = inbox.store.conn();
    // A job of no event; one that waits though its event is over; one that waits though its event is processing.
    conn.execute_batch("UPDATE _honker_live SET payload = '{\"event_id\":999}' WHERE id = 1").unwrap();
    conn.execute_batch(
        "UPDATE _knocker_events SET status = 'handled' WHERE id = 2; UPDATE _knocker_events SET status = 'processing' WHERE id = 3",
    )
    .unwrap();
    let found = findings(&doctor(&inbox));
    let codes: Vec<&Value> = found.iter().map(|finding| &finding["code"]).collect();
    assert_eq!(codes, ["event_without_job", "event_and_job_differ", "job_without_event"], "{found:#?}");
    has(&found[1], "event_and_job_differ", "error", "2 jobs at odds", "doctor --repair");
    has(&found[2], "job_without_event", "warning", "the first is job 1", "doctor --repair");
    let repaired = inbox.knocker(&["--json", "doctor", "--repair"]);
    assert_eq!(findings(&repaired), [] as [Value; 0]);
    assert_eq!([1, 2, 3].map(|id| inbox.status(id)), ["received", "handled", "received"]);
    // Put back after the inbox was made.
    assert_eq!(inbox.store.claim("w", 10, 60, &ClaimFilter::default(), inbox.now + HOUR).unwrap(), 2);
}

#[test]
fn wrong_counters_are_counted_anew() {
    let inbox = Inbox::with_orders();
    inbox.receive(&body("evt_1"), MINUTE);
    inbox.store.conn().execute_batch("UPDATE _knocker_counts SET n = 5 WHERE status = 'failed'").unwrap();
    only(&doctor(&inbox), "miscounted", "warning", "wrong by 5", "doctor --repair");
    assert_eq!(inbox.knocker(&["--json", "doctor", "--repair"]).code, 0);
}

#[test]
fn a_wrong_secret_is_the_reason_of_an_endpoint_that_refuses_everything() {
    let inbox = Inbox::with_orders();
    inbox.receive(&body("evt_1"), 10 * MINUTE);
    for _ in 0..6 {
        inbox.receive_forged(&body("evt_2"), 5 * MINUTE);
    }
    let ran = doctor(&inbox);
    assert_eq!(ran.code, 11);
    only(&ran, "all_refused", "error", "orders refused each of the last 6 requests (bad_signature), since", "The secret is a wrong one");
    inbox.receive(&body("evt_3"), 0);
    assert_eq!(findings(&doctor(&inbox)), [] as [Value; 0]);
}

#[test]
fn a_flood_of_refused_requests_is_told_with_what_is_kept() {
    let inbox = Inbox::with_orders();
    inbox.store.endpoint("orders", r#"{"provider": "token", "invalid_per_hour": 3, "max_refused": 3}"#, inbox.now).unwrap();
    inbox.receive(&body("evt_1"), 0);
    for _ in 0..9 {
        inbox.receive_forged("{}", 0);
    }
    let found = findings(&doctor(&inbox));
    assert_eq!(found.len(), 2, "{found:#?}");
    has(&found[0], "refused_flood", "warning", "floods orders: 6 requests", "--outcome invalid");
    has(&found[1], "refused_full", "note", "orders keeps as many refused requests", "prune deliveries --endpoint orders");
}

#[test]
fn an_endpoint_that_had_traffic_and_has_none_is_told() {
    let inbox = Inbox::with_orders();
    inbox.store.conn().execute("UPDATE _knocker_endpoints SET created_at = ?1", [inbox.now - 10 * DAY]).unwrap();
    for index in 0..20 {
        inbox.receive(&body(&format!("evt_{index}")), 9 * DAY - index * HOUR);
    }
    inbox.store.conn().execute_batch("UPDATE _honker_live SET state = 'processing', claim_expires_at = unixepoch() + 600").unwrap();
    only(&doctor(&inbox), "endpoint_silent", "warning", "orders got its last request 8 days ago", "deliveries --endpoint orders");
}

#[test]
fn dead_events_are_told_by_reason() {
    let inbox = Inbox::with_events();
    let found = findings(&doctor(&inbox));
    let dead: Vec<&Value> = found.iter().filter(|finding| finding["code"] == "dead_events").collect();
    assert_eq!(dead.len(), 1, "{found:#?}");
    has(
        dead[0],
        "dead_events",
        "warning",
        "1 event of orders is dead: no such order (newest: event 3, 30 minutes ago)",
        "requeue --status dead --endpoint orders --dry-run",
    );
    assert!(inbox.knocker(&["why", "3"]).ok().stdout.contains("no such order"));
}

#[test]
fn a_handler_that_got_slower_since_yesterday_is_told_with_both_medians() {
    let inbox = Inbox::with_orders();
    let handle = |index: i64, age_ms: i64, duration_ms: i64| {
        inbox.receive(&body(&format!("evt_{index}")), age_ms);
        let at = inbox.now - age_ms;
        assert_eq!(inbox.store.claim("w", 1, 60, &ClaimFilter::default(), at).unwrap(), 1);
        let job = inbox.store.conn().query_row("SELECT job_id FROM knocker_jobs", [], |row| row.get(0)).unwrap();
        inbox.store.handled(job, "w", duration_ms, at).unwrap();
    };
    for index in 0..25 {
        handle(index, 3 * DAY - index, 40);
    }
    for index in 25..50 {
        handle(index, HOUR - index, 900);
    }
    only(
        &doctor(&inbox),
        "handler_slower",
        "warning",
        "order.created at orders took 900 ms in the last day (median), and 40 ms in the week before",
        "--type order.created --since 1d",
    );
}

#[test]
fn a_clock_that_was_wrong_is_told_by_its_rows() {
    let inbox = Inbox::with_orders();
    inbox.receive(&body("evt_1"), -3 * HOUR);
    let found = findings(&doctor(&inbox));
    has(&found[0], "clock_behind", "warning", "2 hours from now", "timedatectl");
    // It was put right: the next one comes three hours earlier.
    inbox.receive(&body("evt_2"), 0);
    let found = findings(&doctor(&inbox));
    let jumped = found.iter().find(|finding| finding["code"] == "clock_jumped").unwrap();
    has(jumped, "clock_jumped", "note", "set back by 3 hours before delivery 2", "timedatectl");
    inbox.store.conn().execute_batch("UPDATE _honker_live SET run_at = run_at + 100 * 86400").unwrap();
    let found = findings(&doctor(&inbox));
    let ahead = found.iter().find(|finding| finding["code"] == "times_ahead").unwrap();
    has(ahead, "times_ahead", "warning", "2 lease or due times lie further ahead", "requeue ID --force");
}

#[test]
fn retention_that_is_not_set_or_not_run_is_told() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(10_000);
    only(&doctor(&inbox), "no_retention", "note", "all 10000 deliveries stay for ever", "retention --handled 30d");
    inbox.knocker(&["retention", "--handled", "30d"]).ok();
    assert_eq!(findings(&doctor(&inbox)), [] as [Value; 0]);
    inbox.store.conn().execute("UPDATE _knocker_policies SET next_run_at = ?1", [inbox.now - 3 * DAY]).unwrap();
    only(&doctor(&inbox), "retention_late", "warning", "due 3 days ago", "retain");
}
