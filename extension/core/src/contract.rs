//! What the core says of itself, for `extension/contract`: the records that its functions return, the forms of its arguments, its closed lists.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;

use crate::attempt::{self, Failure};
use crate::bulk::{self, BulkResult};
use crate::forms::Form;
use crate::operate::{self, ReplayedDelivery, Transition};
use crate::providers::Item;
use crate::prune::{self, PruneResult};
use crate::receipt::Receipt;
use crate::request::{self, WebhookResponse};
use crate::retention::{self, RetentionPass, RetentionPolicy};
use crate::stats::Stats;
use crate::words::words;
use crate::{claim_filter, ingest, settings};

pub use crate::lifecycle::{AttemptResult, EventStatus};
pub use crate::providers::Reason;
pub use crate::prune::PruneKind;
pub use crate::receipt::ReceiptOutcome;
pub use crate::settings::{OnRedelivery, Unhandled};

words! {
    /// What became of a stored receipt.
    pub enum DeliveryOutcome {
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
    }
}

words! {
    /// What a verified request is.
    pub enum VerdictKind {
        /// It brings events.
        Delivery = "delivery",
        /// The provider asks whether somebody is there.
        Handshake = "handshake",
    }
}

/// Whether a request is what it claims to be.
#[derive(schemars::JsonSchema)]
#[allow(dead_code)]
struct Verdict {
    /// Whether it proved itself.
    valid: bool,
    /// What it is; null where it was refused.
    kind: Option<VerdictKind>,
    /// Why it was refused.
    reason: Option<Reason>,
    /// The same in one sentence.
    detail: Option<String>,
    /// One for a single event, several for a batch, none for a handshake or a refusal.
    items: Vec<Item>,
    /// What the provider expects as the answer.
    response: WebhookResponse,
}

/// A request as a provider would send it.
#[derive(schemars::JsonSchema)]
#[allow(dead_code)]
struct SignedRequest {
    /// Headers to set, in place of others of the same name.
    headers: BTreeMap<String, String>,
    /// The URL, where the provider signs inside it.
    url: Option<String>,
    /// The body, where the provider signs inside it.
    body: Option<String>,
}

/// The forms of the JSON arguments.
pub static FORMS: &[&Form] = &[
    &settings::SETTINGS,
    &settings::BACKOFF,
    &request::FORM,
    &ingest::FIELDS,
    &claim_filter::CLAIM_FILTER,
    &claim_filter::DUE_FILTER,
    &attempt::FAIL_OPTIONS,
    &operate::ACTION_OPTIONS,
    &bulk::FILTER,
    &prune::EVENT_FILTER,
    &prune::DELIVERY_FILTER,
    &retention::POLICY,
];

/// Adds the schemas of the results and of the closed lists.
pub fn add_schemas(generator: &mut SchemaGenerator) {
    generator.subschema_for::<Receipt>();
    generator.subschema_for::<Verdict>();
    generator.subschema_for::<SignedRequest>();
    generator.subschema_for::<Failure>();
    generator.subschema_for::<Transition>();
    generator.subschema_for::<ReplayedDelivery>();
    generator.subschema_for::<BulkResult>();
    generator.subschema_for::<PruneResult>();
    generator.subschema_for::<RetentionPolicy>();
    generator.subschema_for::<RetentionPass>();
    generator.subschema_for::<Stats>();
}
