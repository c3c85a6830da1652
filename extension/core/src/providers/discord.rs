//! Discord: interactions and webhook events, both signed with Ed25519. Discord sends wrong signatures on purpose and wants 401 for them.

use super::engine::algorithm::Algorithm;
use super::engine::context::Context;
use super::engine::encoding::{Encoding, KeyForm};
use super::engine::event::{Event, Source};
use super::engine::json;
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Reply, Scheme};
use super::redelivery::{Grain, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;
use crate::request::WebhookResponse;

pub(crate) static DISCORD: Provider = Provider {
    name: "discord",
    title: "Discord",
    docs: "https://docs.discord.com/developers/interactions/overview",
    scheme: Scheme::Signature(SignatureScheme {
        algorithm: Algorithm::Ed25519,
        encoding: Encoding::HexAnyCase,
        signed: &[Part::Timestamp, Part::Body],
        key: KeyForm::Hex,
        timestamp: Some(Timestamp { place: Place::Header("X-Signature-Timestamp"), unit: Unit::Seconds, future: Future::Tolerated }),
        ..SignatureScheme::hex_of_body("X-Signature-Ed25519")
    }),
    options: &[OptionSpec::tolerance(0)],
    event: Event {
        // Interactions have a number as their type and a snowflake; webhook events have neither number nor id.
        types: &[Source::Json("event.type"), Source::Json("type")],
        keys: &[Source::Json("id"), Source::DigestWith(&[Source::Json("event.timestamp")])],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(10 * MINUTE),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "an interaction is not sent again and has an id; a webhook event has the time of the event in its place",
    },
    handshake: Handshake {
        about: "signed PING: interactions get 200 with {\"type\":1}, webhook events get 204",
        signed: Some(pong),
        ..Handshake::NONE
    },
    success: Reply::Choose(acknowledge),
    types: Types::Some(&["2", "3", "4", "5", "APPLICATION_AUTHORIZED", "ENTITLEMENT_CREATE"]),
    trouble: &[(Reason::BadSignature, "the secret is the application's public key in hex (General Information), and no bot token")],
    ..Provider::BASE
};

/// What kind of request it is: the number `type`, and whether there is an `event`.
fn kind(context: &Context) -> (Option<i64>, bool) {
    let found = json::find(context.body(), &["type", "event"]);
    (found[0].and_then(|number| number.integer()), found[1].is_some_and(|event| event.is_object()))
}

fn pong(context: &Context, _: &str) -> Option<WebhookResponse> {
    match kind(context) {
        (Some(0), _) => Some(WebhookResponse::text(204, "")),
        (Some(1), false) => Some(json(r#"{"type":1}"#)),
        _ => None,
    }
}

/// Tells the user to wait: the handler answers later through the interaction's token.
fn acknowledge(context: &Context) -> WebhookResponse {
    match kind(context) {
        (Some(3), false) => json(r#"{"type":6}"#),
        // Suggestions cannot come later, so there are none.
        (Some(4), false) => json(r#"{"type":8,"data":{"choices":[]}}"#),
        (Some(_), false) => json(r#"{"type":5}"#),
        _ => WebhookResponse::text(204, ""),
    }
}

fn json(body: &str) -> WebhookResponse {
    WebhookResponse { body: body.into(), ..WebhookResponse::json(200, &serde_json::Value::Null) }
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

    fn case(body: &str) -> Case {
        Case::new("discord").secret(PUBLIC).body(body)
    }

    #[test]
    fn both_pings_are_answered_when_signed() {
        let interaction = case(r#"{"id": "1", "type": 1, "version": 1}"#);
        let response = interaction.clone().signed_with(SEED).handshake();
        assert_eq!((response.status, response.body.as_str()), (200, r#"{"type":1}"#));
        assert_eq!(response.headers, [("content-type".into(), "application/json".to_owned())]);
        assert_eq!(case(r#"{"version": 1, "type": 0}"#).signed_with(SEED).handshake().status, 204);
        assert_eq!(interaction.refusal(), Reason::MissingHeader);
        assert_eq!(interaction.verdict().response.status, 401);
    }

    #[test]
    fn interactions_and_events_are_told_apart() {
        let command = case(r#"{"id": "77", "type": 2, "data": {"name": "x", "type": 1}}"#).signed_with(SEED);
        assert_eq!(command.event(), (Some("2".into()), "77".into()));
        assert_eq!(command.verdict().response.body, r#"{"type":5}"#);
        let event =
            case(r#"{"version": 1, "type": 1, "event": {"type": "ENTITLEMENT_CREATE", "timestamp": "t", "data": {}}}"#).signed_with(SEED);
        assert_eq!(event.event().0.as_deref(), Some("ENTITLEMENT_CREATE"));
        assert!(event.event().1.starts_with("sha256:"));
        assert_eq!(event.verdict().response.status, 204);
    }

    #[test]
    fn timestamp_and_length_are_covered() {
        let signed = case("{}").signed_with(SEED);
        assert_eq!(signed.clone().header("X-Signature-Timestamp", "1").refusal(), Reason::BadSignature);
        let short = signed.get("X-Signature-Ed25519")[..126].to_owned();
        assert_eq!(signed.header("X-Signature-Ed25519", &short).refusal(), Reason::BadSignature);
    }
}
