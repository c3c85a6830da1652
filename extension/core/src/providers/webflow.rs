//! Webflow signs a timestamp in milliseconds and the body. It names no identity.

use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Provider, Scheme};
use super::redelivery::{Grain, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static WEBFLOW: Provider = Provider {
    name: "webflow",
    title: "Webflow",
    docs: "https://developers.webflow.com/data/docs/working-with-webhooks",
    scheme: Scheme::Signature(SignatureScheme {
        signed: &[Part::Timestamp, Part::Text(":"), Part::Body],
        timestamp: Some(Timestamp { place: Place::Header(TIMESTAMP), unit: Unit::Milliseconds, future: Future::Passes }),
        ..SignatureScheme::hex_of_body("x-webflow-signature")
    }),
    // Webflow recommends 300 s and tries again after 10, 20 and 30 min; nobody says whether an attempt is signed anew. As what is signed
    // names the occurrence, a copy within this time is a duplicate.
    options: &[OptionSpec::tolerance(2400)],
    event: Event {
        types: &[Source::Json("triggerType")],
        keys: &[WHEN, Source::All(&[Source::Header(TIMESTAMP), Source::Digest])],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(30 * MINUTE),
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "where the body says nothing of when, the signed timestamp belongs to the identity",
    },
    types: Types::Some(&["form_submission", "site_publish", "ecomm_new_order", "ecomm_inventory_changed", "collection_item_created"]),
    trouble: &[
        (
            Reason::BadSignature,
            "the secret is the client secret of the app that made this webhook, or the `secretKey` in the answer that created it where that was done with a site token",
        ),
        (Reason::MissingHeader, "Webflow signs only webhooks that its API created, and none that were made in a site's settings"),
    ],
    ..Provider::BASE
};

const TIMESTAMP: &str = "x-webflow-timestamp";

/// Times of the occurrence itself. That of an item's last change is none: an item that is published and taken back twice has the same one.
const WHEN: Source = Source::DigestWith(&[
    Source::Json("payload.submittedAt"),
    Source::Json("payload.publishedOn"),
    Source::Json("payload.publishTime"),
    Source::Json("payload.deletedOn"),
]);

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
        case.clone().at(super::super::testing::NOW_MS + 2_400_000).items();
        assert_eq!(case.at(super::super::testing::NOW_MS + 2_400_001).refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn a_body_that_says_nothing_of_when_is_told_by_the_signed_time() {
        let stock = |quantity: u8, minutes: i64| {
            let body = format!(r#"{{"triggerType": "ecomm_inventory_changed", "payload": {{"id": "sku-1", "quantity": {quantity}}}}}"#);
            let at = super::super::testing::NOW_MS + minutes * 60_000;
            Case::new("webflow").secret("test-secret").body(body).at(at).signed().event().1
        };
        assert_ne!(stock(5, 0), stock(5, 60));
        assert_eq!(stock(5, 0), stock(5, 0));
        assert_ne!(stock(5, 0), stock(4, 0));
    }
}
