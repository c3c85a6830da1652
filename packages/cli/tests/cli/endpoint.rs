use serde_json::json;

use crate::support::{Inbox, command, run};

#[test]
fn an_endpoint_is_created_changed_and_left_unchanged() {
    let inbox = Inbox::empty();
    let add = ["endpoint", "add", "stripe", "--provider", "stripe", "--option", "tolerance_s=600", "--max-attempts", "3"];
    assert!(inbox.knocker(&add).ok().stdout.contains("stripe: created"));
    assert!(inbox.knocker(&add).ok().stdout.contains("stripe: unchanged"));
    let changed = inbox.knocker(&["--json", "endpoint", "add", "stripe", "--backoff-base", "1.5", "--max-body-bytes", "2048"]).ok().json();
    assert_eq!(changed["change"], "changed");
    assert_eq!(changed["backoff"], json!({"base_s": 1.5, "factor": 4.0, "cap_s": 21600.0}));
    // What was not named is still there.
    assert_eq!((&changed["max_attempts"], &changed["options"]), (&json!(3), &json!({"tolerance_s": 600})));
}

#[test]
fn single_options_are_merged_and_taken_out() {
    let inbox = Inbox::with_orders();
    let options = |args: &[&str]| {
        let args = [&["--json", "endpoint", "add", "orders"], args].concat();
        inbox.knocker(&args).ok().json()["options"].clone()
    };
    assert_eq!(options(&["-o", "header=X-Mine"]), json!({"header": "X-Mine", "id_path": "id", "type_path": "type"}));
    assert_eq!(options(&["-o", "id_path="]), json!({"header": "X-Mine", "type_path": "type"}));
    // Another provider starts from its own defaults.
    assert_eq!(options(&["--provider", "stripe", "-o", "tolerance_s=0"]), json!({"tolerance_s": 0}));
}

#[test]
fn a_handshake_word_comes_from_the_environment_and_is_not_shown() {
    let inbox = Inbox::empty();
    let db = inbox.path("inbox.db");
    let add = ["--db", db.to_str().unwrap(), "endpoint", "add", "meta", "-p", "meta", "--option-env", "verify_token=WORD"];
    run(&mut command(&add), b"").fails(2, "\"WORD\" is not set", "Set it");
    let added = run(command(&add).env("WORD", "test-word").arg("--json"), b"").ok();
    assert_eq!(added.json()["options"], json!({"verify_token": "[hidden]"}));
    assert!(!inbox.knocker(&["endpoint", "list"]).ok().stdout.contains("test-word"));
    let stored: String =
        inbox.store.conn().query_row("SELECT options ->> 'verify_token' FROM knocker_endpoints", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, "test-word");
}

#[test]
fn the_list_shows_every_endpoint() {
    let inbox = Inbox::with_orders();
    let text = inbox.knocker(&["endpoint", "list"]).ok().stdout;
    assert!(text.lines().count() == 2 && text.contains("orders") && text.contains("1.0 MiB"), "{text}");
    let list = inbox.knocker(&["endpoint", "list", "--json"]).ok().json_lines();
    assert_eq!((&list[0]["name"], &list[0]["enabled"]), (&json!("orders"), &json!(true)));
    assert!(Inbox::empty().knocker(&["endpoint", "list"]).ok().stdout.contains("no endpoints yet"));
}

#[test]
fn disabling_and_enabling_change_one_setting() {
    let inbox = Inbox::with_orders();
    assert!(inbox.knocker(&["endpoint", "disable", "orders"]).ok().stdout.contains("changed"));
    assert!(!inbox.store.find_endpoint("orders").unwrap().config.enabled);
    assert!(inbox.knocker(&["endpoint", "list"]).ok().stdout.contains("no"));
    assert!(inbox.knocker(&["endpoint", "enable", "orders"]).ok().stdout.contains("changed"));
    assert!(inbox.store.find_endpoint("orders").unwrap().config.enabled);
    inbox.knocker(&["endpoint", "disable", "order"]).fails(3, "did you mean \"orders\"?", "endpoint list");
    assert_eq!(inbox.count("knocker_endpoints"), 1);
}

#[test]
fn wrong_settings_are_named() {
    let inbox = Inbox::empty();
    inbox.knocker(&["endpoint", "add", "a b"]).fails(2, "endpoint name \"a b\"", "Correct");
    inbox.knocker(&["endpoint", "add", "a", "-p", "stirpe"]).fails(2, "did you mean \"stripe\"?", "knocker providers");
    inbox.knocker(&["endpoint", "add", "a", "-p", "stripe", "-o", "tolerance=5"]).fails(2, "did you mean \"tolerance_s\"?", "Correct");
    inbox.knocker(&["endpoint", "add", "a", "-p", "stripe", "-o", "tolerance_s=soon"]).fails(
        2,
        "\"soon\" is not a whole number",
        "Correct",
    );
    inbox.knocker(&["endpoint", "add", "a", "-o", "x=1"]).fails(2, "options belong to a provider", "--provider");
    inbox.knocker(&["endpoint", "add", "a", "--max-attempts", "0"]).fails(2, "max_attempts: 0", "Correct");
    inbox.knocker(&["endpoint", "add", "a", "--unhandled", "drop"]).fails(2, "unhandled: \"drop\"", "Correct");
    assert_eq!(inbox.knocker(&["endpoint", "add", "a", "-o", "x"]).code, 2);
    assert_eq!(inbox.count("knocker_endpoints"), 0);
}
