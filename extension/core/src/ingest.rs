//! Trusted ingress: the caller has verified the request and states the verdict and the ids.

use sha2::{Digest, Sha256};

use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::providers::engine::event::bounded_key;
use crate::providers::{Item, Reason};
use crate::receive::{Incoming, Receipt};
use crate::request::{Headers, Request, Response};
use crate::store::Store;

const KEYS: &[&str] =
    &["valid", "type", "key", "reason", "detail", "provider_event_id", "provider_delivery_id", "method", "url", "headers"];

/// What the caller of trusted ingress states about a request.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// Only true creates an event.
    pub valid: bool,
    /// The event's type.
    pub event_type: Option<String>,
    /// The dedupe identity; it wins over the provider's ids.
    pub key: Option<String>,
    /// Why it is not valid: one of the reasons of `knocker_receive`.
    pub reason: Option<String>,
    /// The same in one sentence.
    pub detail: Option<String>,
    /// The provider's id of the occurrence.
    pub provider_event_id: Option<String>,
    /// The provider's id of the delivery.
    pub provider_delivery_id: Option<String>,
    /// The method, `POST` by default.
    pub method: String,
    /// The URL, `/` by default.
    pub url: String,
    /// The headers.
    pub headers: Headers,
}

impl Fields {
    /// Reads the JSON argument of `knocker_ingest`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("fields", json, KEYS)?;
        let headers = match given.get("headers") {
            Some(value) => Headers::from_json("fields: headers", value)?,
            None => Headers::new(),
        };
        Ok(Self {
            valid: given.boolean("valid")?.unwrap_or(false),
            event_type: given.text("type")?,
            key: given.text("key")?,
            reason: given.choice("reason", &Reason::ALL.map(Reason::name))?,
            detail: given.text("detail")?,
            provider_event_id: given.text("provider_event_id")?,
            provider_delivery_id: given.text("provider_delivery_id")?,
            method: given.text("method")?.unwrap_or_else(|| "POST".into()),
            url: given.text("url")?.unwrap_or_else(|| "/".into()),
            headers,
        })
    }

    /// The first id that is not empty.
    fn identity(&self) -> Option<String> {
        let ids = [&self.key, &self.provider_event_id, &self.provider_delivery_id];
        ids.into_iter().flatten().find(|id| !id.is_empty()).map(|id| bounded_key(id.clone()))
    }
}

impl Store {
    /// Stores a request that the caller has verified; otherwise as [`Store::receive`].
    ///
    /// # Errors
    /// `unknown_endpoint`, `invalid_argument`, and the errors of a failing database.
    pub fn ingest(&self, endpoint: &str, fields: &Fields, body: &[u8], now: i64) -> Result<Receipt> {
        if fields.valid && (fields.reason.is_some() || fields.detail.is_some()) {
            return Err(Error::invalid("fields: reason and detail go with \"valid\": false"));
        }
        let request =
            Request { method: fields.method.clone(), url: fields.url.clone(), headers: fields.headers.clone(), body, truncated: false };
        self.write(|| {
            let endpoint = self.find_endpoint(endpoint)?;
            let redacted = endpoint.redact(&request);
            let incoming = Incoming {
                method: &request.method,
                url: &redacted.url,
                headers: &redacted.headers,
                body: Some(&redacted.body),
                body_size: body.len(),
                body_sha256: None,
                provider_event_id: fields.provider_event_id.as_deref(),
                provider_delivery_id: fields.provider_delivery_id.as_deref(),
            };
            let bodyless = Incoming { body: None, body_sha256: Some(hex::encode(Sha256::digest(body))), ..incoming.clone() };
            if !endpoint.config.enabled {
                return self.store_refusal(&endpoint, &bodyless, "disabled", None, None, Response::status(410), now);
            }
            if body.len() as i64 > endpoint.config.max_body_bytes {
                let response = Response::text(413, "body too large");
                return self.store_refusal(&endpoint, &bodyless, "too_large", None, None, response, now);
            }
            if !fields.valid {
                let response = Response::text(401, "refused");
                return self.store_refusal(&endpoint, &incoming, "invalid", fields.reason.clone(), fields.detail.clone(), response, now);
            }
            let response = endpoint.verifier.as_ref().map_or_else(|| Response::text(200, ""), |verifier| verifier.success_response());
            let item = Item { event_type: fields.event_type.clone(), key: fields.identity(), span: None };
            self.store_events(&endpoint, &incoming, &[item], response, now)
        })
    }
}
