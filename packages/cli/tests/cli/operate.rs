use knocker_core::claim::ClaimFilter;
use serde_json::json;

use crate::support::{HOUR, Inbox};

#[test]
fn one_event_is_replayed_requeued_or_ignored_by_its_id() {
    let inbox = Inbox::with_events();
    assert_eq!(inbox.knocker(&["replay", "1"]).ok().stdout, "event 1 is now received\n");
    assert_eq!(inbox.knocker(&["requeue", "3", "--json"]).ok().json(), json!({"event_id": 3, "status": "received", "changed": true}));
    assert_eq!(inbox.knocker(&["ignore", "2", "--reason", "a test order"]).ok().stdout, "event 2 is now ignored\n");
    assert_eq!([1, 2, 3].map(|id| inbox.status(id)), ["received", "ignored", "received"]);
    assert!(inbox.knocker(&["show", "event", "2"]).ok().stdout.contains("a test order"));
    assert_eq!(inbox.knocker(&["ignore", "2"]).ok().stdout, "event 2 was already ignored\n");
}

#[test]
fn a_delivery_is_replayed_on_its_own_body() {
    let inbox = Inbox::with_events();
    inbox.receive(r#"{"id": "evt_1", "type": "order.created", "again": true}"#, HOUR);
    let replayed = inbox.knocker(&["replay", "--delivery", "5", "--json"]).ok().json();
    assert_eq!(replayed, json!({"delivery_id": 5, "event_ids": [1]}));
    assert_eq!(inbox.status(1), "received");
    inbox.knocker(&["replay", "--delivery", "99"]).fails(3, "no delivery 99", "knocker deliveries");
    inbox.receive_forged("{}", 0);
    inbox.knocker(&["replay", "--delivery", "6"]).fails(1, "has no event", "status");
}

#[test]
fn a_wrong_state_and_an_unknown_event_are_refused() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["replay", "4"]).fails(1, "event 4 is received", "replay takes");
    inbox.knocker(&["requeue", "1"]).fails(1, "event 1 is handled", "requeue");
    inbox.knocker(&["ignore", "1"]).fails(1, "event 1 is handled", "ignore");
    inbox.knocker(&["replay", "99"]).fails(3, "no event 99", "knocker events");
}

#[test]
fn force_takes_an_event_from_its_worker() {
    let inbox = Inbox::with_events();
    // What the command puts back is due by its own clock, which is later than that of the inbox.
    let claim = || inbox.store.claim("w", 1, 3600, &ClaimFilter::default(), inbox.now + HOUR).unwrap();
    assert_eq!((claim(), inbox.status(4).as_str()), (1, "processing"));
    inbox.knocker(&["requeue", "4"]).fails(1, "event 4 is processing", "force");
    inbox.knocker(&["requeue", "-s", "processing", "-y"]).fails(
        2,
        "\"processing\" is valid only with force; without it: failed",
        "Correct",
    );
    assert_eq!(inbox.knocker(&["requeue", "4", "--force"]).ok().stdout, "event 4 is now received\n");
    assert_eq!(claim(), 1);
    assert_eq!(inbox.knocker(&["replay", "--delivery", "4", "--force"]).ok().stdout, "delivery 4: event 4 received again, with its body\n");
    assert_eq!(claim(), 1);
    assert_eq!(inbox.knocker(&["ignore", "-s", "processing", "--force", "-y"]).ok().stdout, "1 event ignored\n");
    assert_eq!(inbox.status(4), "ignored");
}

#[test]
fn many_events_are_chosen_by_a_filter() {
    let inbox = Inbox::with_events();
    let dry = inbox.knocker(&["requeue", "--type", "order.paid", "--dry-run"]).ok().stdout;
    assert_eq!(dry, "dry run: 2 events would be requeued\n");
    assert_eq!(inbox.status(3), "dead");
    let done = inbox.knocker(&["requeue", "-t", "order.*", "-s", "dead,failed", "-e", "orders", "--since", "1d", "--yes"]).ok().stdout;
    assert_eq!(done, "2 events requeued\n");
    assert_eq!([2, 3].map(|id| inbox.status(id)), ["received", "received"]);
    assert_eq!(inbox.knocker(&["requeue", "-s", "dead", "-y"]).ok().stdout, "no event matches; nothing was changed\n");
}

#[test]
fn the_period_and_the_limit_bound_it() {
    let inbox = Inbox::with_events();
    let replay = |args: &[&str]| inbox.knocker(&[&["--json", "replay", "--dry-run"], args].concat()).ok().json()["matched"].clone();
    assert_eq!(replay(&["--since", "150m"]), 1);
    assert_eq!(replay(&["--until", "150m"]), 2);
    let limited = inbox.knocker(&["ignore", "-t", "order.*", "-n", "1", "--yes"]).ok().stdout;
    assert_eq!(limited, "1 event ignored\nmore events match: run it again, or raise --limit\n");
    assert_eq!(inbox.status(2), "ignored");
}

#[test]
fn what_chooses_many_events_is_refused_beside_an_id_with_the_reason() {
    let inbox = Inbox::with_events();
    for verb in ["replay", "requeue", "ignore"] {
        let dry_run = "an id was given with --dry-run, which tells how many events a filter takes";
        for args in [&[verb, "1", "--dry-run"][..], &[verb, "--dry-run", "1"], &[verb, "1", "--dry-run", "--json"]] {
            inbox.knocker(args).fails(2, dry_run, "`knocker why 1`");
        }
        for (flag, value) in
            [("--status", "dead"), ("--endpoint", "orders"), ("--type", "order.*"), ("--since", "2h"), ("--until", "2h"), ("--limit", "5")]
        {
            let ran = inbox.knocker(&[verb, "1", flag, value]);
            let ran =
                ran.fails(2, &format!("an id was given with {flag}, which chooses among many events"), "by its id, or many by a filter");
            assert!(!ran.stderr.contains("[ID]"), "{}", ran.stderr);
        }
        inbox.knocker(&[verb, "1", "--endpoint", "orders", "--dry-run"]).fails(2, "an id was given with --endpoint", "");
    }
    for (args, reason) in [
        (&["--dry-run"][..], "--dry-run, which tells"),
        (&["-s", "dead"], "--status, which chooses"),
        (&["-n", "5"], "--limit, which chooses"),
    ] {
        inbox.knocker(&[&["replay", "--delivery", "1"], args].concat()).fails(2, &format!("--delivery was given with {reason}"), "");
    }
    for args in [&["-s", "dead"][..], &["--dry-run"], &[]] {
        inbox.knocker(&[&["ignore", "--reason", "x"], args].concat()).fails(
            2,
            "--reason is kept with one event, and no id",
            "`knocker ignore ID",
        );
    }
    assert_eq!([1, 2, 3].map(|id| inbox.status(id)), ["handled", "failed", "dead"]);
}

#[test]
fn without_a_terminal_a_bulk_action_wants_yes() {
    let inbox = Inbox::with_events();
    for verb in ["replay", "requeue", "ignore"] {
        inbox.knocker(&[verb, "--status", "dead"]).fails(2, "no terminal to ask on", "--yes");
    }
    assert_eq!(inbox.status(3), "dead");
}

#[test]
fn wrong_usage_is_refused() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["replay"]).fails(2, "which events?", "--status");
    inbox.knocker(&["replay", "--yes"]).fails(2, "which events?", "--status");
    inbox.knocker(&["requeue", "-s", "handled", "--yes"]).fails(2, "\"handled\" is not valid", "Correct");
    inbox.knocker(&["ignore", "-s", "dead", "--reason", "a bad batch", "-y"]).fails(2, "--reason", "knocker ignore");
    assert_eq!(inbox.status(3), "dead");
    inbox.knocker(&["requeue", "-s", "dead", "-e", "nope", "-y"]).fails(3, "no endpoint \"nope\"", "endpoint list");
    for args in [&["replay", "1", "--status", "dead"][..], &["ignore", "--reason", "x"], &["replay", "x"]] {
        assert_eq!(inbox.knocker(args).code, 2, "{args:?}");
    }
}
