//! One line: a delivery with its events. Its keys are the columns of the views.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use knocker_core::lifecycle::EventStatus;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The form of the lines.
pub const FORMAT: u32 = 1;

/// A delivery.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    /// [`FORMAT`].
    pub export: u32,
    /// Whether header values, the query of the URL and bodies were left out.
    pub redacted: bool,
    pub id: i64,
    #[serde(borrow)]
    pub endpoint: Cow<'a, str>,
    #[serde(borrow)]
    pub outcome: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub provider_event_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub provider_delivery_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    pub headers: Cow<'a, RawValue>,
    pub received_at: i64,
    pub body_size: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub event_list: Vec<Event<'a>>,
}

/// One of its events.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event<'a> {
    pub id: i64,
    #[serde(rename = "type", borrow)]
    pub event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub key: Option<Cow<'a, str>>,
    pub status: EventStatus,
    pub attempts: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// Its own part of the body of a batch.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<Cow<'a, str>>,
}

/// A body as text where it is UTF-8, else as base64.
pub fn encoded(bytes: &[u8]) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.into()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes).into())),
    }
}

/// The bytes of a body; none where there is neither text nor base64.
pub fn decoded<'l>(text: Option<&'l str>, base64: Option<&'l str>) -> Result<Option<Cow<'l, [u8]>>, String> {
    match (text, base64) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(Cow::Borrowed(text.as_bytes()))),
        (None, Some(text)) => STANDARD.decode(text).map(|bytes| Some(Cow::Owned(bytes))).map_err(|_| "body_base64 is no base64".into()),
        (Some(_), Some(_)) => Err("it has both body and body_base64".into()),
    }
}
