//! Verification cases: a request, and the verdict that it must get.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call;
use crate::database::Database;
use crate::matching::matches;

/// A file of `verification/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationFile {
    /// The provider of every case.
    pub provider: String,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One request and its verdict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows.
    pub name: String,
    #[serde(default)]
    options: Map<String, Value>,
    secrets: Vec<String>,
    now: i64,
    request: Value,
    body: Option<String>,
    body_base64: Option<String>,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    valid: bool,
    kind: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    items: Vec<Value>,
    status: u16,
    response_body: Option<String>,
    #[serde(default)]
    response_headers: Map<String, Value>,
}

impl Case {
    /// The raw bytes.
    pub fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(encoded)) => BASE64_STANDARD.decode(encoded).expect("body_base64 is base64"),
            (None, None) => Vec::new(),
            (Some(_), Some(_)) => panic!("{}: body and body_base64 exclude each other", self.name),
        }
    }

    /// Asks `knocker_verify` for the verdict, then sends the request through an endpoint of that provider, which must be a new one.
    ///
    /// # Errors
    /// One sentence that says what is not as expected.
    pub fn run(&self, database: &Database, provider: &str, endpoint: &str) -> Result<(), String> {
        let options = Value::Object(self.options.clone()).to_string();
        let request = self.request.to_string();
        let secrets = json!(self.secrets).to_string();
        let verdict = call!(database, "knocker_verify", provider, &options, &request, self.body(), &secrets, self.now);
        matches(&self.expected_verdict(), &parsed(verdict)?).map_err(|difference| format!("verify: {difference}"))?;

        let config = json!({ "provider": provider, "options": self.options }).to_string();
        call!(database, "knocker_endpoint", endpoint, config, self.now).map_err(|failure| failure.text)?;
        let receipt = call!(database, "knocker_receive", endpoint, &request, self.body(), &secrets, self.now);
        matches(&self.expected_receipt(), &parsed(receipt)?).map_err(|difference| format!("receive: {difference}"))
    }

    fn expected_verdict(&self) -> Value {
        let expect = &self.expect;
        json!({
            "valid": expect.valid, "kind": expect.kind, "reason": expect.reason, "items": expect.items, "response": self.expected_response()
        })
    }

    fn expected_receipt(&self) -> Value {
        let outcome = match self.expect.kind.as_deref() {
            Some("delivery") => "accepted",
            Some("handshake") => "handshake",
            _ => "invalid",
        };
        json!({ "outcome": outcome, "reason": self.expect.reason, "response": self.expected_response() })
    }

    fn expected_response(&self) -> Value {
        let mut response = Map::new();
        response.insert("status".into(), self.expect.status.into());
        response.insert("headers".into(), Value::Object(self.expect.response_headers.clone()));
        if let Some(body) = &self.expect.response_body {
            response.insert("body".into(), body.as_str().into());
        }
        Value::Object(response)
    }
}

fn parsed(result: Result<rusqlite::types::Value, crate::database::Failure>) -> Result<Value, String> {
    match result.map_err(|failure| failure.text)? {
        rusqlite::types::Value::Text(text) => serde_json::from_str(&text).map_err(|error| format!("not JSON ({error}): {text}")),
        other => Err(format!("not text: {other:?}")),
    }
}
