use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{HOUR, Inbox, command, run};

/// Exports everything unredacted into a file of the inbox, and returns its path.
fn exported(inbox: &Inbox) -> String {
    let lines = inbox.knocker(&["export", "--unredacted"]).ok().stdout;
    let path = inbox.path("deliveries.jsonl");
    std::fs::write(&path, lines).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The events of an inbox, without what is the file's own.
fn events(inbox: &Inbox) -> Vec<Value> {
    let sql =
        "SELECT json_object('type', type, 'key', key, 'status', status, 'attempts', attempts, 'reason', reason, 'received_at', received_at,
                 'ended_at', ended_at, 'deliveries', deliveries, 'body', CAST(body AS TEXT)) FROM knocker_events ORDER BY id";
    let mut statement = inbox.store.conn().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
}

#[test]
fn an_export_is_redacted_unless_asked() {
    let inbox = Inbox::with_events();
    inbox.receive_forged(r#"{"id": "forged"}"#, 0);
    let lines = inbox.knocker(&["export"]).ok().json_lines();
    assert_eq!(lines.len(), 5);
    let first = &lines[0];
    assert_eq!((&first["redacted"], &first["body_size"], &first["endpoint"]), (&json!(true), &json!(40), &json!("orders")));
    assert_eq!((first.get("body"), &first["headers"]["x-trace"]), (None, &json!("[redacted]")));
    let event = &first["event_list"][0];
    assert_eq!(
        (&event["type"], &event["key"], &event["status"]),
        (&json!("order.created"), &json!("order.created:evt_1"), &json!("handled"))
    );
    assert_eq!((&lines[4]["reason"], &lines[4]["event_list"]), (&json!("bad_signature"), &json!([])));

    let whole = inbox.knocker(&["export", "--unredacted"]).ok().json_lines();
    assert_eq!(whole[0]["body"], r#"{"id": "evt_1", "type": "order.created"}"#);
    assert_eq!(whole[0]["headers"], json!({"x-trace": "t-1", "x-webhook-token": "[redacted]"}));
    assert_eq!(whole[2]["event_list"][0]["reason"], "no such order");
}

#[test]
fn filters_and_a_cursor_choose_the_lines() {
    let inbox = Inbox::with_events();
    inbox.receive_forged("{}", 0);
    let ids = |args: &[&str]| -> Vec<i64> {
        let lines = inbox.knocker(&[&["export"], args].concat()).ok().json_lines();
        lines.iter().map(|line| line["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids(&["--outcome", "invalid"]), [5]);
    assert_eq!(ids(&["--event", "2"]), [2]);
    assert_eq!(ids(&["--endpoint", "orders", "--since", "150m"]), [3, 4, 5]);
    assert_eq!([ids(&["--limit", "2"]), ids(&["--after", "2"])].concat(), ids(&[]));
    let dry = inbox.knocker(&["--json", "export", "--dry-run"]).ok().json();
    assert_eq!((&dry["lines"], dry["bytes"].as_u64().unwrap() as usize), (&json!(5), inbox.knocker(&["export"]).ok().stdout.len()));
    assert!(inbox.knocker(&["export", "--dry-run"]).ok().stdout.starts_with("dry run: 5 deliveries, "));
    inbox.knocker(&["export", "--endpoint", "nope"]).fails(3, "no endpoint", "endpoint list");
}

#[test]
fn an_import_leaves_events_where_they_stood_and_twice_brings_nothing_new() {
    let (from, to) = (Inbox::with_events(), Inbox::with_orders());
    from.receive(r#"{"id": "evt_3", "type": "order.paid"}"#, HOUR);
    from.receive_forged("{}", 0);
    let file = exported(&from);

    let dry = to.knocker(&["import", &file, "--dry-run"]).ok().stdout;
    assert_eq!(dry, "dry run: would be imported: 4 events, 1 duplicate\npassed over: 1 delivery without an event\n");
    assert_eq!(to.count("knocker_deliveries"), 0);

    let done = to.knocker(&["import", &file]).ok().stdout;
    assert_eq!(done, "imported: 4 events, 1 duplicate\npassed over: 1 delivery without an event\n");
    let mut expected = events(&from);
    // What failed there is tried anew, with all its attempts.
    expected[1]["status"] = json!("received");
    expected[1]["attempts"] = json!(0);
    expected[1]["reason"] = Value::Null;
    assert_eq!(events(&to), expected);
    // Its receipts are none of this hour, and the dead one can be put back.
    assert_eq!(to.store.stats(to.now).unwrap().last_hour.receipts, 0);
    to.knocker(&["requeue", "3"]).ok();
    assert_eq!(to.status(3), "received");

    let again = to.knocker(&["--json", "import", &file]).ok().json();
    assert_eq!(again, json!({"lines": 6, "events": 0, "duplicates": 0, "known": 5, "passed_over": 1, "dry_run": false}));
    assert_eq!((to.count("knocker_deliveries"), to.count("knocker_events")), (5, 4));
}

#[test]
fn handlers_run_again_only_where_that_is_asked_for() {
    let (from, to) = (Inbox::with_events(), Inbox::with_orders());
    to.knocker(&["import", &exported(&from), "--handle-again"]).ok();
    assert_eq!(to.store.stats(to.now).unwrap().events.received, 4);
    assert_eq!(to.store.claim("w", 10, 60, &Default::default(), to.now + 60_000).unwrap(), 4);
}

#[test]
fn bodies_that_are_no_text_and_the_parts_of_a_batch_arrive_as_they_were() {
    let (from, to) = (Inbox::empty(), Inbox::empty());
    for inbox in [&from, &to] {
        inbox.store.endpoint("raw", r#"{"provider": "github"}"#, inbox.now).unwrap();
        inbox.store.endpoint("gocardless", r#"{"provider": "gocardless"}"#, inbox.now).unwrap();
    }
    from.receive_signed("raw", b"\x00\xff");
    from.receive_signed("gocardless", br#"{"events": [{"id": "EV1"}, {"id": "EV2"}]}"#);
    let file = exported(&from);
    to.knocker(&["import", &file]).ok();
    let body = |event: i64| -> Vec<u8> {
        to.store.conn().query_row("SELECT body FROM knocker_events WHERE id = ?1", [event], |row| row.get(0)).unwrap()
    };
    assert_eq!(body(1), b"\x00\xff");
    assert_eq!((body(2), body(3)), (br#"{"id": "EV1"}"#.to_vec(), br#"{"id": "EV2"}"#.to_vec()));
    assert_eq!(to.knocker(&["--json", "import", &file]).ok().json()["known"], 3);
}

#[test]
fn an_event_without_a_key_is_known_when_it_comes_again() {
    let (from, to) = (Inbox::empty(), Inbox::empty());
    for inbox in [&from, &to] {
        inbox.store.endpoint("own", "{}", inbox.now).unwrap();
    }
    for _ in 0..2 {
        let fields = knocker_core::ingest::IngestFields::parse(r#"{"valid": true}"#).unwrap();
        from.store.ingest("own", &fields, b"{}", from.now).unwrap();
    }
    let file = exported(&from);
    assert_eq!(to.knocker(&["--json", "import", &file]).ok().json()["events"], 2);
    assert_eq!(to.knocker(&["--json", "import", &file]).ok().json()["known"], 2);
}

#[test]
fn a_damaged_line_is_named_and_nothing_is_imported() {
    let (from, to) = (Inbox::with_events(), Inbox::with_orders());
    let file = exported(&from);
    let whole = std::fs::read_to_string(&file).unwrap();
    let cases = [
        (whole[..whole.len() - 20].to_owned(), "line 4 is damaged"),
        (whole.replacen("\"received_at\"", "\"received\"", 1), "line 1 is damaged: unknown field `received`"),
        (whole.replacen("\"export\":1", "\"export\":2", 1), "line 1 is damaged: its form is 2"),
        (whole.replacen("\"body\":", "\"body_base64\":", 1), "line 1 is damaged: body_base64 is no base64"),
        (format!("{whole}nonsense\n"), "line 5 is damaged"),
    ];
    for (lines, error) in cases {
        std::fs::write(&file, lines).unwrap();
        to.knocker(&["import", &file]).fails(1, error, "Nothing was imported");
        assert_eq!(to.count("knocker_deliveries"), 0);
    }
}

#[test]
fn what_cannot_be_imported_is_refused_before_anything_is_written() {
    let (from, to) = (Inbox::with_events(), Inbox::with_orders());
    let file = exported(&from);
    let redacted = from.knocker(&["export"]).ok().stdout;
    let import = |lines: &str| run(&mut command(&["--db", to.path("inbox.db").to_str().unwrap(), "import", "-"]), lines.as_bytes());
    import(&redacted).fails(1, "line 1 is redacted", "--unredacted");
    to.knocker(&["endpoint", "add", "orders", "--max-body-bytes", "10"]).ok();
    to.knocker(&["import", &file]).fails(1, "line 1: the body has", "--max-body-bytes");
    to.knocker(&["endpoint", "disable", "orders"]).ok();
    to.knocker(&["import", &file]).fails(1, "line 1: endpoint orders is disabled", "enable");
    Inbox::empty().knocker(&["import", &file]).fails(3, "no endpoint \"orders\"", "endpoint add");
    to.knocker(&["import", "nowhere.jsonl"]).fails(3, "cannot read nowhere.jsonl", "path");
    assert_eq!(to.count("knocker_deliveries"), 0);

    let other = Inbox::with_orders();
    let whole = std::fs::read(&file).unwrap();
    run(&mut command(&["--db", other.path("inbox.db").to_str().unwrap(), "import", "-"]), &whole).ok();
    assert_eq!(other.count("knocker_events"), 4);
}

#[test]
fn a_killed_import_goes_on_where_it_ended() {
    let (from, to) = (Inbox::with_orders(), Inbox::with_orders());
    from.receive_many(3000);
    let file = exported(&from);
    let db = to.path("inbox.db");
    let mut child = command(&["--db", db.to_str().unwrap(), "import", &file]).stdout(Stdio::null()).spawn().unwrap();
    while to.count("knocker_events") == 0 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let first = to.count("knocker_events");
    let rest = to.knocker(&["--json", "import", &file]).ok().json();
    assert_eq!((&rest["events"], &rest["known"]), (&json!(3000 - first), &json!(first)));
    assert_eq!((to.count("knocker_events"), to.count("knocker_deliveries")), (3000, 3000));
}
