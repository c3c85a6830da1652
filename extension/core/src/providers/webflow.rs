//! Webflow signs a timestamp in milliseconds and the body. It names no identity.

use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};

pub(crate) static WEBFLOW: Provider = Provider {
    name: "webflow",
    title: "Webflow",
    docs: "https://developers.webflow.com/data/docs/working-with-webhooks",
    scheme: Scheme::Signature(SignatureScheme {
        signed: &[Part::Timestamp, Part::Text(":"), Part::Body],
        timestamp: Some(Timestamp { place: Place::Header("x-webflow-timestamp"), unit: Unit::Milliseconds, future: Future::Passes }),
        ..SignatureScheme::hex_of_body("x-webflow-signature")
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("triggerType")], keys: &[Source::Digest], ..Event::UNKNOWN },
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"triggerType": "form_submission", "payload": {"submittedAt": "t"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("webflow").secret("test-secret").body(BODY).signed();
        let (event_type, key) = case.event();
        assert_eq!(event_type.as_deref(), Some("form_submission"));
        assert!(key.starts_with("sha256:"));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn old_requests_are_refused() {
        let case = Case::new("webflow").secret("test-secret").body(BODY).signed();
        case.clone().at(super::super::testing::NOW_MS + 300000).items();
        assert_eq!(case.at(super::super::testing::NOW_MS + 300001).refusal(), Reason::TimestampOutOfTolerance);
    }
}
