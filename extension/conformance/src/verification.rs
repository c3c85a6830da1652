//! Verification cases: a request, and the verdict that it must get.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call;
use crate::cases;
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
    /// The clock, in Unix milliseconds.
    pub now: i64,
    request: Value,
    body: Option<String>,
    body_base64: Option<String>,
    expect: Expectation,
    then: Option<Second>,
}

/// A further request to the same endpoint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Second {
    now: i64,
    request: Value,
    body: Option<String>,
    body_base64: Option<String>,
    expect: Expectation,
    events: i64,
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

/// The cases of every provider.
pub fn by_provider() -> impl Iterator<Item = (String, Vec<Case>)> {
    cases::read("verification").into_iter().map(|file| {
        let file: VerificationFile = serde_json::from_value(file.content).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        (file.provider, file.cases)
    })
}

impl Case {
    /// The settings of an endpoint of this provider.
    pub fn config(&self, provider: &str) -> String {
        json!({ "provider": provider, "options": self.options }).to_string()
    }

    /// The request argument.
    pub fn request(&self) -> String {
        self.request.to_string()
    }

    /// The secrets argument.
    pub fn secrets(&self) -> String {
        json!(self.secrets).to_string()
    }

    /// The secrets that are long enough to be told from other text.
    pub fn long_secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str).filter(|secret| secret.len() >= 8)
    }

    /// The raw bytes.
    pub fn body(&self) -> Vec<u8> {
        bytes(self.body.as_deref(), self.body_base64.as_deref())
    }

    /// Whether a further request shows what is a retry and what is another occurrence.
    pub fn has_further_request(&self) -> bool {
        self.then.is_some()
    }

    /// Asks `knocker_verify` for the verdict, then sends the request through an endpoint of that provider, which must be a new one; and the
    /// same with the further request, where there is one.
    ///
    /// # Errors
    /// One sentence that says what is not as expected.
    pub fn run(&self, database: &Database, provider: &str, endpoint: &str) -> Result<(), String> {
        call!(database, "knocker_endpoint", endpoint, self.config(provider), self.now).map_err(|failure| failure.text)?;
        let first = Sent { request: &self.request, body: self.body(), now: self.now, expect: &self.expect, is_new: true };
        self.send(database, provider, endpoint, &first)?;
        let Some(then) = &self.then else { return Ok(()) };
        let before = events(database, endpoint);
        let body = bytes(then.body.as_deref(), then.body_base64.as_deref());
        let second = Sent { request: &then.request, body, now: then.now, expect: &then.expect, is_new: then.events > before };
        self.send(database, provider, endpoint, &second).map_err(|difference| format!("then: {difference}"))?;
        match events(database, endpoint) {
            count if count == then.events => Ok(()),
            count => Err(format!("then: there are {count} events, expected {}", then.events)),
        }
    }

    fn send(&self, database: &Database, provider: &str, endpoint: &str, sent: &Sent) -> Result<(), String> {
        let options = Value::Object(self.options.clone()).to_string();
        let (request, secrets) = (sent.request.to_string(), self.secrets());
        let verdict = call!(database, "knocker_verify", provider, &options, &request, sent.body.clone(), &secrets, sent.now);
        matches(&sent.expect.verdict(), &parsed(verdict)?).map_err(|difference| format!("verify: {difference}"))?;
        let receipt = call!(database, "knocker_receive", endpoint, &request, sent.body.clone(), &secrets, sent.now);
        matches(&sent.expect.receipt(sent.is_new), &parsed(receipt)?).map_err(|difference| format!("receive: {difference}"))
    }
}

/// One of the requests of a case.
struct Sent<'c> {
    request: &'c Value,
    body: Vec<u8>,
    now: i64,
    expect: &'c Expectation,
    /// Whether it makes an event that was not there before.
    is_new: bool,
}

fn bytes(text: Option<&str>, encoded: Option<&str>) -> Vec<u8> {
    match (text, encoded) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => BASE64_STANDARD.decode(encoded).expect("body_base64 is base64"),
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => panic!("body and body_base64 exclude each other"),
    }
}

fn events(database: &Database, endpoint: &str) -> i64 {
    let rows = database.rows("SELECT count(*) AS events FROM knocker_events WHERE endpoint = ?", &[endpoint.to_owned().into()]);
    rows.expect("events are counted")[0]["events"].as_i64().expect("a count is a number")
}

impl Expectation {
    fn verdict(&self) -> Value {
        json!({
            "valid": self.valid, "kind": self.kind, "reason": self.reason, "items": self.items, "response": self.expected_response()
        })
    }

    fn receipt(&self, is_new: bool) -> Value {
        let outcome = match self.kind.as_deref() {
            Some("delivery") if is_new => "accepted",
            Some("delivery") => "duplicate",
            Some("handshake") => "handshake",
            _ => "invalid",
        };
        json!({ "outcome": outcome, "reason": self.reason, "response": self.expected_response() })
    }

    fn expected_response(&self) -> Value {
        let mut response = Map::new();
        response.insert("status".into(), self.status.into());
        response.insert("headers".into(), Value::Object(self.response_headers.clone()));
        if let Some(body) = &self.response_body {
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
