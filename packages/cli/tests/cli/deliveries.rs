use crate::support::{HOUR, Inbox, Ran};

fn ids(ran: &Ran) -> Vec<i64> {
    ran.json_lines().iter().map(|delivery| delivery["id"].as_i64().unwrap()).collect()
}

/// 1 accepted, 2 its duplicate, 3 forged.
fn inbox() -> Inbox {
    let inbox = Inbox::with_orders();
    inbox.receive(r#"{"id": "evt_1", "type": "a"}"#, 3 * HOUR);
    inbox.receive(r#"{"id": "evt_1", "type": "a"}"#, 2 * HOUR);
    inbox.receive_forged(r#"{"id": "evt_2", "type": "a"}"#, HOUR);
    inbox
}

#[test]
fn every_receipt_is_listed_with_its_outcome() {
    let text = inbox().knocker(&["deliveries"]).ok().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].contains("invalid") && lines[1].contains("bad_signature"), "{text}");
    assert!(lines[2].contains("duplicate") && lines[3].contains("accepted"), "{text}");
}

#[test]
fn filters_choose_by_outcome_endpoint_event_and_time() {
    let inbox = inbox();
    let list = |args: &[&str]| ids(&inbox.knocker(&[&["--json", "deliveries"], args].concat()).ok());
    assert_eq!(list(&[]), [3, 2, 1]);
    assert_eq!(list(&["--outcome", "invalid"]), [3]);
    assert_eq!(list(&["-o", "accepted,duplicate"]), [2, 1]);
    assert_eq!(list(&["--event", "1"]), [2, 1]);
    assert_eq!(list(&["--endpoint", "orders", "--since", "150m"]), [3, 2]);
    assert_eq!(list(&["--until", "150m"]), [1]);
    assert_eq!(list(&["-n", "1", "--before", "3"]), [2]);
}

#[test]
fn pages_follow_each_other() {
    assert!(inbox().knocker(&["deliveries", "-n", "2"]).ok().stdout.contains("older ones: --before 2"));
}

#[test]
fn json_gives_the_reason_and_no_body() {
    let forged = &inbox().knocker(&["deliveries", "--json", "-o", "invalid"]).ok().json_lines()[0];
    assert_eq!(forged["reason"], "bad_signature");
    assert!(forged["detail"].is_string() && forged.get("body").is_none() && forged.get("headers").is_none());
}

#[test]
fn an_empty_list_and_a_wrong_filter_say_so() {
    let inbox = Inbox::with_orders();
    assert_eq!(inbox.knocker(&["deliveries"]).ok().stdout, "no deliveries\n");
    inbox.knocker(&["deliveries", "-e", "nope"]).fails(3, "no endpoint \"nope\"", "endpoint list");
    inbox.knocker(&["deliveries", "--event", "99"]).fails(3, "no event 99", "knocker events");
    inbox.knocker(&["deliveries", "-o", "limited"]).fails(2, "limited", "--help");
}
