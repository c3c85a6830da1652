//! Shopify signs the body in base64. Its newer Events product sends the same headers without `X-`.

use super::engine::context::Context;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, HOUR, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::Signed;
use crate::error::Result;

pub(crate) static SHOPIFY: Provider = Provider {
    name: "shopify",
    title: "Shopify",
    docs: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{body}`, base64; Events are signed the same way in `shopify-hmac-sha256`",
        headers: &[CLASSIC.header, EVENTS.header],
        signed: CLASSIC.signed,
        verify,
        sign,
    }),
    event: Event {
        types: &[Source::Header("X-Shopify-Topic"), Source::Header("shopify-topic")],
        // The event id is shared by the deliveries of several subscriptions, so it identifies none of them.
        keys: &[
            Source::Header("X-Shopify-Webhook-Id"),
            Source::Header("shopify-webhook-id"),
            // An order has the same bytes under several topics.
            Source::All(&[Source::Header("X-Shopify-Topic"), Source::DigestWith(&[Source::Json("updated_at")])]),
            Source::All(&[Source::Header("shopify-topic"), Source::DigestWith(&[Source::Json("updated_at")])]),
        ],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(4 * HOUR),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "",
    },
    samples: &[Sample::Text("X-Shopify-Topic", "orders/create"), Sample::Uuid("X-Shopify-Webhook-Id")],
    types: Types::Some(&["orders/create", "orders/paid", "orders/cancelled", "products/update", "customers/create", "app/uninstalled"]),
    trouble: &[(
        Reason::BadSignature,
        "an app's webhooks are signed with its client secret; those made in the admin under Notifications with the secret that stands there",
    )],
    ..Provider::BASE
};

const CLASSIC: SignatureScheme<'static> =
    SignatureScheme { encoding: Encoding::Base64, ..SignatureScheme::hex_of_body("X-Shopify-Hmac-Sha256") };
const EVENTS: SignatureScheme<'static> = SignatureScheme { header: "shopify-hmac-sha256", ..CLASSIC };

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let is_classic = context.first_header(CLASSIC.header).is_some() || context.first_header(EVENTS.header).is_none();
    if is_classic { &CLASSIC } else { &EVENTS }.verify(context, secrets)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    CLASSIC.sign(context, secret)
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    fn case() -> Case {
        Case::new("shopify").secret("test-secret").body(r#"{"id": 1}"#).header("X-Shopify-Topic", "orders/create")
    }

    #[test]
    fn topic_and_webhook_id_come_from_headers() {
        let signed = case().header("X-Shopify-Webhook-Id", "b54557e4").header("X-Shopify-Event-Id", "e1").signed();
        assert_eq!(signed.event(), (Some("orders/create".into()), "b54557e4".into()));
    }

    #[test]
    fn hex_is_not_base64() {
        let hex = "2a6d0b9f0a7a5f1e8b7f0d6c4e3a1b2c3d4e5f60718293a4b5c6d7e8f9012345";
        assert_eq!(case().header("X-Shopify-Hmac-Sha256", hex).refusal(), Reason::BadSignature);
        let unpadded = case().signed().get("X-Shopify-Hmac-Sha256").trim_end_matches('=').to_owned();
        assert_eq!(case().header("X-Shopify-Hmac-Sha256", &unpadded).refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn events_use_headers_without_x() {
        let signature = case().signed().get("X-Shopify-Hmac-Sha256").to_owned();
        let event = Case::new("shopify").secret("test-secret").body(r#"{"id": 1}"#).header("Shopify-Hmac-Sha256", &signature);
        let event = event.header("Shopify-Topic", "Product").header("Shopify-Webhook-Id", "w1");
        assert_eq!(event.event(), (Some("Product".into()), "w1".into()));
        assert_eq!(event.header("X-Shopify-Hmac-Sha256", "AAAA").refusal(), Reason::BadSignature);
    }
}
