//! Prepared files, and what a person reads there: cause and cure within two commands.

use knocker_core::attempt::FailedOptions;
use knocker_core::claim::ClaimFilter;
use knocker_core::providers::{self, Secrets};
use knocker_core::request::Request;
use serde_json::Value;

use crate::support::{HOUR, Inbox, Ran, SECRET, command};

const MINUTE: i64 = 60_000;

impl Ran {
    /// It says all of these.
    #[track_caller]
    fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stdout.contains(part), "{part:?} in\n{}", self.stdout);
        }
        self
    }
}

/// A file with an endpoint `stripe`.
fn stripe() -> Inbox {
    let inbox = Inbox::empty();
    inbox.store.endpoint("stripe", r#"{"provider": "stripe"}"#, inbox.now - 48 * HOUR).unwrap();
    inbox
}

/// Receives a body that Stripe signed with this secret, `age_ms` before the inbox was made, when the receiver's clock was ahead by that much.
fn receive(inbox: &Inbox, id: &str, secret: &str, age_ms: i64, ahead_ms: i64) -> Option<i64> {
    let body = format!(r#"{{"id": "{id}", "type": "invoice.paid"}}"#);
    let stripe = providers::find("stripe").unwrap();
    let mut request = Request::parse(r#"{"url": "/webhooks/stripe", "headers": {"User-Agent": "Stripe/1.0"}}"#, body.as_bytes()).unwrap();
    let at = inbox.now - age_ms;
    for (name, value) in stripe.sign(&stripe.options("").unwrap(), &request, secret, at - ahead_ms).unwrap().headers {
        request.headers.push(name, value);
    }
    inbox.store.receive("stripe", &request, &Secrets::from_strings([SECRET]), at).unwrap().event_id
}

/// Claims everything that is due, `age_ms` before the inbox was made, and returns the job of an event.
fn claim(inbox: &Inbox, event: i64, lease_s: i64, age_ms: i64) -> i64 {
    inbox.store.claim("worker-1", 100, lease_s, &ClaimFilter::default(), inbox.now - age_ms).unwrap();
    inbox.store.conn().query_row("SELECT job_id FROM knocker_jobs WHERE event_id = ?1", [event], |row| row.get(0)).unwrap()
}

#[test]
fn a_dead_event_tells_its_error_and_how_it_is_put_back() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["events", "--status", "dead"]).ok().says(&["3  dead"]);
    inbox.knocker(&["why", "event", "3"]).ok().says(&[
        "Event 3 (order.paid) of orders is dead after 1 attempt: nothing tries it again by itself.",
        "received as delivery 3: POST /orders",
        "attempt 1 by w failed for good after 9 ms: no such order",
        "The handler failed: no such order",
        "given up after 1 of 10 attempts: the handler said that no further one helps",
        "It is kept for ever: no retention policy is about it.",
        "requeue 3\n",
    ]);
    let dead = FailedOptions { dead: true, ..FailedOptions::default() };
    let job = claim(&inbox, 4, 60, 0);
    inbox.store.failed(job, "worker-1", "no such order", 9, &dead, inbox.now).unwrap();
    inbox.knocker(&["why", "3"]).ok().says(&[
        "1 other event of orders among the newest 200 dead ones died of the same.",
        "requeue --status dead --endpoint orders --dry-run",
    ]);
    inbox.knocker(&["requeue", "3"]).ok();
    inbox.knocker(&["why", "3"]).ok().says(&["Event 3 (order.paid) of orders was put back and waits for its next attempt."]);
    let job = claim(&inbox, 3, 60, -MINUTE);
    inbox.store.handled(job, "worker-1", 4, inbox.now + MINUTE).unwrap();
    inbox.knocker(&["why", "3"]).ok().says(&["requeued or replayed, it began anew: attempt 1 by worker-1 handled the event after 4 ms"]);
}

#[test]
fn an_event_without_a_handler_says_which_one_is_missing() {
    let inbox = Inbox::with_orders();
    inbox.store.endpoint("orders", r#"{"unhandled": "dead"}"#, inbox.now).unwrap();
    inbox.store.retention(&knocker_core::retention::RetentionPolicy::parse(r#"{"dead_s": 86400}"#).unwrap(), inbox.now).unwrap();
    inbox.receive(r#"{"id": "a", "type": "order.lost"}"#, HOUR);
    let job = claim(&inbox, 1, 60, HOUR);
    let nobody = FailedOptions { no_handler: true, ..FailedOptions::default() };
    inbox.store.failed(job, "worker-1", "", 0, &nobody, inbox.now - HOUR).unwrap();
    inbox.knocker(&["why", "1"]).ok().says(&["No handler was registered for order.lost", "then the retention policy deletes it"]);
}

#[test]
fn a_failed_event_says_when_it_goes_on_and_when_it_ends() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["why", "event", "2"]).ok().says(&[
        "Event 2 (order.paid) of orders failed 1 of 10 times and will be tried again.",
        "(in 1 hour)",
        "9 attempts left; if all of them fail it is dead at about ",
        // The error of a stranger cannot move the cursor.
        "no answer\\u{1b}[31m",
    ]);
}

#[test]
fn an_event_that_waits_says_that_nobody_works() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["why", "4"]).ok().says(&[
        "waits for its first attempt",
        "It has been due for 1 hour",
        "No worker holds anything of orders, and the last attempt for it ended 30 minutes ago (w).",
        "Does a worker run, on this very file",
        "why delivery 4",
    ]);
}

#[test]
fn a_stuck_lease_says_who_held_it_and_how_it_comes_free() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "a", "type": "order.paid"}"#, 2 * HOUR);
    claim(&inbox, 1, 60, 2 * HOUR);
    inbox.knocker(&["why", "event", "1"]).ok().says(&[
        "is being worked on: attempt 1 of 10.",
        "worker-1 held it until ",
        "gave no verdict: it died",
        "No other worker of this endpoint has asked for work since",
        "requeue 1 --force",
    ]);
    inbox.knocker(&["requeue", "1", "--force"]).ok();
    assert_eq!(inbox.status(1), "received");
}

#[test]
fn a_lease_of_a_wrong_clock_is_told_from_one_that_holds() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "a"}"#, 0);
    claim(&inbox, 1, 3600, 0);
    inbox.knocker(&["why", "1"]).ok().says(&["worker-1 holds it until ", "A worker that lives extends the lease"]);
    inbox.knocker(&["requeue", "1", "--force"]).ok();
    claim(&inbox, 1, 3600, -72 * HOUR);
    inbox.knocker(&["why", "1"]).ok().says(&["no right clock gives such a lease"]);
}

#[test]
fn a_forged_delivery_stands_between_genuine_ones() {
    let inbox = stripe();
    receive(&inbox, "evt_1", SECRET, 3 * HOUR, 0);
    assert_eq!(receive(&inbox, "evt_2", "another", 2 * HOUR, 0), None);
    receive(&inbox, "evt_3", SECRET, HOUR, 0);
    inbox.knocker(&["deliveries", "--outcome", "invalid"]).ok().says(&["2  invalid"]);
    inbox.knocker(&["why", "delivery", "2"]).ok().says(&[
        "Delivery 2 to stripe was refused (bad_signature): no event came of it.",
        "user-agent Stripe/1.0",
        "Others were accepted before it (delivery 1, 3 hours ago) and after it (delivery 3, 1 hour ago): the secret is right",
        "nothing has to be mended",
        "tries again by itself (for 3 d)",
        "verify stripe request.http --secret-env SECRET --at 20",
    ]);
}

#[test]
fn a_wrong_secret_shows_by_what_was_accepted_last() {
    let inbox = stripe();
    receive(&inbox, "evt_1", SECRET, 5 * HOUR, 0);
    for age in [3, 2, 1] {
        assert_eq!(receive(&inbox, "evt_2", "the new one", age * HOUR, 0), None);
    }
    inbox.knocker(&["why", "delivery", "4"]).ok().says(&[
        "The last one that was accepted came before it (delivery 1, 5 hours ago), and none soon after it",
        "a secret was changed on one side alone",
        "Stripe: the secret is this endpoint's own signing secret, the whole `whsec_…` text, and no API key",
        "give the raw bytes",
    ]);
}

#[test]
fn a_wrong_clock_shows_by_the_same_difference_in_all() {
    let inbox = stripe();
    for (index, age) in [3, 2, 1].into_iter().enumerate() {
        assert_eq!(receive(&inbox, &format!("evt_{index}"), SECRET, age * HOUR, 17 * MINUTE), None);
    }
    inbox.knocker(&["why", "delivery", "2"]).ok().says(&[
        "(timestamp_out_of_tolerance)",
        "When it came this machine's clock was 17 minutes ahead of the signed time (1020 s).",
        "2 deliveries refused around it had the same difference: that is this machine's clock",
        "Stripe signs each attempt anew",
        "--option tolerance_s=900",
    ]);
    let alone = stripe();
    receive(&alone, "evt_1", SECRET, 2 * HOUR, 0);
    receive(&alone, "evt_1", SECRET, HOUR, HOUR);
    alone.knocker(&["why", "delivery", "2"]).ok().says(&["it is this one that was late or replayed"]);
}

#[test]
fn a_request_of_another_provider_is_known_by_its_headers() {
    let inbox = stripe();
    let headers = r#"{"headers": {"X-GitHub-Event": "push", "X-GitHub-Delivery": "1", "X-Hub-Signature-256": "sha256=00"}}"#;
    let request = Request::parse(headers, b"{}").unwrap();
    inbox.store.receive("stripe", &request, &Secrets::from_strings([SECRET]), inbox.now).unwrap();
    let has = "Its headers are those of GitHub";
    inbox.knocker(&["why", "delivery", "1"]).ok().says(&["(missing_header)", has, "stripe is an endpoint of Stripe", "Stripe-Signature"]);
    inbox.knocker(&["why", "--endpoint", "stripe", "--at", "1m"]).ok().says(&["Delivery 1 to stripe has the headers of GitHub"]);
}

#[test]
fn an_event_is_found_by_its_key_the_provider_s_id_and_its_body() {
    let inbox = stripe();
    for (id, age) in [("evt_1", 3), ("evt_2", 2), ("evt_1", 1)] {
        receive(&inbox, id, SECRET, age * HOUR, 0);
    }
    let found = |args: &[&str]| inbox.knocker(&[&["why"], args].concat()).ok();
    found(&["--key", "evt_1"]).says(&[
        "Event 1 (invoice.paid) of stripe waits",
        "verified as Stripe",
        "sent again (delivery 3): a duplicate by its key evt_1",
    ]);
    found(&["--key", "evt_2", "-e", "stripe"]).says(&["Event 2 "]);
    found(&["--provider-id", "evt_2"]).says(&["Event 2 "]);
    found(&["--body-contains", "\"evt_1\""]).says(&[
        "Delivery 3 to stripe repeats event 1: a duplicate",
        "came 2 hours earlier as delivery 1",
        "why --body-contains '\"evt_1\"' --before 3",
    ]);
    found(&["--body-contains", "\"evt_1\"", "--before", "3"]).says(&["Delivery 1 to stripe was accepted and became event 1."]);
    let not_yet = inbox.knocker(&["why", "--body-contains", "evt_1", "--before", "3", "--scan", "1"]);
    not_yet.says(&["No body contains \"evt_1\" so far: looked at 1 delivery back to id 2, and there are older ones", "--before 2"]);
    not_yet.fails(3, "nothing was found", "story");
}

#[test]
fn what_is_not_there_says_what_came_instead() {
    let inbox = stripe();
    receive(&inbox, "evt_1", SECRET, 3 * HOUR, 0);
    receive(&inbox, "evt_2", "another", 2 * HOUR, 0);
    let missing = inbox.knocker(&["why", "--key", "evt_2", "--endpoint", "stripe", "--at", "2h"]);
    missing.says(&[
        "No event in this file has the key evt_2.",
        "The endpoint stripe is there, for the provider stripe, and enabled",
        "1 delivery of stripe invalid (bad_signature), the last of them delivery 2",
        "why delivery 2",
        "The last one of stripe that was accepted by then: delivery 1",
        "why --body-contains evt_2 --endpoint stripe",
    ]);
    missing.fails(3, "no event has the key \"evt_2\"", "story");
    inbox.knocker(&["why", "--body-contains", "evt_2"]).ok().says(&["Delivery 2 to stripe was refused (bad_signature)"]);

    inbox
        .knocker(&["why", "--endpoint", "paypal"])
        .fails(3, "there is no endpoint \"paypal\"", "endpoint list")
        .says(&["There is no endpoint paypal in this file", "The endpoints of this file: stripe."]);
    let early = inbox.knocker(&["why", "--endpoint", "stripe", "--at", "7d"]).ok();
    early.says(&["stripe did not exist then", "Nothing at all came within an hour of"]);
    inbox.knocker(&["endpoint", "disable", "stripe"]).ok();
    receive(&inbox, "evt_4", SECRET, 0, 0);
    inbox.knocker(&["why", "--endpoint", "stripe"]).ok().says(&["stripe is disabled: it answers 410", "1 delivery of stripe disabled"]);
    inbox.knocker(&["why", "delivery", "3"]).ok().says(&[
        "came while stripe was disabled (410)",
        "still disabled",
        "endpoint enable stripe",
    ]);
}

#[test]
fn what_was_deleted_is_said_to_be_possible() {
    let inbox = Inbox::with_events();
    inbox.store.prune_events(r#"{"older_than_s": 0}"#, inbox.now).unwrap();
    inbox.knocker(&["why", "--key", "evt_1"]).says(&["Old rows are deleted here", "(1 event, 1 delivery, by events)"]);
    inbox.knocker(&["why", "1"]).fails(3, "there is no event 1", "pruned");
}

#[test]
fn a_flood_shows_by_what_was_only_counted() {
    let inbox = stripe();
    inbox.store.endpoint("stripe", r#"{"invalid_per_hour": 5, "max_refused": 4}"#, inbox.now).unwrap();
    for number in 0..20 {
        receive(&inbox, &format!("evt_{number}"), "forged", 0, 0);
    }
    inbox.knocker(&["why", "--endpoint", "stripe", "--at", "1m"]).ok().says(&[
        "16 refused receipts of stripe in the last hour were only counted",
        "stripe keeps 4 refused deliveries, as many as it may",
        "prune deliveries --endpoint stripe --outcome invalid --older-than 1d --dry-run",
    ]);
}

#[test]
fn a_body_that_was_too_large_says_how_large_it_may_be() {
    let inbox = Inbox::with_orders();
    inbox.store.endpoint("orders", r#"{"max_body_bytes": 100}"#, inbox.now).unwrap();
    inbox.receive(&format!(r#"{{"id": "{}"}}"#, "x".repeat(200)), 0);
    inbox.knocker(&["why", "delivery", "1"]).ok().says(&["was too large (413)", "(210 bytes)", "(100 bytes)", "--max-body-bytes 256"]);
}

/// Twenty attempts in each hour, of ten milliseconds each until five hours ago.
#[test]
fn a_handler_that_got_slower_says_since_when() {
    let inbox = Inbox::with_orders();
    let mut last = 0;
    inbox
        .store
        .atomic(|| {
            for hour in (0..=26).rev() {
                for index in 0..20 {
                    let age = hour * HOUR + (20 - index) * MINUTE;
                    last = inbox.receive(&format!(r#"{{"id": "{hour}-{index}", "type": "order.paid"}}"#), age).unwrap();
                    let job = claim(&inbox, last, 60, age);
                    inbox.store.handled(job, "worker-1", if hour < 5 { 400 } else { 10 }, inbox.now - age).unwrap();
                }
            }
            Ok(())
        })
        .unwrap();
    let slow = inbox.knocker(&["why", &last.to_string()]).ok();
    slow.says(&["This attempt took 400 ms; a day before, order.paid of orders took 10 ms (median)", "the handler got slower"]);
    inbox.knocker(&["why", "--endpoint", "orders"]).ok().says(&[
        "Its events: 0 received, 0 processing, 0 failed, 540 handled, 0 dead, 0 ignored.",
        "The last attempts of order.paid of orders took 400 ms; a day before they took 10 ms (median): the handler got slower, by ",
    ]);
    let quick = inbox.knocker(&["why", "300"]).ok();
    assert!(!quick.stdout.contains("median"), "{}", quick.stdout);
}

#[test]
fn a_batch_names_its_other_events() {
    let inbox = Inbox::empty();
    inbox.store.endpoint("gocardless", r#"{"provider": "gocardless"}"#, inbox.now).unwrap();
    inbox.receive_signed("gocardless", br#"{"events": [{"id": "EV1"}, {"id": "EV2"}]}"#);
    inbox.knocker(&["why", "delivery", "1"]).ok().says(&["became event 1", "a batch of 2 events: this is event 1, others are 2"]);
    inbox.knocker(&["why", "--body-contains", "EV2"]).ok().says(&["Event 2 of gocardless", "this is event 2, others are 1"]);
}

#[test]
fn a_program_gets_one_document() {
    let story = Inbox::with_events().knocker(&["--json", "why", "event", "3"]).ok().json();
    assert_eq!((&story["subject"], &story["id"], &story["endpoint"]), (&"event".into(), &3.into(), &"orders".into()));
    assert!(story["happened"].as_array().unwrap().iter().all(|moment| moment["at"].is_i64() && moment["text"].is_string()));
    let commands: Vec<&Value> = story["commands"].as_array().unwrap().iter().map(|command| &command["command"]).collect();
    assert!(commands.iter().any(|command| command.as_str().unwrap().ends_with(" requeue 3")), "{commands:?}");
}

/// What a story offers can be typed as it is.
#[test]
fn every_command_of_a_story_is_one() {
    let inbox = stripe();
    for secret in [SECRET, "another"] {
        receive(&inbox, "evt_1", secret, HOUR, 0);
    }
    for args in [&["why", "1"][..], &["why", "delivery", "2"], &["why", "--endpoint", "stripe"], &["why", "--endpoint", "nobody's"]] {
        let story = inbox.knocker(&[&["--json"], args].concat()).json();
        for offered in story["commands"].as_array().unwrap() {
            let typed = offered["command"].as_str().unwrap().replace("knocker ", &format!("{} ", env!("CARGO_BIN_EXE_knocker")));
            let help = std::process::Command::new("sh").args(["-c", &format!("{typed} --help")]).output().unwrap();
            assert!(help.status.success(), "{typed}: {}", String::from_utf8_lossy(&help.stderr));
        }
    }
}

#[test]
fn nothing_is_written_and_no_writer_is_waited_for() {
    let inbox = stripe();
    receive(&inbox, "evt_1", SECRET, HOUR, 0);
    let before = inbox.store.conn().query_row("SELECT data_version FROM pragma_data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let told = inbox
        .store
        .atomic(|| {
            // The write lock is held: a reader sees what was committed.
            receive(&inbox, "evt_2", SECRET, 0, 0);
            inbox.knocker(&["why", "--key", "evt_1"]).ok();
            inbox.knocker(&["why", "--key", "evt_2"]).fails(3, "no event has the key", "story");
            Ok(inbox.knocker(&["why", "--body-contains", "evt_1"]).ok().stdout)
        })
        .unwrap();
    assert!(told.contains("became event 1"));
    let after = inbox.store.conn().query_row("SELECT data_version FROM pragma_data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(before, after);
}

#[test]
fn wrong_usage_is_refused() {
    let inbox = Inbox::with_orders();
    inbox.knocker(&["why"]).fails(2, "what is to be explained", "knocker why event 3");
    inbox.knocker(&["why", "evt_1"]).fails(2, "\"evt_1\" is no id", "knocker why --key evt_1");
    inbox.knocker(&["why", "order", "1"]).fails(2, "a subject is", "delivery 7");
    inbox.knocker(&["why", "event", "9"]).fails(3, "there is no event 9", "knocker events");
    inbox.knocker(&["why", "delivery", "9"]).fails(3, "there is no delivery 9", "knocker deliveries");
    inbox.knocker(&["why", "--body-contains", ""]).fails(2, "is empty", "order's number");
    inbox.knocker(&["why", "--body-contains", "x", "--endpoint", "nope"]).fails(3, "no endpoint", "endpoint list");
    assert_eq!(inbox.knocker(&["why", "1", "--key", "x"]).code, 2);
    assert_eq!(command(&["why", "--help"]).output().unwrap().status.code(), Some(0));
}
