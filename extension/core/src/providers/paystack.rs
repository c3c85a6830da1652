//! Paystack signs the body with SHA-512. It names no identity; `data.id` is that of the object.

use super::engine::algorithm::Algorithm;
use super::engine::digest::Hash;
use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static PAYSTACK: Provider = Provider {
    name: "paystack",
    title: "Paystack",
    docs: "https://paystack.com/docs/payments/webhooks/",
    scheme: Scheme::Signature(SignatureScheme {
        algorithm: Algorithm::Hmac(Hash::Sha512),
        ..SignatureScheme::hex_of_body("x-paystack-signature")
    }),
    event: Event {
        types: &[Source::Json("event")],
        // Payments, transfers and refunds pass through each state once. Others, such as disputes with their reminders and subscriptions, come back
        // to a state in the same bytes.
        keys: &[Source::DigestWith(&[
            Source::Json("data.paid_at"),
            Source::Json("data.paidAt"),
            Source::Json("data.transfer_code"),
            Source::Json("data.refund_reference"),
        ])],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(3 * DAY),
        body: Repeat::Same,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "what is not about a payment that was made, a transfer or a refund is new each time: the reminder of a dispute has the bytes of the one before",
    },
    types: Types::Some(&[
        "charge.success",
        "charge.dispute.create",
        "transfer.success",
        "transfer.failed",
        "subscription.create",
        "customeridentification.success",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret key signs: `sk_test_…` what comes from test mode, `sk_live_…` what comes from live mode",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"event": "charge.success", "data": {"id": 302961, "paid_at": "2026-01-01T00:00:00Z"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("paystack").secret("sk_test_secret").body(BODY).signed();
        let (event_type, key) = case.event();
        assert_eq!(event_type.as_deref(), Some("charge.success"));
        assert!(key.starts_with("sha256:"));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
