//! WorkOS signs as Stripe does, with milliseconds and a space after the comma.

use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static WORKOS: Provider = Provider {
    name: "workos",
    title: "WorkOS",
    docs: "https://workos.com/docs/events/data-syncing/webhooks",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Pairs { separator: ", ", signature: "v1", timestamp: "t" },
        signed: &[Part::Timestamp, Part::Text("."), Part::Body],
        timestamp: Some(Timestamp { place: Place::SignatureHeader, unit: Unit::Milliseconds, future: Future::Tolerated }),
        ..SignatureScheme::hex_of_body("WorkOS-Signature")
    }),
    options: &[OptionSpec::tolerance(180)],
    event: Event { types: &[Source::Json("event")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(3 * DAY),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "its own library refuses timestamps older than tolerance_s, so attempts must be signed anew",
    },
    types: Types::Some(&["user.created", "user.updated", "dsync.user.created", "dsync.group.user_added", "connection.activated"]),
    trouble: &[(Reason::BadSignature, "the secret is the signing secret of this endpoint, and no API key (`sk_…`)")],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"id": "event_1", "event": "user.created", "data": {"id": "user_1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("workos").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("user.created".into()), "event_1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn old_requests_are_refused() {
        let case = Case::new("workos").secret("test-secret").body(BODY).signed();
        case.clone().at(super::super::testing::NOW_MS + 180000).items();
        assert_eq!(case.at(super::super::testing::NOW_MS + 180001).refusal(), Reason::TimestampOutOfTolerance);
    }
}
