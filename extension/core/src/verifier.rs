//! The provider of an endpoint with the options of that endpoint.

use serde_json::{Map, Value};

use crate::error::Result;
use crate::providers::{self, Options, Provider, Redacted, Secrets, Verdict};
use crate::request::{Request, WebhookResponse};

/// A provider with the options of one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    provider: &'static Provider,
    options: Options,
}

impl Verifier {
    pub fn new(provider: &str, options: &Map<String, Value>) -> Result<Self> {
        let provider = providers::find(provider)?;
        let options = provider.options(&Value::Object(options.clone()).to_string())?;
        Ok(Self { provider, options })
    }

    /// The verdict on a request whose body is as it was sent.
    pub fn verify(&self, request: &Request, secrets: &Secrets, now: i64) -> Verdict {
        self.provider.verify_plain(&self.options, request, secrets, now)
    }

    /// The verdict on one whose body was packed: as if it had not been, and as it was sent.
    pub fn verify_packed(&self, plain: &Request, sent: &Request, secrets: &Secrets, now: i64) -> Verdict {
        self.provider.verify_packed(&self.options, plain, sent, secrets, now)
    }

    /// The refusal of a method that the provider never sends with.
    pub fn refuse_method(&self, method: &str) -> Option<Verdict> {
        self.provider.refuse_method(method)
    }

    pub fn redact<'r>(&self, request: &'r Request) -> Redacted<'r> {
        self.provider.redact(&self.options, request)
    }

    pub fn success_response(&self) -> WebhookResponse {
        self.provider.success_response(&self.options)
    }
}
