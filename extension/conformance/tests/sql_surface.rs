//! The functions and views of `docs/sql.md`: all there, with the arguments that the page names and no others.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use knocker_conformance::contract::Contract;
use knocker_conformance::database::{Database, Failure, argument};
use knocker_conformance::{call, sql_page};
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

const T: i64 = 1_767_225_600_000;
/// SQLITE_DIRECTONLY.
const DIRECTONLY: i64 = 0x8_0000;

/// A database with the endpoint `shop` and one event that `w1` has leased: event 1, delivery 1, job 1.
fn at_work() -> Database {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    ingest(&database, "o-1");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 600, T), Ok(Sql::Integer(1)));
    database
}

fn ingest(database: &Database, key: &str) -> Value {
    let fields = json!({"valid": true, "type": "order.paid", "key": key}).to_string();
    database.call_json("knocker_ingest", &[argument("shop"), argument(fields), argument("{}"), argument(T)]).unwrap()
}

fn code(result: Result<Sql, Failure>) -> String {
    match result {
        Ok(value) => panic!("no error but {value:?}"),
        Err(failure) => failure.code,
    }
}

#[test]
fn every_function_of_the_page_is_there_with_each_number_of_arguments_and_none_beside() {
    let database = Database::empty();
    let rows = database.rows("SELECT name, narg, flags FROM pragma_function_list WHERE name LIKE 'knocker%'", &[]).unwrap();
    let mut registered: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in &rows {
        let name = row["name"].as_str().unwrap().to_owned();
        assert_ne!(row["flags"].as_i64().unwrap() & DIRECTONLY, 0, "{name} can be called by triggers and views");
        registered.entry(name).or_default().push(row["narg"].as_i64().unwrap());
    }
    let promised = sql_page::functions(&sql_page::page());
    for numbers in registered.values_mut() {
        numbers.sort_unstable();
    }
    let expected: BTreeMap<String, Vec<i64>> =
        promised.into_iter().map(|(name, (fewest, most))| (name, (fewest as i64..=most as i64).collect())).collect();
    assert_eq!(registered, expected);
    let expected: BTreeMap<String, Vec<i64>> =
        Contract::get().arities().into_iter().map(|(name, (fewest, most))| (name, (fewest as i64..=most as i64).collect())).collect();
    assert_eq!(registered, expected, "the contract says something else");
}

#[test]
fn every_view_of_the_page_has_its_columns_in_order() {
    let database = Database::quick();
    let promised = sql_page::columns(&sql_page::page());
    for (view, columns) in &promised {
        let statement = database.conn.prepare(&format!("SELECT * FROM {view}")).unwrap();
        assert_eq!(statement.column_names(), *columns, "{view}");
    }
    for view in database.rows("SELECT name FROM sqlite_schema WHERE type = 'view' AND name LIKE 'knocker%'", &[]).unwrap() {
        assert!(promised.contains_key(view["name"].as_str().unwrap()), "the page does not name the view {view}");
    }
    let foreign =
        "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_knocker\\_%' ESCAPE '\\' AND name NOT LIKE '\\_honker\\_%' ESCAPE '\\'
                     AND name NOT LIKE 'knocker\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    assert_eq!(database.number(foreign), 0, "something is named outside our prefixes");
}

#[test]
fn views_and_triggers_cannot_call_a_function() {
    let database = at_work();
    database
        .conn
        .execute_batch(
            "CREATE VIEW sneaky AS SELECT knocker_version() AS v;
             CREATE TABLE bait (x);
             CREATE TRIGGER sneaky_trigger AFTER INSERT ON bait BEGIN SELECT knocker_ignore(1); END;",
        )
        .unwrap();
    let view = database.rows("SELECT v FROM sneaky", &[]).unwrap_err();
    assert!(view.text.contains("unsafe use"), "{view}");
    let trigger = database.conn.execute("INSERT INTO bait VALUES (1)", []).unwrap_err().to_string();
    assert!(trigger.contains("unsafe use"), "{trigger}");
}

#[test]
fn the_clock_is_the_last_argument_or_the_system() {
    let database = Database::quick();
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    call!(database, "knocker_endpoint", "told", "{}", T).unwrap();
    let before = clock();
    call!(database, "knocker_endpoint", "system", "{}").unwrap();
    call!(database, "knocker_endpoint", "null", "{}", Sql::Null).unwrap();
    let after = clock();
    assert_eq!(database.number("SELECT created_at FROM knocker_endpoints WHERE name = 'told'"), T);
    for name in ["system", "null"] {
        let created_at = database.number(&format!("SELECT created_at FROM knocker_endpoints WHERE name = '{name}'"));
        assert!((before..=after).contains(&created_at), "{name}: {created_at} is not between {before} and {after}");
    }
}

#[test]
fn an_optional_argument_before_the_clock_is_told_apart_by_its_type() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    let filter = r#"{"endpoints": ["other"]}"#;
    ingest(&database, "o-1");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, T - 1000), Ok(Sql::Integer(0)), "a number is the clock");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, (T - 1000) as f64), Ok(Sql::Integer(0)), "a REAL is a number");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, filter), Ok(Sql::Integer(0)), "text is the filter");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, filter, T), Ok(Sql::Integer(0)));
    assert_eq!(call!(database, "knocker_next_due", T - 5000), Ok(Sql::Integer(5000)));
    assert_eq!(call!(database, "knocker_next_due", filter), Ok(Sql::Null));
    assert_eq!(call!(database, "knocker_next_due", Sql::Null, T), Ok(Sql::Integer(0)));
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, Sql::Null, T), Ok(Sql::Integer(1)));
    let failed = call!(database, "knocker_failed", 1, "w1", "refused", 5, T).unwrap();
    assert!(matches!(failed, Sql::Text(text) if text.contains("\"failed\"")));
    assert!(matches!(call!(database, "knocker_ignore", 1, T + 7), Ok(Sql::Text(_))));
    assert_eq!(database.number("SELECT ended_at FROM knocker_events"), T + 7);
}

#[test]
fn whole_numbers_may_be_reals_and_fractions_are_refused() {
    let database = at_work();
    assert_eq!(call!(database, "knocker_extend", 1.0, "w1", 700.0, T as f64), Ok(Sql::Integer(T + 700_000)));
    assert_eq!(code(call!(database, "knocker_extend", 1.5, "w1", 700, T)), "invalid_argument");
    assert_eq!(code(call!(database, "knocker_extend", 1, "w1", 0.5, T)), "invalid_argument");
    assert_eq!(code(call!(database, "knocker_claim", "w2", 1.5, 60, T)), "invalid_argument");
    assert_eq!(code(call!(database, "knocker_claim", "w2", 1, 60, T as f64 + 0.5)), "invalid_argument");
    for number in [f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        assert_eq!(code(call!(database, "knocker_handled", 1, "w1", number, T)), "invalid_argument", "{number}");
    }
    assert_eq!(code(call!(database, "knocker_handled", "1", "w1", 5, T)), "invalid_argument", "text is no number");
    assert_eq!(call!(database, "knocker_handled", 1.0, "w1", 5.0, T as f64), Ok(Sql::Integer(1)));
}

#[test]
fn a_body_is_text_or_bytes_or_nothing_and_taken_byte_for_byte() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    let fields = r#"{"valid": true}"#;
    call!(database, "knocker_ingest", "shop", fields, "{\"a\":1}\r\n", T).unwrap();
    call!(database, "knocker_ingest", "shop", fields, b"\x00\xff\x00".to_vec(), T).unwrap();
    call!(database, "knocker_ingest", "shop", fields, Sql::Null, T).unwrap();
    assert_eq!(code(call!(database, "knocker_ingest", "shop", fields, 5, T)), "invalid_argument", "a number is no body");
    let mut statement = database.conn.prepare("SELECT body FROM knocker_deliveries ORDER BY id").unwrap();
    let bodies: Vec<Sql> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let expected = [b"{\"a\":1}\r\n".to_vec(), b"\x00\xff\x00".to_vec(), Vec::new()].map(Sql::Blob);
    assert_eq!(bodies, expected);
    let jobs = "SELECT count(*) FROM knocker_jobs WHERE typeof(body) = 'blob'";
    assert_eq!(call!(database, "knocker_claim", "w1", 10, 60, T), Ok(Sql::Integer(3)));
    assert_eq!(database.number(jobs), 3);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_valid_one() {
    let database = at_work();
    let cases: [(&str, Result<Sql, Failure>, &str, &str); 8] = [
        ("config", call!(database, "knocker_endpoint", "shop", r#"{"max_atempts": 3}"#), "max_atempts", "max_attempts"),
        ("request", call!(database, "knocker_verify", "github", "{}", r#"{"header": {}}"#, "", "[]"), "header", "headers"),
        ("options", call!(database, "knocker_verify", "stripe", r#"{"tolerance": 3}"#, "{}", "", "[]"), "tolerance", "tolerance_s"),
        ("fields", call!(database, "knocker_ingest", "shop", r#"{"vaild": true}"#, ""), "vaild", "valid"),
        ("filter", call!(database, "knocker_claim", "w2", 1, 60, r#"{"endpoint": []}"#), "endpoint", "endpoints"),
        ("options", call!(database, "knocker_failed", 1, "w1", "x", 1, r#"{"retry_after": 1}"#), "retry_after", "retry_after_s"),
        ("filter", call!(database, "knocker_prune_events", r#"{"older_than": 1}"#), "older_than", "older_than_s"),
        ("policy", call!(database, "knocker_retention", r#"{"handled": 1}"#), "handled", "handled_s"),
    ];
    for (what, result, given, nearest) in cases {
        let failure = result.unwrap_err();
        assert_eq!(failure.code, "invalid_argument");
        for word in [what, &format!("{given:?}"), &format!("{nearest:?}")] {
            assert!(failure.text.contains(word), "{failure} does not say {word}");
        }
    }
}

#[test]
fn arguments_of_the_wrong_kind_are_refused_and_named() {
    let database = at_work();
    for (result, name) in [
        (call!(database, "knocker_endpoint", Sql::Null, "{}"), "name"),
        (call!(database, "knocker_endpoint", "shop", Sql::Null), "config"),
        (call!(database, "knocker_endpoint", "shop", "[]"), "config"),
        (call!(database, "knocker_endpoint", "shop", "{"), "config"),
        (call!(database, "knocker_receive", "shop", "{}", "", "not json"), "secrets"),
        (call!(database, "knocker_receive", "shop", "{}", "", r#"{"a": 1}"#), "secrets"),
        (call!(database, "knocker_receive", "shop", Sql::Null, "", "[]"), "request"),
        (call!(database, "knocker_claim", Sql::Null, 1, 60), "worker"),
        (call!(database, "knocker_claim", "w", Sql::Null, 60), "limit"),
        (call!(database, "knocker_claim", "w", 1, Sql::Null), "lease_s"),
        (call!(database, "knocker_handled", 1, "w1", -1), "duration_ms"),
        (call!(database, "knocker_failed", 1, "w1", Sql::Null, 1), "error"),
        (call!(database, "knocker_replay", "one"), "event_id"),
        (call!(database, "knocker_replay_delivery", Sql::Null), "delivery_id"),
        (call!(database, "knocker_endpoint", "shop", "{}", "yesterday"), "now"),
        (call!(database, "knocker_endpoint", "shop", b"{}".to_vec()), "config"),
    ] {
        let failure = result.unwrap_err();
        assert_eq!(failure.code, "invalid_argument", "{failure}");
        assert!(failure.text.contains(name), "{failure} does not name {name}");
    }
}

#[test]
fn a_secret_never_shows_in_an_error_or_a_row() {
    let database = Database::quick();
    let config = r#"{"provider": "token", "options": {"header": "x-shop-token"}}"#;
    call!(database, "knocker_endpoint", "shop", config, T).unwrap();
    let secret = "a-test-secret-that-must-not-show";
    for secrets in [format!("\"{secret}\""), format!("{{\"{secret}\": 1}}"), format!("[\"{secret}\", 5]"), format!("[\"{secret}\"")] {
        let failure = call!(database, "knocker_receive", "shop", "{}", "", secrets, T).unwrap_err();
        assert!(!failure.text.contains(secret), "{failure}");
    }
    let request = json!({"headers": {"X-Shop-Token": secret, "Authorization": secret, "Cookie": secret}}).to_string();
    for secrets in [json!([secret]).to_string(), json!(["other"]).to_string()] {
        call!(database, "knocker_receive", "shop", &request, "{}", secrets, T).unwrap();
    }
    let rows = database.rows("SELECT * FROM knocker_deliveries", &[]).unwrap();
    assert_eq!((rows.len(), rows[0]["outcome"].as_str(), rows[1]["outcome"].as_str()), (2, Some("accepted"), Some("invalid")));
    database.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let file = std::fs::read(database.path()).unwrap();
    assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "the secret is in the file");
}

#[test]
fn the_catalogues_are_complete() {
    let database = Database::empty();
    let providers = database.rows("SELECT * FROM knocker_providers", &[]).unwrap();
    for provider in &providers {
        let name = provider["name"].as_str().unwrap();
        for column in ["title", "scheme", "identity", "docs", "checked"] {
            assert!(provider[column].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {column}");
        }
        assert!(provider["aliases"].is_array() && provider["options"].is_object() && provider["headers"].is_array(), "{provider}");
    }
    let names: Vec<&str> = providers.iter().map(|provider| provider["name"].as_str().unwrap()).collect();
    for name in ["stripe", "github", "slack", "standard-webhooks", "svix", "hmac", "token", "basic", "bearer"] {
        assert!(names.contains(&name), "{name} is missing");
    }
    for error in database.rows("SELECT * FROM knocker_errors", &[]).unwrap() {
        assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
        assert!(matches!(error["retryable"].as_i64(), Some(0 | 1)), "{error}");
    }
}

#[test]
fn the_first_event_since_a_time_and_the_last_before_it_are_found_without_a_clock_and_without_writing() {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "shop", "{}", T).unwrap();
    for (key, at) in [("a", T), ("b", T + 10), ("c", T - 5), ("d", T + 10)] {
        call!(database, "knocker_ingest", "shop", json!({"valid": true, "key": key}).to_string(), "{}", at).unwrap();
    }
    call!(database, "knocker_strict", 1).unwrap();
    let before = database.number("SELECT total_changes()");
    for (time, first, last) in [
        (i64::MIN, Sql::Integer(1), Sql::Null),
        (T - 5, Sql::Integer(1), Sql::Null),
        (T - 4, Sql::Integer(1), Sql::Integer(3)),
        (T + 1, Sql::Integer(2), Sql::Integer(3)),
        (T + 11, Sql::Null, Sql::Integer(4)),
        (i64::MAX, Sql::Null, Sql::Integer(4)),
    ] {
        assert_eq!(call!(database, "knocker_first_event_since", time), Ok(first), "since {time}");
        assert_eq!(call!(database, "knocker_last_event_before", time), Ok(last), "before {time}");
    }
    assert_eq!(database.number("SELECT total_changes()"), before);
    for function in ["knocker_first_event_since", "knocker_last_event_before"] {
        assert_eq!(call!(database, function, (T + 1) as f64).map(|found| found != Sql::Null), Ok(true));
        assert_eq!(code(call!(database, function, 1.5)), "invalid_argument");
        assert_eq!(code(call!(database, function, Sql::Null)), "invalid_argument");
        assert_eq!(code(call!(Database::empty(), function, T)), "not_bootstrapped");
        call!(Database::open_read_only(database.path()), function, T).expect("it only reads");
    }
}
