//! Mux signs as Stripe does.

use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static MUX: Provider = Provider {
    name: "mux",
    title: "Mux",
    docs: "https://www.mux.com/docs/core/verify-webhook-signatures",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Pairs { separator: ",", signature: "v1", timestamp: "t" },
        signed: &[Part::Timestamp, Part::Text("."), Part::Body],
        timestamp: Some(Timestamp { place: Place::SignatureHeader, unit: Unit::Seconds, future: Future::Passes }),
        ..SignatureScheme::hex_of_body("Mux-Signature")
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("type")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "its own library refuses timestamps older than tolerance_s, so attempts must be signed anew",
    },
    types: Types::Some(&[
        "video.asset.created",
        "video.asset.ready",
        "video.asset.errored",
        "video.upload.asset_created",
        "video.live_stream.active",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the signing secret of this webhook, on the page of the dashboard's settings where webhooks are set up; each webhook has its own, and an access token is another thing",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"type": "video.asset.ready", "id": "m1", "object": {"type": "asset", "id": "a1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("mux").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("video.asset.ready".into()), "m1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn old_requests_are_refused() {
        let case = Case::new("mux").secret("test-secret").body(BODY).signed();
        case.clone().at(super::super::testing::NOW_MS + 300000).items();
        assert_eq!(case.at(super::super::testing::NOW_MS + 301000).refusal(), Reason::TimestampOutOfTolerance);
    }
}
