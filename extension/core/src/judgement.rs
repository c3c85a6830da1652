//! What is known of a request before anything is stored, and before the write lock is taken.

use serde_json::{Map, Value};

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::providers::{self, Options, Provider, Redacted, Secrets, Verdict};
use crate::request::{Request, Response};

/// What a receive will store.
pub(crate) enum Judgement<'r> {
    /// The endpoint takes nothing now.
    Disabled,
    /// The body is larger than the endpoint allows.
    TooLarge,
    /// What the provider's rules say, and what may be kept of the request.
    Verdict(Verdict, Redacted<'r>),
}

impl<'r> Judgement<'r> {
    /// Judges by the endpoint's settings and its own provider: a call cannot talk it into another.
    pub fn of(endpoint: &Endpoint, request: &'r Request, secrets: &Secrets, now: i64) -> Result<Self> {
        let verifier = endpoint.require_provider()?;
        if !endpoint.config.enabled {
            return Ok(Judgement::Disabled);
        }
        if request.truncated || request.body.len() as i64 > endpoint.config.max_body_bytes {
            return Ok(Judgement::TooLarge);
        }
        Ok(Judgement::Verdict(verifier.verify(request, secrets, now), verifier.redact(request)))
    }
}

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

    pub fn redact<'r>(&self, request: &'r Request) -> Redacted<'r> {
        self.provider.redact(&self.options, request)
    }

    pub fn handshake_brings_secret(&self) -> bool {
        self.provider.handshake_brings_secret()
    }

    pub fn success_response(&self) -> Response {
        self.provider.success_response(&self.options)
    }
}

impl Endpoint {
    /// What may be stored of a request, by the provider's rules or by the general ones.
    pub(crate) fn redact<'r>(&self, request: &'r Request) -> Redacted<'r> {
        self.verifier.as_ref().map_or_else(|| providers::redact(request), |verifier| verifier.redact(request))
    }

    /// Whether a handshake with this endpoint's provider carries the secret of what follows.
    pub(crate) fn handshake_brings_secret(&self) -> bool {
        self.verifier.as_ref().is_some_and(Verifier::handshake_brings_secret)
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
