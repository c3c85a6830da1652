//! `knocker publish` to an HTTP endpoint, and what holds for every target. `publish_nats.rs` has a real cluster.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use knocker_core::providers::{self, Outcome, Secrets};
use knocker_core::request::{Headers, Request};
use knocker_core::store::system_now;
use serde_json::Value;

use crate::doctor::findings;
use crate::forward::{Got, app};
use crate::support::{Inbox, Ran, SECRET, command, knocker, run};

/// A secret of Standard Webhooks, and another one.
const SIGNED_WITH: &str = "whsec_dGVzdC1zZWNyZXQtb2YtcHVibGlzaA==";

/// Publishes what is due from the inbox and ends.
fn publish(inbox: &Inbox, args: &[&str]) -> Ran {
    let db = inbox.path("inbox.db");
    let mut command = command(&["--db", db.to_str().unwrap(), "publish", "--drain", "--secret-env", "HOOK_SECRET"]);
    let ran = run(command.args(args).env("HOOK_SECRET", SIGNED_WITH), b"");
    assert!(!ran.stdout.contains(SIGNED_WITH) && !ran.stderr.contains(SIGNED_WITH), "the secret is shown");
    ran
}

fn attempts(inbox: &Inbox) -> i64 {
    inbox.store.conn().query_row("SELECT coalesce(sum(attempts), 0) FROM knocker_events", [], |row| row.get(0)).unwrap()
}

fn verified(got: &Got) -> Headers {
    let provider = providers::find("standard-webhooks").unwrap();
    let request = Request { method: "POST".into(), url: "/hooks".into(), headers: got.headers.clone(), body: &got.body, truncated: false };
    let verdict = provider.verify(&provider.options("").unwrap(), &request, &Secrets::from_strings([SIGNED_WITH]), system_now());
    let Outcome::Delivery(items) = verdict.outcome else { panic!("the signature is not right: {:?}", verdict.outcome) };
    assert_eq!(items[0].key.as_deref(), got.headers.first("webhook-id"));
    got.headers.clone()
}

#[test]
fn an_event_goes_out_signed_byte_for_byte_and_is_handled() {
    let inbox = Inbox::with_orders();
    let body = "{\"id\": \"evt/1 =\",  \"type\": \"order.paid\", \"name\": \"ü\"}\n";
    inbox.receive(body, 0);
    let (url, got) = app(&["204 No Content"]);
    let ran = publish(&inbox, &["--to", &url]).ok();
    assert!(ran.stdout.contains("published 1 event"), "{}", ran.stdout);
    assert_eq!(inbox.status(1), "handled");
    let got = got.recv().unwrap();
    let headers = verified(&got);
    assert_eq!(got.body, body.as_bytes());
    for (name, value) in [
        ("webhook-id", Some("orders/order.paid=3Aevt=2F1=20=3D")),
        ("knocker-endpoint", Some("orders")),
        ("knocker-type", Some("order.paid")),
        ("knocker-event-id", Some("1")),
        ("knocker-delivery-id", Some("1")),
        ("knocker-received-at", Some(inbox.now.to_string().as_str())),
        ("knocker-header-x-trace", Some("t-1")),
        ("knocker-header-x-webhook-token", None),
    ] {
        assert_eq!(headers.first(name), value, "{name}");
    }
}

#[test]
fn another_knocker_receives_each_event_once() {
    let (inbox, folder) = (Inbox::with_orders(), tempfile::tempdir().unwrap());
    let db = folder.path().join("other.db");
    let mut listen =
        command(&["--db", db.to_str().unwrap(), "--json", "listen", "hooks", "--provider", "standard-webhooks", "--port", "0"]);
    let mut other = listen.args(["--secret-env", "HOOK_SECRET"]).env("HOOK_SECRET", SIGNED_WITH).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let url = serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()["url"].as_str().unwrap().to_owned();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    publish(&inbox, &["--to", &url]).ok();
    // Again, as after an acknowledgement that was lost.
    inbox.knocker(&["replay", "1"]).ok();
    publish(&inbox, &["--to", &url]).ok();
    other.kill().unwrap();
    other.wait().unwrap();
    let events = knocker(&["--db", db.to_str().unwrap(), "--json", "events"]).ok().json();
    assert_eq!((&events["type"], &events["key"]), (&"order.paid".into(), &"orders/order.paid=3Aevt_1".into()));
    assert_eq!((&events["status"], &events["deliveries"]), (&"received".into(), &2.into()));
}

#[test]
fn the_same_occurrence_in_two_files_has_one_id() {
    let (one, other) = (Inbox::with_orders(), Inbox::with_orders());
    other.receive(r#"{"id": "evt_0", "type": "order.paid"}"#, 0);
    let ids: Vec<Option<String>> = [one, other]
        .iter()
        .map(|inbox| {
            inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
            let (url, got) = app(&["200 OK", "200 OK"]);
            publish(inbox, &["--to", &url]).ok();
            got.try_iter().map(|got| got.headers.first("webhook-id").unwrap().to_owned()).find(|id| id.contains("evt_1"))
        })
        .collect();
    let id = Some("orders/order.paid=3Aevt_1".to_owned());
    assert_eq!(ids, [id.clone(), id]);
}

#[test]
fn while_the_other_side_is_away_events_wait_and_no_attempt_is_used_up() {
    let inbox = Inbox::with_orders();
    inbox.receive_many(40);
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nowhere}/hooks");
    for _ in 0..2 {
        let ran = publish(&inbox, &["--to", &url]).fails(4, "cannot be published to; the events wait in the file", "once it is back");
        assert!(ran.stdout.contains("did not answer") && ran.stdout.contains("wait in the file"), "{}", ran.stdout);
    }
    let waiting = "SELECT count(*) FROM knocker_events WHERE status = 'received' AND attempts = 0";
    assert_eq!(inbox.store.conn().query_row(waiting, [], |row| row.get::<_, i64>(0)), Ok(40));
    assert_eq!((inbox.count("knocker_jobs"), inbox.count("knocker_attempts")), (0, 0), "a lease or an attempt is left");

    let found = findings(&inbox.knocker(&["--json", "doctor"]));
    let away = found.iter().find(|finding| finding["code"] == "publisher_away").unwrap_or_else(|| panic!("{found:?}"));
    let what = away["what"].as_str().unwrap();
    assert!(what.contains(&url) && what.contains("40 events") && what.contains("did not answer"), "{what}");

    // Refusals that no event is to blame for are the same.
    for status in ["401 Unauthorized", "301 Moved Permanently", "503 Service Unavailable"] {
        let answers: &'static [&'static str] = vec![status; 64].leak();
        let (url, _got) = app(answers);
        publish(&inbox, &["--to", &url]).fails(4, "the events wait in the file", "");
        assert_eq!(attempts(&inbox), 0, "{status}");
    }

    let (url, _got) = app(&["200 OK"; 64]);
    assert!(publish(&inbox, &["--to", &url]).ok().stdout.contains("published 40 events"));
    assert_eq!(inbox.store.stats(system_now()).unwrap().events.handled, 40);
    assert!(findings(&inbox.knocker(&["--json", "doctor"])).iter().all(|finding| finding["code"] != "publisher_away"));
}

#[test]
fn an_event_that_is_refused_for_what_it_is_fails_and_holds_nobody_up() {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    let (url, _got) = app(&["413 Payload Too Large"]);
    let ran = publish(&inbox, &["--to", &url]).ok();
    assert!(ran.stdout.contains("event 1 was refused: the receiver answered 413"), "{}", ran.stdout);
    assert_eq!((inbox.status(1).as_str(), attempts(&inbox)), ("failed", 1));
    inbox.receive(r#"{"id": "evt_2", "type": "order.paid"}"#, 0);
    let (url, _got) = app(&["200 OK"]);
    publish(&inbox, &["--to", &url]).ok();
    assert_eq!((inbox.status(1).as_str(), inbox.status(2).as_str()), ("failed", "handled"));
}

#[test]
fn only_events_of_the_named_endpoints_go() {
    let inbox = Inbox::with_orders();
    inbox.store.endpoint("other", r#"{"provider": "token"}"#, inbox.now).unwrap();
    inbox.receive(r#"{"id": "evt_1", "type": "order.paid"}"#, 0);
    let (url, _got) = app(&["200 OK"]);
    assert!(publish(&inbox, &["--to", &url, "--endpoint", "other"]).ok().stdout.contains("published 0 events"));
    assert_eq!(inbox.status(1), "received");
    publish(&inbox, &["--to", &url, "--endpoint", "ordres"]).fails(3, "there is no endpoint \"ordres\"", "endpoint list");
}

#[cfg(unix)]
#[test]
fn what_comes_is_published_at_once_and_a_signal_ends_it_cleanly() {
    let inbox = Inbox::with_orders();
    let (url, got) = app(&["200 OK", "200 OK"]);
    let db = inbox.path("inbox.db");
    let mut publish = command(&["--db", db.to_str().unwrap(), "--json", "publish", "--to", &url, "--secret-env", "HOOK_SECRET"]);
    let mut child = publish.env("HOOK_SECRET", SIGNED_WITH).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["kind"], "begins");
    for id in ["evt_1", "evt_2"] {
        inbox.receive(&format!(r#"{{"id": "{id}", "type": "order.paid"}}"#), 0);
        let told = next();
        assert_eq!((&told["kind"], &told["events"]), (&"published".into(), &1.into()));
        verified(&got.recv().unwrap());
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ends = next();
    assert_eq!((&ends["kind"], &ends["published"]), (&"ends".into(), &2.into()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_published_is_said_and_no_secret_belongs_on_the_command_line() {
    let inbox = Inbox::with_orders();
    for (to, error, hint) in [
        ("localhost:4222", "begins with none of nats://", "--stream NAME"),
        ("nats://127.0.0.1:1", "which stream?", "--stream NAME"),
        ("https://user:password@example.com/", "a password does not belong into the URL", "Other users"),
    ] {
        let ran = publish(&inbox, &["--to", to]).fails(2, error, hint);
        assert!(!ran.stderr.contains("password@"), "{}", ran.stderr);
    }
    for (args, error) in [
        (["--to", "nats://user:password@a", "--stream", "HOOKS"], "a password does not belong into the address"),
        (["--to", "https://example.com/", "--stream", "HOOKS"], "--stream and --subject go with nats://"),
        (["--to", "https://example.com/", "--lease", "5s"], "--lease is not longer than --timeout"),
    ] {
        publish(&inbox, &args).fails(2, error, "");
    }
    let db = inbox.path("inbox.db");
    let mut unsigned = command(&["--db", db.to_str().unwrap(), "publish", "--to", "https://example.com/"]);
    run(&mut unsigned, b"").fails(2, "no secret was given", "--secret-env");
    let mut weak = command(&["--db", db.to_str().unwrap(), "publish", "--to", "https://example.com/", "--secret-env", "HOOK_SECRET"]);
    run(weak.env("HOOK_SECRET", SECRET), b"").fails(2, "", "");
}
