//! Cal.com signs the body. It names no identity, and its owner may write another body altogether.

use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static CAL_COM: Provider = Provider {
    name: "cal-com",
    aliases: &["calcom", "cal"],
    title: "Cal.com",
    docs: "https://cal.com/docs/developing/guides/automation/webhooks",
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("X-Cal-Signature-256")),
    event: Event { types: &[Source::Json("triggerEvent")], keys: &[Source::DigestWith(&[Source::Json("createdAt")])], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Unknown,
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "a custom payload template without createdAt says nothing of when, so each receipt is a new event",
    },
    types: Types::Some(&["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "MEETING_ENDED", "FORM_SUBMITTED"]),
    trouble: &[(
        Reason::MissingHeader,
        "Cal.com signs only where the webhook has a secret, which you choose: set one where the webhook is set up",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-01-01T00:00:00Z", "payload": {"uid": "b1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("cal-com").secret("test-secret").body(BODY).signed();
        let (event_type, key) = case.event();
        assert_eq!(event_type.as_deref(), Some("BOOKING_CREATED"));
        assert!(key.starts_with("sha256:"));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
