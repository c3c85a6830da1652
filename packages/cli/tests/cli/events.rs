use serde_json::Value;

use crate::support::{Inbox, Ran};

fn ids(ran: &Ran) -> Vec<i64> {
    ran.json_lines().iter().map(|event| event["id"].as_i64().unwrap()).collect()
}

#[test]
fn events_are_listed_newest_first_with_what_happens_next() {
    let inbox = Inbox::with_events();
    let text = inbox.knocker(&["events"]).ok().stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[1].trim_start().starts_with("4  received"), "{text}");
    assert!(lines[2].contains("dead") && lines[2].contains("no such order"), "{text}");
    assert!(lines[3].contains("failed") && lines[3].contains("next in 1 hour; no answer"), "{text}");
    assert!(lines[4].contains("handled") && lines[4].contains("1/10"), "{text}");
    // An error message of a handler may hold anything; it does not reach the terminal as it is.
    assert!(!text.contains('\x1b') && lines[3].contains("\\u{1b}[31m"), "{text}");
}

#[test]
fn filters_choose_by_status_endpoint_type_and_time() {
    let inbox = Inbox::with_events();
    inbox.store.endpoint("other", "{}", inbox.now).unwrap();
    let list = |args: &[&str]| ids(&inbox.knocker(&[&["--json", "events"], args].concat()).ok());
    assert_eq!(list(&[]), [4, 3, 2, 1]);
    assert_eq!(list(&["--status", "dead"]), [3]);
    assert_eq!(list(&["--status", "dead,failed", "-s", "handled"]), [3, 2, 1]);
    assert_eq!(list(&["--endpoint", "orders"]), [4, 3, 2, 1]);
    assert_eq!(list(&["--endpoint", "other"]), [0; 0]);
    assert_eq!(list(&["--type", "order.paid"]), [3, 2]);
    assert_eq!(list(&["--type", "order.*"]), [4, 3, 2, 1]);
    assert_eq!(list(&["--type", "orde*"]), [0; 0]);
    assert_eq!(list(&["--since", "150m"]), [4, 3]);
    assert_eq!(list(&["--until", "150m"]), [2, 1]);
    assert_eq!(list(&["--since", "3h30m", "--until", "90m"]), [3, 2]);
    assert_eq!(list(&["--since", "2100-01-01T00:00:00+02:00"]), [0; 0]);
    assert_eq!(list(&["--until", "2000-01-01"]), [0; 0]);
    for (period, before, found) in [("--until", "3", vec![2, 1]), ("--until", "9", vec![3, 2, 1]), ("--since", "4", vec![])] {
        assert_eq!(list(&[period, "90m", "--before", before]), found, "{period}");
    }
}

#[test]
fn pages_follow_each_other() {
    let inbox = Inbox::with_events();
    let page = inbox.knocker(&["events", "--limit", "2"]).ok().stdout;
    assert!(page.contains("older ones: --before 3"), "{page}");
    assert_eq!(ids(&inbox.knocker(&["--json", "events", "-n", "2", "--before", "3"]).ok()), [2, 1]);
    assert!(!inbox.knocker(&["events", "-n", "9"]).ok().stdout.contains("older"));
}

#[test]
fn json_has_every_column_but_the_body() {
    let inbox = Inbox::with_events();
    let failed = &inbox.knocker(&["events", "--json", "-s", "failed"]).ok().json_lines()[0];
    assert_eq!((&failed["key"], &failed["type"]), (&Value::from("order.paid:evt_2"), &Value::from("order.paid")));
    assert!(failed["next_attempt_at"].as_i64().unwrap() > inbox.now);
    assert_eq!(failed.get("body"), None);
}

#[test]
fn an_empty_list_says_so() {
    let inbox = Inbox::with_orders();
    assert_eq!(inbox.knocker(&["events"]).ok().stdout, "no events\n");
    assert_eq!(inbox.knocker(&["events", "--json"]).ok().stdout, "");
}

#[test]
fn wrong_filters_are_refused() {
    let inbox = Inbox::with_events();
    inbox.knocker(&["events", "-e", "oders"]).fails(3, "did you mean \"orders\"?", "endpoint list");
    for args in [&["events", "-s", "daed"][..], &["events", "--since", "yesterday"], &["events", "-n", "0"], &["events", "--nope"]] {
        let ran = inbox.knocker(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}
