//! Razorpay signs the body.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static RAZORPAY: Provider = Provider {
    name: "razorpay",
    title: "Razorpay",
    docs: "https://razorpay.com/docs/webhooks/validate-test/",
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("X-Razorpay-Signature")),
    event: Event {
        types: &[Source::Json("event")],
        keys: &[Source::Header("X-Razorpay-Event-Id"), Source::DigestWith(&[Source::Json("created_at")])],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "",
    },
    samples: &[Sample::Id("X-Razorpay-Event-Id", "")],
    types: Types::Some(&[
        "payment.authorized",
        "payment.captured",
        "payment.failed",
        "order.paid",
        "refund.processed",
        "subscription.charged",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the one typed in when the webhook was made, and not the API key's; test mode and live mode have their own webhooks",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"event": "payment.captured", "payload": {"payment": {"entity": {"id": "pay_1"}}}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("razorpay").secret("test-secret").body(BODY).header("X-Razorpay-Event-Id", "r1").signed();
        assert_eq!(case.event(), (Some("payment.captured".into()), "r1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
