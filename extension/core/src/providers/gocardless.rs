//! GoCardless signs the body, which is a batch of events. It wants 498 for a wrong signature.

use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Reply, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static GOCARDLESS: Provider = Provider {
    name: "gocardless",
    title: "GoCardless",
    docs: "https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks",
    scheme: Scheme::Signature(SignatureScheme { encoding: Encoding::HexAnyCase, ..SignatureScheme::hex_of_body("Webhook-Signature") }),
    event: Event {
        types: &[Source::Dotted(&[Source::Json("resource_type"), Source::Json("action")])],
        keys: &[Source::Json("id")],
        batch: Batch::Path("events"),
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    failure: Reply::Text(498, "invalid signature"),
    types: Types::Some(&["payments.confirmed", "payments.failed", "payments.paid_out", "mandates.active", "mandates.cancelled"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the one on the page of this webhook endpoint in the dashboard (Developers), and no access token; sandbox and live have different ones",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn each_event_is_an_item() {
        let body = r#"{"events": [{"id": "EV1", "resource_type": "payments", "action": "confirmed"}, {"id": "EV2"}], "meta": {"webhook_id": "WB1"}}"#;
        let items = Case::new("gocardless").secret("test-secret").body(body).signed().items();
        assert_eq!(items[0].event_type.as_deref(), Some("payments.confirmed"));
        let keys: Vec<_> = items.iter().map(|item| item.key.as_deref().unwrap()).collect();
        assert_eq!(keys, ["EV1", "EV2"]);
    }

    #[test]
    fn a_wrong_signature_gets_498() {
        let case = Case::new("gocardless").secret("test-secret").body("{}").signed_with("other");
        assert_eq!(case.refusal(), Reason::BadSignature);
        assert_eq!(case.verdict().response.status, 498);
    }
}
