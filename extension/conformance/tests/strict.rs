//! A strict connection reads no clock: every call says what time it is, so that the same statements leave the same rows wherever they run.

use knocker_conformance::call;
use knocker_conformance::contract::Contract;
use knocker_conformance::database::Database;
use knocker_conformance::sql_page::WITHOUT_A_CLOCK;
use rusqlite::types::Value as Sql;

const T: i64 = 1_767_225_600_000;
#[test]
fn every_function_is_refused_without_the_time_and_leaves_nothing() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    assert_eq!(call!(database, "knocker_strict", 1), Ok(Sql::Integer(1)));
    let changes = || database.number("SELECT total_changes()");
    let before = changes();
    let mut refused = 0;
    for (name, (fewest, _)) in Contract::get().arities().into_iter().filter(|(name, _)| !WITHOUT_A_CLOCK.contains(&name.as_str())) {
        let arguments: Vec<Sql> = example(&name);
        assert_eq!(arguments.len(), fewest, "{name}");
        let failure = database.call(&name, &arguments).expect_err("it was called without the time");
        assert_eq!(failure.code, "now_required", "{name}: {failure}");
        let null: Vec<Sql> = arguments.into_iter().chain([Sql::Null]).collect();
        assert_eq!(database.call(&name, &null).expect_err("NULL is no time").code, "now_required", "{name}");
        refused += 1;
    }
    assert!(refused > 25, "only {refused}");
    assert_eq!(changes(), before, "a refused call wrote");
}

/// Arguments with which the function would work.
fn example(name: &str) -> Vec<Sql> {
    let text = |text: &str| Sql::Text(text.into());
    let number = Sql::Integer;
    match name {
        "knocker_bootstrap" | "knocker_next_due" | "knocker_retain" | "knocker_stats" | "knocker_metrics" => vec![],
        "knocker_endpoint" => vec![text("shop"), text("{}")],
        "knocker_receive" | "knocker_judge" => vec![text("shop"), text("{}"), text(""), text("[]")],
        "knocker_attest" | "knocker_ingest" => vec![text("shop"), text(r#"{"valid": true}"#), text("")],
        "knocker_store" => vec![text("shop"), text("")],
        "knocker_verify" => vec![text("github"), text("{}"), text("{}"), text(""), text("[]")],
        "knocker_sign" => vec![text("github"), text("{}"), text("{}"), text(""), text("test-secret")],
        "knocker_claim" => vec![text("w1"), number(1), number(60)],
        "knocker_handled" => vec![number(1), text("w1"), number(5)],
        "knocker_failed" | "knocker_skipped" => vec![number(1), text("w1"), text("why"), number(5)],
        "knocker_extend" => vec![number(1), text("w1"), number(60)],
        "knocker_release" => vec![text("w1")],
        "knocker_replay" | "knocker_requeue" | "knocker_ignore" | "knocker_replay_delivery" => vec![number(1)],
        "knocker_replay_where" | "knocker_requeue_where" | "knocker_ignore_where" => vec![text(r#"{"endpoint": "shop"}"#)],
        "knocker_prune_events" | "knocker_prune_deliveries" => vec![text(r#"{"older_than_s": 1}"#)],
        "knocker_retention" => vec![text("{}")],
        other => panic!("no example for {other}"),
    }
}

#[test]
fn with_the_time_all_goes_on() {
    let database = Database::quick();
    call!(database, "knocker_strict", 1).unwrap();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    call!(database, "knocker_ingest", "shop", r#"{"valid": true}"#, "{}", T).unwrap();
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, T), Ok(Sql::Integer(1)));
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, r#"{"endpoints": ["shop"]}"#, T), Ok(Sql::Integer(0)));
    assert_eq!(call!(database, "knocker_handled", 1, "w1", 5, T), Ok(Sql::Integer(1)));
}

#[test]
fn it_holds_for_one_connection_and_can_be_asked_and_ended() {
    let database = Database::quick();
    let other = Database::open(database.path());
    assert_eq!(call!(database, "knocker_strict"), Ok(Sql::Integer(0)));
    assert_eq!(call!(database, "knocker_strict", 1), Ok(Sql::Integer(1)));
    assert_eq!(call!(database, "knocker_strict"), Ok(Sql::Integer(1)));
    assert_eq!(call!(database, "knocker_strict", Sql::Null), Ok(Sql::Integer(1)), "NULL leaves it as it is");
    call!(other, "knocker_stats").expect("another connection goes by the clock");
    assert_eq!(call!(database, "knocker_strict", 0), Ok(Sql::Integer(0)));
    call!(database, "knocker_stats").expect("it goes by the clock again");
    for wrong in [Sql::Integer(2), Sql::Text("yes".into())] {
        assert_eq!(call!(database, "knocker_strict", wrong).unwrap_err().code, "invalid_argument");
    }
}

#[test]
fn it_needs_no_schema_and_writes_nothing() {
    let database = Database::empty();
    assert_eq!(call!(database, "knocker_strict", 1), Ok(Sql::Integer(1)));
    assert_eq!(database.number("SELECT count(*) FROM sqlite_schema"), 0);
    assert_eq!(call!(database, "knocker_bootstrap").unwrap_err().code, "now_required");
    call!(database, "knocker_bootstrap", T).unwrap();
}
