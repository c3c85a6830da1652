//! An endpoint: a name in the URL, the provider that verifies it, and its settings. `endpoints.rs` stores and finds them.

use crate::error::{Code, Error, Result};
use crate::providers::engine::digest::sha256_hex;
use crate::providers::{self, Redacted};
use crate::request::Request;
use crate::settings::EndpointSettings;
use crate::verifier::Verifier;

/// A stored endpoint, ready for use.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id in the views.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its settings.
    pub config: EndpointSettings,
    /// What verifies its requests.
    pub(crate) verifier: Option<Verifier>,
    /// The stored text of `config`, to notice a change.
    pub(crate) text: String,
    /// Stands for name and settings in a judgement.
    pub(crate) fingerprint: String,
}

impl Endpoint {
    /// The endpoint that a row is.
    ///
    /// # Errors
    /// [`Code::Corrupt`] for settings that cannot be used.
    pub(crate) fn from_row(id: i64, name: &str, text: String) -> Result<Self> {
        let config = parse_settings(name, &text)?;
        let verifier = config.provider.as_deref().map(|provider| Verifier::new(provider, &config.options)).transpose();
        let verifier = verifier.map_err(|error| damaged(name, error.message()))?;
        let mut fingerprint = sha256_hex(&[name.as_bytes(), b"\n", text.as_bytes()]);
        fingerprint.truncate(32);
        Ok(Self { id, name: name.to_owned(), config, verifier, text, fingerprint })
    }

    /// The queue of its jobs.
    pub(crate) fn queue(&self) -> String {
        queue_name(&self.name)
    }

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

/// The Honker queue of an endpoint.
pub(crate) fn queue_name(endpoint: &str) -> String {
    format!("knocker:{endpoint}")
}

/// The settings as they are stored.
///
/// # Errors
/// [`Code::Corrupt`].
pub(crate) fn parse_settings(name: &str, text: &str) -> Result<EndpointSettings> {
    serde_json::from_str(text).map_err(|error| damaged(name, &error.to_string()))
}

/// A row that was edited by hand, or written by a newer version.
pub(crate) fn damaged(name: &str, why: &str) -> Error {
    Error::new(Code::Corrupt, format!("the stored settings of endpoint {name:?} cannot be used: {why}"))
}
