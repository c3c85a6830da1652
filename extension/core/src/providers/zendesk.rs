//! Zendesk signs an ISO 8601 timestamp and the body. Webhooks without a body (GET, DELETE) sign the timestamp alone.

use super::engine::context::Context;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::refusal::{Checked, Refusal};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{ANY_METHOD, CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Reason, Signed};
use crate::error::Result;

pub(crate) static ZENDESK: Provider = Provider {
    name: "zendesk",
    title: "Zendesk",
    docs: "https://developer.zendesk.com/documentation/webhooks/verifying/",
    methods: ANY_METHOD,
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{timestamp}{body}`, base64",
        headers: &["X-Zendesk-Webhook-Signature", "X-Zendesk-Webhook-Signature-Timestamp"],
        signed: SCHEME.signed,
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(0)],
    // A body of a trigger is free text whose `id` may be that of a ticket: the invocation is the identity.
    event: Event { types: &[Source::Json("type")], keys: &[Source::Header("X-Zendesk-Webhook-Invocation-Id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Unknown,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "",
    },
    samples: &[Sample::Id("X-Zendesk-Webhook-Invocation-Id", "")],
    types: Types::Some(&[
        "zen:event-type:ticket.created",
        "zen:event-type:ticket.status_changed",
        "zen:event-type:ticket.comment_added",
        "zen:event-type:user.created",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the signing secret of this webhook; a test sent before it is saved is signed with the test secret of Zendesk's documentation",
    )],
    ..Provider::BASE
};

const SCHEME: SignatureScheme<'static> = SignatureScheme {
    encoding: Encoding::Base64,
    signed: &[Part::Timestamp, Part::Body],
    timestamp: Some(Timestamp {
        place: Place::Header("X-Zendesk-Webhook-Signature-Timestamp"),
        unit: Unit::Iso8601,
        future: Future::Tolerated,
    }),
    ..SignatureScheme::hex_of_body("X-Zendesk-Webhook-Signature")
};

/// The published secret of test requests before a webhook is saved. Everybody knows it.
const TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    match SCHEME.verify(context, secrets)? {
        TEST_SECRET => Err(Refusal::new(Reason::NotAllowed, "Zendesk's published test secret proves nothing")),
        secret => Ok(secret),
    }
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    SCHEME.sign(context, secret)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW_MS};
    use super::*;

    fn case() -> Case {
        Case::new("zendesk").secret("test-secret").body(r#"{"type": "zen:event-type:ticket.created", "id": "ticket-1"}"#)
    }

    #[test]
    fn the_invocation_is_the_identity() {
        let signed = case().header("X-Zendesk-Webhook-Invocation-Id", "01ABC").signed();
        assert_eq!(signed.get("X-Zendesk-Webhook-Signature-Timestamp"), "2026-01-01T00:00:00Z");
        assert_eq!(signed.event(), (Some("zen:event-type:ticket.created".into()), "01ABC".into()));
        signed.clone().at(NOW_MS + 86_400_000).items();
        let strict = signed.options(r#"{"tolerance_s": 300}"#).at(NOW_MS + 301_000);
        assert_eq!(strict.refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn the_timestamp_alone_is_signed_without_a_body() {
        Case::new("zendesk").secret("test-secret").method("GET").signed().items();
    }

    #[test]
    fn the_test_secret_is_never_accepted() {
        assert_eq!(case().secret(TEST_SECRET).signed().refusal(), Reason::NotAllowed);
    }
}
