//! Coinbase Commerce signs the body.

use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};

pub(crate) static COINBASE_COMMERCE: Provider = Provider {
    name: "coinbase-commerce",
    aliases: &["coinbase"],
    title: "Coinbase Commerce",
    docs: "https://docs.cdp.coinbase.com/commerce/docs/webhooks-security",
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("X-CC-Webhook-Signature")),
    event: Event { types: &[Source::Json("event.type")], keys: &[Source::Json("event.id"), Source::Digest], ..Event::UNKNOWN },
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"attempt_number": 2, "event": {"id": "e1", "type": "charge:confirmed"}, "id": 5}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("coinbase-commerce").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("charge:confirmed".into()), "e1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
