//! Calendly signs as Stripe does. It retries for a day, and does not say whether a retry is signed anew.

use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static CALENDLY: Provider = Provider {
    name: "calendly",
    title: "Calendly",
    docs: "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Pairs { separator: ",", signature: "v1", timestamp: "t" },
        signed: &[Part::Timestamp, Part::Text("."), Part::Body],
        timestamp: Some(Timestamp { place: Place::SignatureHeader, unit: Unit::Seconds, future: Future::Passes }),
        ..SignatureScheme::hex_of_body("Calendly-Webhook-Signature")
    }),
    options: &[OptionSpec::tolerance(25 * 3600)],
    event: Event {
        types: &[Source::Json("event")],
        // The URI is that of the invitee, which has several events.
        keys: &[
            Source::All(&[Source::Json("event"), Source::Json("payload.uri"), Source::Json("created_at"), Source::Digest]),
            Source::DigestWith(&[Source::Json("created_at")]),
        ],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Second,
        note: "created_at is in whole seconds; Calendly's example refuses what is older than 3 min, which its retries would be if they repeat the timestamp",
    },
    types: Types::All(&[
        "invitee.created",
        "invitee.canceled",
        "invitee_no_show.created",
        "invitee_no_show.deleted",
        "routing_form_submission.created",
        "event_type.created",
        "event_type.deleted",
        "event_type.updated",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the `signing_key` that the webhook subscription was created with, or for an OAuth app the webhook signing key that Calendly gave with its client secret, and no access token; the API does not tell it again",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"event": "invitee.created", "created_at": "2026-01-01T00:00:00Z", "payload": {"uri": "u1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("calendly").secret("test-secret").body(BODY).signed();
        let (event_type, key) = case.event();
        assert_eq!(event_type.as_deref(), Some("invitee.created"));
        assert!(key.starts_with("invitee.created:u1:2026-01-01T00:00:00Z:sha256:"));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn old_requests_are_refused() {
        let case = Case::new("calendly").secret("test-secret").body(BODY).signed();
        case.clone().at(super::super::testing::NOW_MS + 90_000_000).items();
        assert_eq!(case.at(super::super::testing::NOW_MS + 90_001_000).refusal(), Reason::TimestampOutOfTolerance);
    }
}
