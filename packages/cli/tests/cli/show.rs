use knocker_core::claim::ClaimFilter;
use serde_json::json;

use crate::support::{HOUR, Inbox, command};

#[test]
fn an_event_is_shown_with_its_deliveries_attempts_and_body() {
    let inbox = Inbox::with_events();
    inbox.receive(r#"{"id": "evt_3", "type": "order.paid"}"#, HOUR);
    let text = inbox.knocker(&["show", "event", "3"]).ok().stdout;
    for part in ["dead", "evt_3", "accepted", "duplicate", "w: no such order", "9 ms", "\n  \"id\": \"evt_3\",\n", "(2 hours ago)"] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    let waiting = inbox.knocker(&["show", "event", "4"]).ok().stdout;
    assert!(waiting.contains("none yet"), "{waiting}");
}

#[test]
fn where_attempts_began_anew_is_marked_as_why_marks_it() {
    let inbox = Inbox::with_events();
    let marked =
        |inbox: &Inbox| inbox.knocker(&["show", "event", "1"]).ok().stdout.matches("requeued or replayed, it began anew: w").count();
    assert_eq!(marked(&inbox), 0);
    for replays in 1..=2 {
        inbox.knocker(&["replay", "1"]).ok();
        let at = inbox.now + HOUR;
        assert!(inbox.store.claim("w", 10, 3600, &ClaimFilter::default(), at).unwrap() > 0);
        let job: i64 = inbox.store.conn().query_row("SELECT job_id FROM knocker_jobs WHERE event_id = 1", [], |row| row.get(0)).unwrap();
        inbox.store.handled(job, "w", 12, at).unwrap();
        assert_eq!(marked(&inbox), replays);
    }
}

#[test]
fn json_holds_everything_in_one_document() {
    let inbox = Inbox::with_events();
    let event = inbox.knocker(&["--json", "show", "event", "3"]).ok().json();
    assert_eq!(event["body"], r#"{"id": "evt_3", "type": "order.paid"}"#);
    assert_eq!(event["attempt_list"][0]["error"], "no such order");
    assert_eq!(event["delivery_list"][0]["outcome"], "accepted");
    let delivery = inbox.knocker(&["--json", "show", "delivery", "3"]).ok().json();
    assert_eq!(delivery["event_list"][0]["key"], "order.paid:evt_3");
    assert_eq!(delivery["headers"], json!({"x-trace": "t-1", "x-webhook-token": "[redacted]"}));
}

#[test]
fn a_delivery_is_shown_with_its_headers_and_without_credentials() {
    let inbox = Inbox::with_events();
    let text = inbox.knocker(&["show", "delivery", "1"]).ok().stdout;
    for part in ["accepted", "/orders", "x-trace", "t-1", "[redacted]", "\"type\": \"order.created\""] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn every_event_of_a_batch_finds_its_delivery_and_back() {
    let inbox = Inbox::empty();
    inbox.store.endpoint("gocardless", r#"{"provider": "gocardless"}"#, inbox.now).unwrap();
    let batch = br#"{"events": [{"id": "EV1"}, {"id": "EV2"}]}"#;
    inbox.receive_signed("gocardless", batch);
    inbox.receive_signed("gocardless", batch);

    let second = inbox.knocker(&["--json", "show", "event", "2"]).ok().json();
    assert_eq!(second["body"], r#"{"id": "EV2"}"#);
    assert_eq!((&second["delivery_list"][0]["id"], &second["delivery_list"][1]["id"]), (&json!(1), &json!(2)));
    for delivery in ["1", "2"] {
        let delivery = inbox.knocker(&["--json", "show", "delivery", delivery]).ok().json();
        assert_eq!(delivery["event_list"].as_array().unwrap().len(), 2);
    }
    assert_eq!(inbox.knocker(&["--json", "deliveries", "--event", "2"]).ok().json_lines().len(), 2);
}

#[test]
fn a_body_is_given_byte_for_byte() {
    let inbox = Inbox::with_orders();
    inbox.receive("{\"id\": \"x\", \"n\":  1.0}\n", 0);
    assert_eq!(inbox.knocker(&["show", "event", "1", "--body"]).ok().stdout, "{\"id\": \"x\", \"n\":  1.0}\n");

    let binary = b"\x00\xff\x1b[31m";
    inbox.store.endpoint("raw", r#"{"provider": "github"}"#, inbox.now).unwrap();
    inbox.receive_signed("raw", binary);
    let db = inbox.path("inbox.db");
    let output = command(&["--db", db.to_str().unwrap(), "show", "delivery", "2", "--body"]).output().unwrap();
    assert_eq!(output.stdout, binary);
    let text = inbox.knocker(&["show", "delivery", "2"]).ok().stdout;
    assert!(text.contains("7 bytes that are not UTF-8") && !text.contains('\x1b'), "{text}");
    assert_eq!(inbox.knocker(&["show", "delivery", "2", "--json"]).ok().json()["body_base64"], "AP8bWzMxbQ==");
}

#[test]
fn a_body_that_was_not_kept_is_said_to_be_so() {
    let inbox = Inbox::with_orders();
    inbox.knocker(&["endpoint", "add", "orders", "--max-body-bytes", "10"]).ok();
    assert_eq!(inbox.receive(r#"{"id": "much too long"}"#, 0), None);
    assert!(inbox.knocker(&["show", "delivery", "1"]).ok().stdout.contains("(not stored)"));
    inbox.knocker(&["show", "delivery", "1", "--body"]).fails(3, "is not stored", "too large");
}

#[test]
fn unknown_ids_are_not_found() {
    let inbox = Inbox::with_orders();
    inbox.knocker(&["show", "event", "9"]).fails(3, "there is no event 9", "knocker events");
    inbox.knocker(&["show", "event", "9", "--body"]).fails(3, "there is no event 9", "knocker events");
    inbox.knocker(&["show", "delivery", "9"]).fails(3, "there is no delivery 9", "knocker deliveries");
    assert_eq!(inbox.knocker(&["show", "event", "x"]).code, 2);
}
