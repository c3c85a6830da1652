//! A request and what becomes of it, for the unit tests of the providers.

use super::{Item, Options, Outcome, Provider, Reason, Secrets, Verdict, find};
use crate::request::{Headers, Request, WebhookResponse};

/// 2026-01-01T00:00:00Z.
pub const NOW_MS: i64 = 1_767_225_600_000;

/// One request, built step by step.
#[derive(Clone)]
pub struct Case {
    provider: &'static Provider,
    options: Options,
    secrets: Vec<String>,
    method: String,
    url: String,
    headers: Headers,
    body: Vec<u8>,
    now_ms: i64,
}

impl Case {
    pub fn new(provider: &str) -> Self {
        let provider = find(provider).unwrap();
        Self {
            provider,
            options: provider.options("").unwrap(),
            secrets: Vec::new(),
            method: "POST".into(),
            url: "https://example.com/hook".into(),
            headers: Headers::new(),
            body: Vec::new(),
            now_ms: NOW_MS,
        }
    }

    pub fn options(mut self, json: &str) -> Self {
        self.options = self.provider.options(json).unwrap();
        self
    }

    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.into());
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    pub fn url(mut self, url: &str) -> Self {
        self.url = url.into();
        self
    }

    /// Sets the header in place of one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let others = self.headers.iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers = others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.headers.push(name, value);
        self
    }

    /// Adds a header beside one of the same name.
    pub fn repeated(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub fn at(mut self, now_ms: i64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// Signed with the last secret, at the present time.
    pub fn signed(self) -> Self {
        let secret = self.secrets.last().unwrap().clone();
        self.signed_with(&secret)
    }

    pub fn signed_with(mut self, secret: &str) -> Self {
        let signed = self.provider.sign(&self.options, &self.request(), secret, self.now_ms).unwrap();
        self.url = signed.url.unwrap_or(self.url);
        self.body = signed.body.map_or(self.body, String::into_bytes);
        for (name, value) in signed.headers {
            self = self.header(&name, &value);
        }
        self
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).unwrap().1
    }

    pub fn request(&self) -> Request<'_> {
        Request { method: self.method.clone(), url: self.url.clone(), headers: self.headers.clone(), body: &self.body, truncated: false }
    }

    pub fn verdict(&self) -> Verdict {
        let secrets = Secrets::from_strings(self.secrets.clone());
        self.provider.verify(&self.options, &self.request(), &secrets, self.now_ms)
    }

    #[track_caller]
    pub fn items(&self) -> Vec<Item> {
        match self.verdict().outcome {
            Outcome::Delivery(items) => items,
            other => panic!("expected a delivery, got {other:?}"),
        }
    }

    /// Type and key of the only item.
    #[track_caller]
    pub fn event(&self) -> (Option<String>, String) {
        let mut items = self.items();
        assert_eq!(items.len(), 1);
        let item = items.remove(0);
        (item.event_type, item.key.unwrap())
    }

    #[track_caller]
    pub fn refusal(&self) -> Reason {
        match self.verdict().outcome {
            Outcome::Refused { reason, .. } => reason,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[track_caller]
    pub fn handshake(&self) -> WebhookResponse {
        let verdict = self.verdict();
        assert_eq!(verdict.outcome, Outcome::Handshake);
        verdict.response
    }
}
