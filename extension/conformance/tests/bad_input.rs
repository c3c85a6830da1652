//! Anything as an argument: no call panics or aborts, each gives a result of the contract or an error of the table, and no receipt is
//! stored by half. A panic would end this process or come back as an error without a code.

mod properties;

use std::collections::HashSet;
use std::sync::OnceLock;

use knocker_conformance::database::{Argument, Database, argument};
use knocker_conformance::invariants;
use knocker_conformance::sql_page;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

const OUTCOMES: [&str; 7] = ["accepted", "duplicate", "invalid", "handshake", "too_large", "disabled", "limited"];
const REASONS: [&str; 7] =
    ["missing_header", "malformed_header", "bad_signature", "timestamp_out_of_tolerance", "malformed_body", "no_secret", "not_allowed"];

fn codes() -> &'static HashSet<String> {
    static CODES: OnceLock<HashSet<String>> = OnceLock::new();
    CODES.get_or_init(|| {
        let rows = Database::empty().rows("SELECT code FROM knocker_errors", &[]).unwrap();
        rows.iter().map(|row| row["code"].as_str().unwrap().to_owned()).collect()
    })
}

/// The headers that each provider of the catalogue reads.
fn providers(database: &Database) -> Vec<(String, Vec<String>)> {
    let rows = database.rows("SELECT name, headers FROM knocker_providers", &[]).unwrap();
    let texts = |value: &Value| value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    rows.iter().map(|row| (row["name"].as_str().unwrap().to_owned(), texts(&row["headers"]))).collect()
}

/// A database with an endpoint for each provider that needs no option, one for each generic one, and one without.
fn inbox() -> (Database, Vec<(String, Vec<String>)>) {
    let database = Database::quick();
    let mut endpoints = Vec::new();
    for (name, headers) in providers(&database) {
        let options = match name.as_str() {
            "hmac" => {
                json!({"header": "X-Signature", "id_path": "id", "type_path": "a.b.c", "timestamp_header": "X-Time", "template": "{timestamp}.{body}"})
            }
            "token" => json!({"header": "X-Signature", "id_path": "id", "type_path": "a.b.c"}),
            _ => json!({}),
        };
        let config = json!({"provider": name, "options": options, "invalid_per_hour": 1_000_000}).to_string();
        if database.call("knocker_endpoint", &[argument(&name), argument(config)]).is_ok() {
            endpoints.push((name, [headers, vec!["X-Signature".into(), "X-Time".into()]].concat()));
        }
    }
    assert!(endpoints.len() >= 8, "{endpoints:?}");
    database.call("knocker_endpoint", &[argument("open"), argument("{}")]).unwrap();
    (database, endpoints)
}

/// Calls a receiving function and checks what it says against what it stored. Whether there is a receipt, and no error.
fn check_receipt(database: &Database, function: &str, arguments: &[Argument]) -> Result<bool, TestCaseError> {
    let stored = || database.number("SELECT (SELECT count(*) FROM knocker_deliveries) * 1000000 + (SELECT count(*) FROM knocker_events)");
    let before = stored();
    match database.call_json(function, arguments) {
        Err(failure) => {
            prop_assert!(codes().contains(&failure.code), "no code of the table: {}", failure);
            prop_assert_eq!(stored(), before, "a refused call stored something");
            Ok(false)
        }
        Ok(receipt) => {
            let outcome = receipt["outcome"].as_str().unwrap_or_default();
            prop_assert!(OUTCOMES.contains(&outcome), "{}", receipt);
            prop_assert!(receipt["reason"].is_null() || REASONS.contains(&receipt["reason"].as_str().unwrap()), "{}", receipt);
            // A method that the provider never sends with is answered, and nothing is stored.
            let unstored = outcome == "limited" || receipt["response"]["status"] == json!(405);
            prop_assert_eq!(unstored, receipt["delivery_id"].is_null(), "{}", receipt);
            let events = receipt["events"].as_array().unwrap();
            let new_events = events.iter().filter(|event| event["duplicate"] == json!(false)).count() as i64;
            let new_deliveries = i64::from(!receipt["delivery_id"].is_null());
            prop_assert_eq!(stored(), before + new_deliveries * 1_000_000 + new_events, "{}", receipt);
            Ok(true)
        }
    }
}

/// Any call at all: a value, or an error with a code.
fn check_call(database: &Database, function: &str, arguments: &[Argument]) -> Result<(), TestCaseError> {
    if let Err(failure) = database.call(function, arguments) {
        prop_assert!(codes().contains(&failure.code), "{}({:?}) gave no code of the table: {}", function, arguments, failure);
    }
    prop_assert!(database.conn.is_autocommit(), "{} left a transaction open", function);
    Ok(())
}

fn run<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    TestRunner::new(properties::config(cases)).run(&strategy, property).unwrap_or_else(|error| panic!("{error}"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(known_key(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Keys that the functions know, so that their values are reached, and some that they do not.
fn known_key() -> impl Strategy<Value = String> {
    let known = "method url headers truncated provider options enabled max_attempts backoff base_s factor cap_s max_body_bytes unhandled on_redelivery \
                 invalid_per_hour valid type key reason detail provider_event_id endpoint endpoints status since until limit dry_run older_than_s before audits \
                 outcome handled_s interval_s retry_after_s dead no_handler header prefix tolerance_s id_path template id event";
    prop_oneof![9 => prop::sample::select(known.split_whitespace().map(str::to_owned).collect::<Vec<_>>()), 1 => any::<String>()]
}

fn json_text() -> impl Strategy<Value = String> {
    prop_oneof![6 => any_json().prop_map(|json| json.to_string()), 1 => any::<String>()]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), any_json().prop_map(|json| json.to_string().into_bytes())]
}

/// Header lists with repeats, in the forms that signatures have and in none.
fn headers(names: Vec<String>) -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        any::<String>(),
        "[0-9a-f]{40}|[0-9a-f]{64}",
        "(sha256=|sha1=|v0=|v1,|v1a,|t=[0-9]{1,22},v1=|ts=[0-9]+;h1=)[0-9a-zA-Z+/=]{0,90}",
        "-?[0-9]{1,25}",
        "(Basic|bearer|BEARER) [A-Za-z0-9+/=]{0,40}",
        "[,;= ]{0,20}",
    ];
    let pair = (prop_oneof![8 => prop::sample::select(names), 1 => any::<String>()], value);
    prop::collection::vec(pair, 0..8).prop_map(|pairs| json!(pairs))
}

#[test]
fn any_request_gets_a_receipt_or_a_typed_error() {
    let (database, endpoints) = inbox();
    let strategy = (prop::sample::select(endpoints), json_text(), body(), json_text(), any::<i64>());
    run(1500, strategy, |((endpoint, _), request, body, secrets, now)| {
        check_receipt(
            &database,
            "knocker_receive",
            &[argument(endpoint), argument(request), argument(body), argument(secrets), argument(now)],
        )
        .map(drop)
    });
    invariants::check(&database).unwrap();
}

#[test]
fn any_headers_body_and_url_get_a_receipt_with_a_reason_of_the_list() {
    let (database, endpoints) = inbox();
    let strategy = prop::sample::select(endpoints).prop_flat_map(|(endpoint, names)| {
        (Just(endpoint), headers(names), body(), any::<String>(), "GET|POST|HEAD|PUT", prop::collection::vec(any::<String>(), 0..3))
    });
    run(3000, strategy, |(endpoint, headers, body, url, method, secrets)| {
        let request = json!({"method": method, "url": url, "headers": headers}).to_string();
        let secrets = json!(secrets).to_string();
        let arguments = [argument(&endpoint), argument(&request), argument(&body), argument(&secrets)];
        prop_assert!(check_receipt(&database, "knocker_receive", &arguments)?, "a well-formed request got no receipt");
        let verify = [argument(&endpoint), argument("{}"), argument(request), argument(body), argument(secrets)];
        check_call(&database, "knocker_verify", &verify)
    });
    invariants::check(&database).unwrap();
}

#[test]
fn any_fields_of_trusted_ingress_get_a_receipt_or_a_typed_error() {
    let (database, _) = inbox();
    run(1500, (json_text(), body()), |(fields, body)| {
        check_receipt(&database, "knocker_ingest", &[argument("open"), argument(fields), argument(body)]).map(drop)
    });
    invariants::check(&database).unwrap();
}

#[test]
fn any_arguments_of_any_function_give_a_value_or_a_typed_error() {
    let (database, _) = inbox();
    let functions: Vec<(String, (usize, usize))> = sql_page::functions(&sql_page::page()).into_iter().collect();
    let any_argument = prop_oneof![
        1 => Just(Sql::Null),
        3 => prop_oneof![any::<i64>(), -3..20i64, Just(i64::MIN), Just(i64::MAX)].prop_map(Sql::Integer),
        1 => any::<f64>().prop_map(Sql::Real),
        4 => json_text().prop_map(Sql::Text),
        2 => prop::sample::select(vec!["open", "github", "w1", "token", "{}", "[]", ""]).prop_map(|text| Sql::Text(text.into())),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Sql::Blob),
    ];
    let strategy = (prop::sample::select(functions), prop::collection::vec(any_argument, 6));
    run(4000, strategy, |((function, (fewest, most)), arguments)| {
        for count in fewest..=most {
            check_call(&database, &function, &arguments[..count])?;
        }
        Ok(())
    });
    // Some of them has made the connection strict, on which the calls of the check would need the time.
    check_call(&database, "knocker_strict", &[Sql::Integer(0)]).unwrap();
    invariants::check(&database).unwrap();
}

#[test]
fn any_numbers_where_a_worker_gives_them_are_taken_or_refused() {
    let (database, _) = inbox();
    let number = prop_oneof![any::<i64>(), -2..30i64, Just(i64::MIN), Just(i64::MAX), (1u32..62).prop_map(|bits| 1i64 << bits)];
    let strategy = prop::collection::vec(number, 6);
    let fields = argument(r#"{"valid": true, "type": "order.paid"}"#);
    run(1500, strategy, |numbers| {
        let n = |index: usize| argument(numbers[index]);
        let worker = || argument("w1");
        let mut calls = vec![
            ("knocker_ingest", vec![argument("open"), fields.clone(), argument(""), n(5)]),
            ("knocker_claim", vec![worker(), n(0), n(1), n(5)]),
            ("knocker_next_due", vec![n(5)]),
            ("knocker_extend", vec![n(2), worker(), n(1), n(5)]),
            (
                "knocker_failed",
                vec![n(2), worker(), argument("refused"), n(3), argument(json!({"retry_after_s": numbers[4]}).to_string()), n(5)],
            ),
            ("knocker_failed", vec![n(2), worker(), argument("refused"), n(3), n(5)]),
            ("knocker_handled", vec![n(0), worker(), n(3), n(5)]),
            ("knocker_release", vec![worker(), n(5)]),
            ("knocker_replay", vec![n(2), n(5)]),
            ("knocker_ignore", vec![n(0), n(5)]),
            ("knocker_stats", vec![n(5)]),
            ("knocker_metrics", vec![argument("prometheus"), n(5)]),
            ("knocker_retain", vec![n(5)]),
        ];
        for (function, filter) in [
            ("knocker_prune_deliveries", json!({"older_than_s": numbers[4], "dry_run": true})),
            ("knocker_prune_events", json!({"before": numbers[4], "limit": numbers[0]})),
            ("knocker_requeue_where", json!({"since": numbers[4], "until": numbers[3], "limit": numbers[0]})),
            ("knocker_retention", json!({"handled_s": numbers[4], "interval_s": numbers[1], "limit": numbers[0]})),
        ] {
            calls.push((function, vec![argument(filter.to_string()), n(5)]));
        }
        for (function, arguments) in calls {
            check_call(&database, function, &arguments)?;
        }
        Ok(())
    });
    invariants::check(&database).unwrap();
}
