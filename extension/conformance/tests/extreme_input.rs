//! Chosen extremes: very large, very deep, very many, and bytes that are no text.

use knocker_conformance::call;
use knocker_conformance::database::{Database, Failure, argument};
use knocker_conformance::invariants;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

const T: i64 = 1_767_225_600_000;
const TEN_MIB: usize = 10 << 20;

fn inbox(config: &Value) -> Database {
    let database = Database::quick();
    call!(database, "knocker_endpoint", "inbox", config.to_string(), T).unwrap();
    database
}

fn token() -> Value {
    json!({"provider": "token", "options": {"header": "x-token", "id_path": "id", "type_path": "a.b.c"}})
}

fn receive(database: &Database, request: &Value, body: impl rusqlite::ToSql) -> Result<Value, Failure> {
    let arguments = [argument("inbox"), argument(request.to_string()), argument(body), argument(r#"["test-secret"]"#), argument(T)];
    database.call_json("knocker_receive", &arguments)
}

fn authorised() -> Value {
    json!({"headers": {"X-Token": "test-secret"}})
}

#[test]
fn ten_mebibytes_are_refused_by_default_and_kept_as_size_and_digest() {
    let database = inbox(&token());
    let receipt = receive(&database, &authorised(), vec![0u8; TEN_MIB]).unwrap();
    assert_eq!((receipt["outcome"].as_str(), receipt["response"]["status"].as_i64()), (Some("too_large"), Some(413)));
    let row = &database.rows("SELECT body, body_size, body_sha256 FROM knocker_deliveries", &[]).unwrap()[0];
    assert_eq!((&row["body"], row["body_size"].as_i64()), (&Value::Null, Some(TEN_MIB as i64)));
    // The SHA-256 of ten mebibytes of zeros.
    assert_eq!(row["body_sha256"], "e5b844cc57f57094ea4585e235f36c78c1cd222262bb89d53c94dcb4d6b3e55d");
}

#[test]
fn ten_mebibytes_are_kept_byte_for_byte_where_the_endpoint_allows_them() {
    let mut config = token();
    config["max_body_bytes"] = json!(TEN_MIB);
    let database = inbox(&config);
    let body: Vec<u8> = (0..TEN_MIB).map(|index| (index * 31 % 251) as u8).collect();
    let receipt = receive(&database, &authorised(), body.clone()).unwrap();
    assert_eq!(receipt["outcome"], "accepted");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, T), Ok(Sql::Integer(1)));
    let kept: Vec<u8> = database.conn.query_row("SELECT body FROM knocker_jobs WHERE worker = 'w1'", [], |row| row.get(0)).unwrap();
    assert!(kept == body, "the body was altered");
}

#[test]
fn deep_nesting_ends_no_process() {
    let database = inbox(&token());
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    for body in [deep(100), deep(200_000), "[".repeat(200_000), format!(r#"{{"id":{}}}"#, deep(100_000)), deep_object] {
        let receipt = receive(&database, &authorised(), body).unwrap();
        let outcome = receipt["outcome"].as_str().unwrap();
        assert!(["accepted", "invalid", "duplicate"].contains(&outcome), "{receipt}");
    }
    for result in [
        call!(database, "knocker_endpoint", "inbox", format!(r#"{{"options":{}}}"#, deep(100_000)), T),
        call!(database, "knocker_receive", "inbox", format!(r#"{{"headers":{}}}"#, deep(100_000)), "", "[]", T),
        call!(database, "knocker_receive", "inbox", "{}", "", deep(100_000), T),
        call!(database, "knocker_ingest", "inbox", deep(100_000), "", T),
        call!(database, "knocker_requeue_where", deep(100_000), T),
    ] {
        assert_eq!(result.unwrap_err().code, "invalid_argument");
    }
    invariants::check(&database).unwrap();
}

#[test]
fn a_hundred_thousand_headers_and_a_header_of_a_mebibyte_are_refused_with_a_reason() {
    let database = inbox(&token());
    let mut many: Vec<(String, String)> = (0..100_000).map(|index| (format!("x-{index}"), "1".into())).collect();
    many.push(("X-Token".into(), "test-secret".into()));
    assert_eq!(receive(&database, &json!({ "headers": many }), "{}").unwrap()["reason"], "malformed_header");
    let repeated: Vec<(&str, &str)> = std::iter::repeat_n(("x-same", "1"), 100_000).chain([("x-token", "test-secret")]).collect();
    assert_eq!(receive(&database, &json!({ "headers": repeated }), r#"{"id":"2"}"#).unwrap()["reason"], "malformed_header");
    let long = json!({"headers": {"x-token": "test-secret", "x-long": "x".repeat(1 << 20)}});
    assert_eq!(receive(&database, &long, r#"{"id":"3"}"#).unwrap()["reason"], "malformed_header");
    let near = json!({"headers": {"x-token": "test-secret", "x-long": "x".repeat(65_000)}});
    assert_eq!(receive(&database, &near, r#"{"id":"4"}"#).unwrap()["outcome"], "accepted");
    let forged: Vec<(&str, String)> = (0..100_000).map(|index| ("x-token", index.to_string())).collect();
    assert_eq!(receive(&database, &json!({ "headers": forged }), "{}").unwrap()["reason"], "malformed_header");
}

#[test]
fn no_request_writes_a_long_detail() {
    let hubspot = json!({"provider": "hubspot", "options": {"version": "v1"}});
    let signature = "0".repeat(64);
    for (config, headers) in [
        (&hubspot, json!({"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "x".repeat(60_000)})),
        (&hubspot, json!({"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "é\u{0}".repeat(130_000)})),
        (&json!({"provider": "coinbase"}), json!({"X-Hook0-Signature": format!("t=1,h={},v1=00", "x".repeat(60_000))})),
        (&json!({"provider": "svix"}), json!({"svix-id": "m", "svix-timestamp": "1", "svix-signature": "v1,AAAA ".repeat(7_000)})),
    ] {
        let database = inbox(config);
        let receipt = receive(&database, &json!({ "headers": headers }), "{}").unwrap();
        assert_eq!(receipt["outcome"], "invalid");
        let bytes = database.number("SELECT length(CAST(detail AS BLOB)) FROM knocker_deliveries");
        assert!((10..=200).contains(&bytes), "{bytes} bytes");
    }
}

#[test]
fn secrets_have_an_end() {
    let database = inbox(&token());
    let secrets = |count: usize| serde_json::to_string(&vec!["test-secret"; count]).unwrap();
    let receive = |count: usize| {
        let request = authorised().to_string();
        let arguments = [argument("inbox"), argument(request), argument("{}"), argument(secrets(count)), argument(T)];
        database.call_json("knocker_receive", &arguments)
    };
    assert_eq!(receive(128).unwrap()["outcome"], "accepted");
    assert_eq!(receive(129).unwrap_err().code, "invalid_argument");
}

#[test]
fn a_security_header_with_two_values_is_refused() {
    let database = inbox(&token());
    let request = json!({"headers": [["X-Token", "test-secret"], ["x-token", "other"]]});
    assert_eq!(receive(&database, &request, "{}").unwrap()["reason"], "malformed_header");
    let request = json!({"headers": [["X-Token", "test-secret"], ["x-token", "test-secret"]]});
    assert_eq!(receive(&database, &request, "{}").unwrap()["outcome"], "accepted");
}

#[test]
fn text_that_is_no_unicode_is_refused_and_a_body_of_it_is_kept() {
    let database = inbox(&token());
    for sql in [
        "SELECT knocker_endpoint(CAST(x'ff' AS TEXT), '{}')",
        "SELECT knocker_endpoint('a', CAST(x'7bff7d' AS TEXT))",
        "SELECT knocker_receive('inbox', CAST(x'ff' AS TEXT), '', '[]')",
        "SELECT knocker_receive('inbox', '{}', '', CAST(x'5b22ff225d' AS TEXT))",
        "SELECT knocker_claim(CAST(x'ff' AS TEXT), 1, 60)",
    ] {
        let failure = Failure::from(database.conn.query_row(sql, [], |_| Ok(())).unwrap_err());
        assert_eq!(failure.code, "invalid_argument", "{sql}: {failure}");
    }
    let sql = "SELECT knocker_ingest('inbox', '{\"valid\": true}', CAST(x'ff00fe' AS TEXT), 0)";
    database.conn.query_row(sql, [], |_| Ok(())).unwrap();
    assert_eq!(database.number("SELECT hex(body) = 'FF00FE' FROM knocker_deliveries"), 1);
}

#[test]
fn a_zero_byte_in_text_neither_ends_nor_hides_anything() {
    let database = inbox(&token());
    assert_eq!(call!(database, "knocker_endpoint", "in\0box", "{}", T).unwrap_err().code, "invalid_argument");
    let request = json!({"url": "/a\0b", "headers": {"X-Token": "test-secret\0"}});
    assert_eq!(receive(&database, &request, "{}").unwrap()["reason"], "bad_signature");
    let fields = json!({"valid": true, "type": "order\0paid", "key": "a\0b"}).to_string();
    call!(database, "knocker_ingest", "inbox", &fields, "", T).unwrap();
    let same = database.call_json("knocker_ingest", &[argument("inbox"), argument(&fields), argument(""), argument(T)]).unwrap();
    assert_eq!(same["outcome"], "duplicate");
    let other = json!({"valid": true, "key": "a\0c"}).to_string();
    let other = database.call_json("knocker_ingest", &[argument("inbox"), argument(other), argument(""), argument(T)]).unwrap();
    assert_eq!(other["outcome"], "accepted", "two keys that differ after the zero byte were taken for one");
}

#[test]
fn long_keys_dedupe_as_a_whole() {
    let database = inbox(&json!({}));
    let ingest = |key: String| {
        let fields = json!({"valid": true, "key": key}).to_string();
        database.call_json("knocker_ingest", &[argument("inbox"), argument(fields), argument(""), argument(T)]).unwrap()
    };
    let long = "k".repeat(1 << 20);
    assert_eq!(ingest(long.clone())["outcome"], "accepted");
    assert_eq!(ingest(long.clone())["outcome"], "duplicate");
    assert_eq!(ingest(format!("{long}x"))["outcome"], "accepted");
}

#[test]
fn a_long_error_and_a_long_worker_are_cut_or_refused() {
    let database = inbox(&json!({}));
    call!(database, "knocker_ingest", "inbox", r#"{"valid": true}"#, "", T).unwrap();
    assert_eq!(call!(database, "knocker_claim", "w".repeat(1 << 20), 1, 60, T).unwrap_err().code, "invalid_argument");
    assert_eq!(call!(database, "knocker_claim", "w1", 1, 60, T), Ok(Sql::Integer(1)));
    let error = "é".repeat(1 << 20);
    call!(database, "knocker_failed", 1, "w1", error, 5, T).unwrap();
    let kept = database.number("SELECT length(CAST(error AS BLOB)) FROM knocker_attempts");
    assert!((1..100_000).contains(&kept), "an error of two mebibytes is kept as {kept} bytes");
    invariants::check(&database).unwrap();
}
