//! Sentry signs the body.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static SENTRY: Provider = Provider {
    name: "sentry",
    title: "Sentry",
    docs: "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("Sentry-Hook-Signature")),
    event: Event {
        types: &[Source::Dotted(&[Source::Header("Sentry-Hook-Resource"), Source::Json("action")]), Source::Header("Sentry-Hook-Resource")],
        keys: &[Source::Header("Request-ID")],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Unknown,
        id: Repeat::Renewed,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "each attempt has a Request-ID of its own: one whose answer was lost is a second event",
    },
    samples: &[Sample::Text("Sentry-Hook-Resource", "issue"), Sample::Id("Request-ID", "")],
    types: Types::Some(&["issue.created", "issue.resolved", "error.created", "event_alert.triggered", "installation.created"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the Client Secret of this integration (Settings, Custom Integrations), and no auth token",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"action": "created", "data": {"issue": {"id": "1"}}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("sentry")
            .secret("test-secret")
            .body(BODY)
            .header("Request-ID", "r1")
            .header("Sentry-Hook-Resource", "issue")
            .signed();
        assert_eq!(case.event(), (Some("issue.created".into()), "r1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
