//! What verification says about a request.

use std::borrow::Cow;
use std::ops::Range;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::request::WebhookResponse;
use crate::words::words;

words! {
    /// Why a request was refused: a closed list, stored with the delivery.
    pub enum Reason {
        /// A header that the provider always sends is absent.
        MissingHeader = "missing_header",
        /// A header is there but not in the provider's form, or occurs with different values.
        MalformedHeader = "malformed_header",
        /// No secret produces this signature.
        BadSignature = "bad_signature",
        /// The signed timestamp is too old, or too far in the future.
        TimestampOutOfTolerance = "timestamp_out_of_tolerance",
        /// The body is not what the provider sends.
        MalformedBody = "malformed_body",
        /// No usable secret was given, so nothing can be verified.
        NoSecret = "no_secret",
        /// The request proved itself but asks for something that is not allowed (method, algorithm, subscription).
        NotAllowed = "not_allowed",
    }
}

/// One occurrence in a request: the whole of it, or one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct Item {
    /// The type in the provider's own spelling.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The identity that dedupe uses: what stays the same when the sender retries and differs between two occurrences. Null where the event is
    /// always new.
    pub key: Option<String>,
    /// Where the item stands in the body; `None` for the whole body.
    #[serde(skip)]
    pub span: Option<Range<usize>>,
}

/// What the request turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It proved itself; one item for a single event, several for a batch, none for an empty batch.
    Delivery(Vec<Item>),
    /// A valid handshake: there is a response and no event.
    Handshake,
    /// It did not prove itself.
    Refused {
        /// The stable reason.
        reason: Reason,
        /// One sentence for a person; never a secret or an expected signature.
        detail: String,
    },
}

/// The outcome and what to answer. Its JSON is what `knocker_verify` returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the request turned out to be.
    pub outcome: Outcome,
    /// What the provider expects as the answer.
    pub response: WebhookResponse,
}

impl Verdict {
    /// `delivery` or `handshake`; `None` where the request was refused.
    pub fn kind(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Delivery(_) => Some("delivery"),
            Outcome::Handshake => Some("handshake"),
            Outcome::Refused { .. } => None,
        }
    }

    /// The items of a delivery; none where it is something else.
    pub fn items(&self) -> &[Item] {
        match &self.outcome {
            Outcome::Delivery(items) => items,
            _ => &[],
        }
    }

    /// Why it was refused, and the sentence about it; `None` where it was not.
    pub fn refusal(&self) -> Option<(Reason, &str)> {
        match &self.outcome {
            Outcome::Refused { reason, detail } => Some((*reason, detail)),
            _ => None,
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut verdict = serializer.serialize_struct("Verdict", 6)?;
        verdict.serialize_field("valid", &self.kind().is_some())?;
        verdict.serialize_field("kind", &self.kind())?;
        verdict.serialize_field("reason", &self.refusal().map(|(reason, _)| reason.name()))?;
        verdict.serialize_field("detail", &self.refusal().map(|(_, detail)| detail))?;
        verdict.serialize_field("items", self.items())?;
        verdict.serialize_field("response", &self.response)?;
        verdict.end()
    }
}

/// A request as a provider would send it. `None` means: as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signed {
    /// Headers to add, in the provider's own spelling.
    pub headers: Vec<(String, String)>,
    /// The URL, where the provider signs inside it.
    pub url: Option<String>,
    /// The body, where the provider signs inside it.
    pub body: Option<String>,
}

/// The parts of a request that are stored, credentials removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The headers as a JSON object.
    pub headers: String,
    /// The URL without credentials.
    pub url: Cow<'a, str>,
    /// The body; owned only where something in it had to go. Same length and offsets are not promised then: item spans are
    /// computed on this one.
    pub body: Cow<'a, [u8]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(outcome: Outcome) -> String {
        let json = serde_json::to_string(&Verdict { outcome, response: WebhookResponse::text(200, "") }).unwrap();
        json.split_once(r#","response":{"status":200,"#).expect("the response comes last").0.to_owned()
    }

    #[test]
    fn each_outcome_has_the_same_keys() {
        let item = Item { event_type: Some("push".into()), key: None, span: Some(1..9) };
        assert_eq!(
            json(Outcome::Delivery(vec![item])),
            r#"{"valid":true,"kind":"delivery","reason":null,"detail":null,"items":[{"type":"push","key":null}]"#
        );
        assert_eq!(json(Outcome::Handshake), r#"{"valid":true,"kind":"handshake","reason":null,"detail":null,"items":[]"#);
        let refused = Outcome::Refused { reason: Reason::NoSecret, detail: "none was given".into() };
        assert_eq!(json(refused), r#"{"valid":false,"kind":null,"reason":"no_secret","detail":"none was given","items":[]"#);
    }
}
