//! Lemon Squeezy signs the body. It documents no identity, so what changed and when is one.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static LEMON_SQUEEZY: Provider = Provider {
    name: "lemon-squeezy",
    aliases: &["lemonsqueezy"],
    title: "Lemon Squeezy",
    docs: "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("X-Signature")),
    event: Event {
        // The name in the body is signed, the one in the header is not.
        types: &[NAME, Source::Header("X-Event-Name")],
        keys: &[Source::All(&[
            NAME,
            Source::Json("data.type"),
            Source::Json("data.id"),
            Source::Json("data.attributes.updated_at"),
            Source::Digest,
        ])],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(155),
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Version,
        note: "updated_at is in whole seconds",
    },
    samples: &[Sample::Text("X-Event-Name", "order_created")],
    types: Types::Some(&[
        "order_created",
        "order_refunded",
        "subscription_created",
        "subscription_updated",
        "subscription_cancelled",
        "subscription_payment_success",
        "license_key_created",
    ]),
    trouble: &[(Reason::BadSignature, "the secret is the signing secret of this webhook; test mode has its own webhooks")],
    ..Provider::BASE
};

const NAME: Source = Source::Json("meta.event_name");

#[cfg(test)]
mod tests {
    use super::super::testing::Case;

    fn case(quantity: u32) -> Case {
        let body = format!(
            r#"{{"meta": {{"event_name": "subscription_updated"}}, "data": {{"type": "subscriptions", "id": "1", "attributes": {{"updated_at": "2026-01-01T00:00:00.000000Z", "quantity": {quantity}}}}}}}"#
        );
        Case::new("lemon-squeezy").secret("test-secret").body(body).header("X-Event-Name", "other").signed()
    }

    #[test]
    fn two_updates_of_one_second_are_two_events() {
        let (event_type, key) = case(1).event();
        assert_eq!(event_type.as_deref(), Some("subscription_updated"));
        assert!(key.starts_with("subscription_updated:subscriptions:1:2026-01-01T00:00:00.000000Z:sha256:"));
        assert_eq!(key, case(1).event().1);
        assert_ne!(key, case(7).event().1);
    }

    #[test]
    fn a_body_that_says_nothing_of_when_is_a_new_event_each_time() {
        let bare = Case::new("LemonSqueezy").secret("test-secret").body("{}").header("X-Event-Name", "other").signed();
        assert_eq!((bare.items()[0].event_type.as_deref(), bare.items()[0].key.as_deref()), (Some("other"), None));
    }
}
