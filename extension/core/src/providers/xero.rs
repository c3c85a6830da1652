//! Xero signs the body, which is a batch of events, and first asks with good and bad signatures to see both answers.

use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Reply, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static XERO: Provider = Provider {
    name: "xero",
    title: "Xero",
    docs: "https://developer.xero.com/documentation/guides/webhooks/overview",
    scheme: Scheme::Signature(SignatureScheme { encoding: Encoding::Base64, ..SignatureScheme::hex_of_body("x-xero-signature") }),
    event: Event {
        types: &[Source::Dotted(&[Source::Json("eventCategory"), Source::Json("eventType")])],
        keys: &[Source::DigestWith(&[Source::Json("eventDateUtc")])],
        batch: Batch::Path("events"),
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "",
    },
    // Intent to receive: 200 for a good signature, 401 for a bad one, both without a body.
    failure: Reply::Text(401, ""),
    types: Types::Some(&["CONTACT.CREATE", "CONTACT.UPDATE", "INVOICE.CREATE", "INVOICE.UPDATE"]),
    trouble: &[(Reason::BadSignature, "the secret is the webhook signing key of the app, and not its client secret")],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn events_are_items_named_by_their_bytes() {
        let body = r#"{"events": [{"resourceId": "1", "eventDateUtc": "t", "eventType": "UPDATE", "eventCategory": "INVOICE"}]}"#;
        let items = Case::new("xero").secret("test-secret").body(body).signed().items();
        assert_eq!(items[0].event_type.as_deref(), Some("INVOICE.UPDATE"));
        assert!(items[0].key.as_deref().unwrap().starts_with("sha256:"));
    }

    #[test]
    fn intent_to_receive_gets_bare_answers() {
        let intent = Case::new("xero").secret("test-secret").body(r#"{"events": [], "firstEventSequence": 0}"#);
        let good = intent.clone().signed().verdict().response;
        assert_eq!((good.status, good.body.as_str()), (200, ""));
        let bad = intent.signed_with("other");
        assert_eq!(bad.refusal(), Reason::BadSignature);
        assert_eq!((bad.verdict().response.status, bad.verdict().response.body.as_str()), (401, ""));
    }
}
