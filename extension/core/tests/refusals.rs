//! What is kept of requests that did not prove themselves: enough to see what happened, not enough to fill a disk, and no credential.

use knocker_core::Store;
use knocker_core::ingest::IngestFields;
use knocker_core::providers::Secrets;
use knocker_core::receipt::Receipt;
use knocker_core::request::Request;
use rusqlite::Connection;
use serde_json::json;

const NOW: i64 = 1_767_225_600_000;

fn store(config: serde_json::Value) -> Store {
    let store = Store::new(Connection::open_in_memory().unwrap());
    store.bootstrap(NOW).unwrap();
    store.endpoint("hook", &config.to_string(), NOW).unwrap();
    store
}

fn receive(store: &Store, request: serde_json::Value, body: &[u8]) -> Receipt {
    let request = request.to_string();
    store.receive("hook", &Request::parse(&request, body).unwrap(), &Secrets::from_strings(["test-secret"]), NOW).unwrap()
}

fn column<T: rusqlite::types::FromSql>(store: &Store, column: &str) -> T {
    let sql = format!("SELECT {column} FROM knocker_deliveries ORDER BY id DESC LIMIT 1");
    store.conn().query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn of_a_large_refused_body_size_and_digest_are_kept() {
    let store = store(json!({"provider": "github"}));
    let small = vec![b'x'; 64 * 1024];
    assert_eq!(receive(&store, json!({}), &small).outcome.name(), "invalid");
    assert_eq!(column::<Vec<u8>>(&store, "body"), small);

    let large = vec![b'x'; 64 * 1024 + 1];
    assert_eq!(receive(&store, json!({}), &large).outcome.name(), "invalid");
    assert_eq!(column::<Option<Vec<u8>>>(&store, "body"), None);
    assert_eq!(column::<i64>(&store, "body_size"), 64 * 1024 + 1);
    assert_eq!(column::<String>(&store, "body_sha256").len(), 64);
}

#[test]
fn large_headers_and_urls_of_refused_requests_are_not_kept() {
    let store = store(json!({"provider": "github"}));
    let url = format!("/hook?{}", "é".repeat(10_000));
    receive(&store, json!({"url": url, "headers": {"x": "y".repeat(20_000)}}), b"");
    assert_eq!(column::<String>(&store, "headers"), "{}");
    assert!((8000..=8192).contains(&column::<String>(&store, "url").len()));
}

#[test]
fn a_valid_receipt_is_kept_whole() {
    let store = store(json!({"provider": "token"}));
    let body = vec![b'x'; 500_000];
    let headers = json!({"X-Webhook-Token": "test-secret", "x": "y".repeat(20_000)});
    assert_eq!(receive(&store, json!({"headers": headers}), &body).outcome.name(), "accepted");
    assert_eq!(column::<Vec<u8>>(&store, "body"), body);
    assert!(column::<String>(&store, "headers").len() > 20_000);
}

#[test]
fn no_credential_of_a_request_reaches_a_row() {
    let request = json!({
        "url": "https://user:test-secret@example.com/hook?token=test-secret&access_token=test-secret&a=1",
        "headers": {"Authorization": "test-secret", "X-Auth-Token": "test-secret", "X-Telegram-Bot-Api-Secret-Token": "test-secret", "b": "2"},
    });
    for config in [json!({"provider": "github"}), json!({"provider": "telegram"}), json!({"provider": "figma"})] {
        let store = store(config.clone());
        receive(&store, request.clone(), br#"{"a": 1}"#);
        let mut fields = request.clone();
        fields["valid"] = true.into();
        store.ingest("hook", &IngestFields::parse(&fields.to_string()).unwrap(), br#"{"a": 1}"#, NOW).unwrap();
        let rows: i64 = store.conn().query_row("SELECT count(*) FROM knocker_deliveries", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2);
        let sql = "SELECT group_concat(url || headers || cast(body AS TEXT)) FROM knocker_deliveries";
        let stored: String = store.conn().query_row(sql, [], |row| row.get(0)).unwrap();
        assert!(!stored.contains("test-secret"), "{config}: {stored}");
        assert!(stored.contains("a=1") && stored.contains(r#""b":"2""#));
    }
}

#[test]
fn ingest_redacts_the_body_as_its_provider_does() {
    let store = store(json!({"provider": "figma"}));
    let fields = IngestFields::parse(r#"{"valid": true}"#).unwrap();
    store.ingest("hook", &fields, br#"{"event_type": "PING", "passcode": "test-secret"}"#, NOW).unwrap();
    assert_eq!(column::<Vec<u8>>(&store, "body"), br#"{"event_type": "PING", "passcode": "[redacted]"}"#);
}

#[test]
fn beyond_the_limit_a_handshake_that_brings_the_secret_is_put_off_and_others_are_answered() {
    for (provider, request, status) in
        [("asana", json!({"headers": {"X-Hook-Secret": "told"}}), 503), ("intercom", json!({"method": "HEAD"}), 200)]
    {
        let store = store(json!({"provider": provider, "invalid_per_hour": 1}));
        assert_eq!(receive(&store, json!({}), b"forged").outcome.name(), "invalid");
        if status == 503 {
            // The room of these is their own.
            assert_eq!(receive(&store, request.clone(), b"").outcome.name(), "handshake");
        }
        let limited = receive(&store, request, b"");
        assert_eq!((limited.outcome.name(), limited.response.status), ("limited", status), "{provider}");
        assert_eq!(limited.delivery_id, None);
    }
}
