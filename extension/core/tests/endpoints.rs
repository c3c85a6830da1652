//! Endpoints as several connections on one file see them.

use knocker_core::Store;
use knocker_core::ingest::IngestFields;
use knocker_core::providers::Secrets;
use knocker_core::request::Request;
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: i64 = 1_767_225_600_000;

#[test]
fn a_provider_that_another_connection_gave_an_endpoint_counts_at_once() {
    let folder = TempDir::new().unwrap();
    let [one, other] = [0; 2].map(|_| Store::new(Connection::open(folder.path().join("inbox.db")).unwrap()));
    one.bootstrap(NOW).unwrap();
    one.endpoint("hook", "{}", NOW).unwrap();
    one.ingest("hook", &IngestFields::parse(r#"{"valid": true}"#).unwrap(), b"", NOW).unwrap();

    other.endpoint("hook", r#"{"provider": "token"}"#, NOW).unwrap();

    let request = Request::parse(r#"{"headers": {"X-Webhook-Token": "test-secret"}}"#, b"{}").unwrap();
    let receipt = one.receive("hook", &request, &Secrets::from_strings(["test-secret"]), NOW).unwrap();
    assert_eq!(receipt.outcome.name(), "accepted");
}
