//! Telnyx signs timestamp and body with Ed25519; the secret is the account's public key.

use super::engine::algorithm::Algorithm;
use super::engine::encoding::{Encoding, KeyForm};
use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static TELNYX: Provider = Provider {
    name: "telnyx",
    title: "Telnyx",
    docs: "https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks",
    scheme: Scheme::Signature(SignatureScheme {
        algorithm: Algorithm::Ed25519,
        encoding: Encoding::Base64,
        signed: &[Part::Timestamp, Part::Text("|"), Part::Body],
        key: KeyForm::Base64 { prefix: "" },
        timestamp: Some(Timestamp { place: Place::Header("telnyx-timestamp"), unit: Unit::Seconds, future: Future::Tolerated }),
        ..SignatureScheme::hex_of_body("telnyx-signature-ed25519")
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("data.event_type")], keys: &[Source::Json("data.id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Renewed,
        id: Repeat::Same,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "meta.attempt counts",
    },
    types: Types::Some(&["message.received", "message.sent", "message.finalized", "call.initiated", "call.answered", "call.hangup"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the account's public key in base64 (Mission Control Portal, Keys & Credentials), and no API key",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    const SEED: &str = "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=";
    const PUBLIC: &str = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

    #[test]
    fn the_public_key_verifies() {
        let body = r#"{"data": {"event_type": "message.received", "id": "d1", "payload": {"id": "m1"}}}"#;
        let case = Case::new("telnyx").secret(PUBLIC).body(body).signed_with(SEED);
        assert_eq!(case.event(), (Some("message.received".into()), "d1".into()));
        assert_eq!(case.clone().body("{}").refusal(), Reason::BadSignature);
        assert_eq!(case.clone().at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case.clone().at(NOW_MS - 301_000).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(case.header("telnyx-timestamp", "1").refusal(), Reason::BadSignature);
    }
}
