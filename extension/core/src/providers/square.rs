//! Square signs the notification URL and the body.

use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static SQUARE: Provider = Provider {
    name: "square",
    title: "Square",
    docs: "https://developer.squareup.com/docs/webhooks/step3validate",
    scheme: Scheme::Signature(SignatureScheme {
        encoding: Encoding::Base64,
        signed: &[Part::Url, Part::Body],
        ..SignatureScheme::hex_of_body("x-square-hmacsha256-signature")
    }),
    options: &[OptionSpec::PUBLIC_URL],
    event: Event { types: &[Source::Json("type")], keys: &[Source::Json("event_id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::Some(&[
        "payment.created",
        "payment.updated",
        "order.created",
        "refund.created",
        "customer.created",
        "invoice.payment_made",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the signature key of this webhook subscription, and the notification URL is signed exactly as it stands there; sandbox and production have different ones",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"type": "payment.created", "event_id": "e1", "data": {"id": "p1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("square").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("payment.created".into()), "e1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn the_url_is_signed() {
        let case = Case::new("square").secret("test-secret").body(BODY).signed();
        assert_eq!(case.clone().url("https://other.example/hook").refusal(), Reason::BadSignature);
        assert_eq!(case.clone().url("/hook").refusal(), Reason::BadSignature);
        case.url("/hook").options(r#"{"public_url": "https://example.com"}"#).items();
    }
}
