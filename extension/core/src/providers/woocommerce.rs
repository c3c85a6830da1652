//! WooCommerce signs the body in base64. When a webhook is saved it sends an unsigned ping.

use super::engine::context::Context;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Outcome, Verdict};
use crate::request::WebhookResponse;

pub(crate) static WOOCOMMERCE: Provider = Provider {
    name: "woocommerce",
    aliases: &["woo"],
    title: "WooCommerce",
    docs: "https://developer.woocommerce.com/docs/best-practices/urls-and-routing/webhooks/",
    scheme: Scheme::Signature(SIGNATURE),
    event: Event {
        types: &[Source::Header("X-WC-Webhook-Topic")],
        // The delivery id is a hash of the webhook and the whole second.
        keys: &[
            Source::All(&[Source::Header("X-WC-Webhook-Delivery-ID"), Source::Digest]),
            // An order has the same bytes under several topics.
            Source::All(&[Source::Header("X-WC-Webhook-Topic"), Source::DigestWith(&[Source::Json("date_modified_gmt")])]),
        ],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::Never,
        body: Repeat::Absent,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Second,
        note: "the delivery id is made from the webhook and the second",
    },
    handshake: Handshake { about: "unsigned form webhook_id=<number>: 200", unsigned: Some(answer_ping), ..Handshake::NONE },
    samples: &[Sample::Text("X-WC-Webhook-Topic", "order.created"), Sample::Id("X-WC-Webhook-Delivery-ID", "")],
    types: Types::Some(&["order.created", "order.updated", "product.created", "customer.created", "coupon.deleted"]),
    trouble: &[(Reason::BadSignature, "the secret is the one on the page of this webhook, and no consumer secret (`cs_…`)")],
    ..Provider::BASE
};

const SIGNATURE: SignatureScheme<'static> =
    SignatureScheme { encoding: Encoding::Base64, ..SignatureScheme::hex_of_body("X-WC-Webhook-Signature") };

fn answer_ping(context: &Context, _: &Secrets) -> Option<Verdict> {
    let number = context.body().strip_prefix(b"webhook_id=")?;
    let is_ping = !number.is_empty() && number.iter().all(u8::is_ascii_digit) && context.first_header(SIGNATURE.header).is_none();
    is_ping.then(|| Verdict { outcome: Outcome::Handshake, response: WebhookResponse::text(200, "") })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn topic_and_delivery_come_from_headers() {
        let case = Case::new("woocommerce").secret("test-secret").body(r#"{"id": 1}"#).header("X-WC-Webhook-Delivery-ID", "d1").signed();
        let (event_type, key) = case.event();
        assert_eq!(event_type.as_deref(), Some("order.created"));
        assert!(key.starts_with("d1:sha256:"));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn only_a_bare_ping_is_answered() {
        assert_eq!(Case::new("woocommerce").body("webhook_id=12").handshake().status, 200);
        let more = Case::new("woocommerce").secret("test-secret").body("webhook_id=12&x=1");
        assert_eq!(more.refusal(), Reason::MissingHeader);
    }

    #[test]
    fn two_orders_of_one_second_are_two_events() {
        let key = |id: u8| {
            let body = format!(r#"{{"id": {id}}}"#);
            Case::new("woocommerce").secret("test-secret").body(body).header("X-WC-Webhook-Delivery-ID", "d1").signed().event().1
        };
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
    }
}
