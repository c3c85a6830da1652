//! Trusted ingress: the caller has verified the request and states the verdict and the ids.

use crate::arguments::Arguments;
use crate::error::{Error, Result};
use crate::forms::{Kind, Preset, form};
use crate::providers::Reason;
use crate::providers::engine::identity::{bounded, is_nothing};
use crate::request::{Headers, Request};

form! {
    /// What a caller that has verified a request itself says of it.
    FIELDS = "IngestFields" {
        /// Only true creates an event.
        "valid": Kind::Flag;
        /// The event's type.
        "type": Kind::Text;
        /// The identity that dedupe uses; it wins over the provider's ids.
        "key": Kind::Text;
        /// Why it is not valid.
        "reason": Kind::Choice("Reason", Reason::NAMES);
        /// The same in one sentence.
        "detail": Kind::Text;
        /// The provider's id of the occurrence.
        "provider_event_id": Kind::Text;
        /// The provider's id of the delivery.
        "provider_delivery_id": Kind::Text;
        /// The method of the request.
        "method": Kind::Text, preset Preset::Text("POST");
        /// Its URL.
        "url": Kind::Text, preset Preset::Text("/");
        /// Its headers.
        "headers": Kind::Headers;
    }
}

/// What the caller of trusted ingress states about a request.
#[derive(Debug, Clone, Default)]
pub struct IngestFields {
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

impl IngestFields {
    /// Reads the JSON argument of `knocker_ingest`.
    pub fn parse(json: &str) -> Result<Self> {
        let given = Arguments::parse("fields", json, &FIELDS)?;
        let headers = match given.get("headers") {
            Some(value) => Headers::from_json("fields: headers", value)?,
            None => Headers::new(),
        };
        Ok(Self {
            valid: given.boolean("valid")?.unwrap_or(false),
            event_type: given.text("type")?,
            key: given.text("key")?,
            reason: given.choice("reason")?,
            detail: given.text("detail")?,
            provider_event_id: given.text("provider_event_id")?,
            provider_delivery_id: given.text("provider_delivery_id")?,
            method: given.text("method")?.unwrap_or_else(|| "POST".into()),
            url: given.text("url")?.unwrap_or_else(|| "/".into()),
            headers,
        })
    }

    /// The request that they speak of.
    ///
    /// # Errors
    /// `invalid_argument` where a valid one is given a reason.
    pub(crate) fn request<'b>(&self, body: &'b [u8]) -> Result<Request<'b>> {
        if self.valid && (self.reason.is_some() || self.detail.is_some()) {
            return Err(Error::invalid("fields: reason and detail go with \"valid\": false"));
        }
        Ok(Request { method: self.method.clone(), url: self.url.clone(), headers: self.headers.clone(), body, truncated: false })
    }

    /// The first id that is one.
    pub(crate) fn identity(&self) -> Option<String> {
        let ids = [&self.key, &self.provider_event_id, &self.provider_delivery_id];
        ids.into_iter().flatten().find(|id| !is_nothing(id)).map(|id| bounded(id.clone()))
    }
}
