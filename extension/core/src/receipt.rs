//! What became of one HTTP request.

use serde::Serialize;

use crate::request::WebhookResponse;
use crate::words::words;

words! {
    /// What became of a receipt.
    pub enum ReceiptOutcome {
        /// It created an event, or several.
        Accepted = "accepted",
        /// Its events were there already.
        Duplicate = "duplicate",
        /// It did not prove itself.
        Invalid = "invalid",
        /// The provider asked whether somebody is there.
        Handshake = "handshake",
        /// Its body is larger than the endpoint takes; what is kept of it is size and SHA-256.
        TooLarge = "too_large",
        /// The endpoint is disabled.
        Disabled = "disabled",
        /// It was only counted, since the endpoint keeps as many refused receipts as it may.
        Limited = "limited",
    }
}

/// What became of one HTTP request: committed when you see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// The stored delivery; null where the limit on refused receipts left only a count, or the provider never sends with the request's method.
    pub delivery_id: Option<i64>,
    /// What became of it.
    pub outcome: ReceiptOutcome,
    /// The first of `events`.
    pub event_id: Option<i64>,
    /// The events that this delivery created or repeated, in the order of the body.
    pub events: Vec<ReceivedEvent>,
    /// Why it was refused.
    #[cfg_attr(feature = "contract", schemars(with = "Option<crate::providers::Reason>"))]
    pub reason: Option<String>,
    /// The same in one sentence.
    pub detail: Option<String>,
    /// What to answer.
    pub response: WebhookResponse,
}

/// An event of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct ReceivedEvent {
    /// Its id.
    pub id: i64,
    /// Whether it was there before.
    pub duplicate: bool,
}
