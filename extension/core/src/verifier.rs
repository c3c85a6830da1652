//! The provider of an endpoint with the options of that endpoint.

use serde_json::{Map, Value};

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
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

    pub fn verify(&self, request: &Request, secrets: &Secrets, now: i64) -> Verdict {
        self.provider.verify(&self.options, request, secrets, now)
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

impl Endpoint {
    /// What may be stored of a request, by the provider's rules or by the general ones.
    pub(crate) fn redact<'r>(&self, request: &'r Request) -> Redacted<'r> {
        self.verifier.as_ref().map_or_else(|| providers::redact(request), |verifier| verifier.redact(request))
    }

    /// The provider with its options.
    ///
    /// # Errors
    /// `invalid_argument` for an endpoint without one.
    pub(crate) fn require_provider(&self) -> Result<&Verifier> {
        self.verifier
            .as_ref()
            .ok_or_else(|| Error::invalid(format!("endpoint {:?} has no provider: use knocker_ingest, or give it one", self.name)))
    }
}
