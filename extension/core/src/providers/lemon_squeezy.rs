//! Lemon Squeezy signs the body. It documents no identity, so what changed and when is one.

use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};

pub(crate) static LEMON_SQUEEZY: Provider = Provider {
    name: "lemon-squeezy",
    aliases: &["lemonsqueezy"],
    title: "Lemon Squeezy",
    docs: "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("X-Signature")),
    event: Event {
        // The name in the body is signed, the one in the header is not.
        types: &[NAME, Source::Header("X-Event-Name")],
        keys: &[Source::All(&[NAME, Source::Json("data.type"), Source::Json("data.id"), Source::Json("data.attributes.updated_at")])],
        ..Event::UNKNOWN
    },
    samples: &[Sample::Text("X-Event-Name", "order_created")],
    ..Provider::BASE
};

const NAME: Source = Source::Json("meta.event_name");

#[cfg(test)]
mod tests {
    use super::super::testing::Case;

    #[test]
    fn what_changed_and_when_is_the_identity() {
        let body = r#"{"meta": {"event_name": "subscription_updated"}, "data": {"type": "subscriptions", "id": "1", "attributes": {"updated_at": "2026-01-01T00:00:00.000000Z"}}}"#;
        let case = Case::new("lemon-squeezy").secret("test-secret").body(body).header("X-Event-Name", "other").signed();
        let key = "subscription_updated:subscriptions:1:2026-01-01T00:00:00.000000Z";
        assert_eq!(case.event(), (Some("subscription_updated".into()), key.into()));
        let bare = Case::new("LemonSqueezy").secret("test-secret").body("{}").header("X-Event-Name", "other").signed();
        assert_eq!(bare.event().0.as_deref(), Some("other"));
        assert!(bare.event().1.starts_with("sha256:"));
    }
}
