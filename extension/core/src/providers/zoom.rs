//! Zoom signs timestamp and body, and checks the URL every 72 hours with a token that it wants back signed.

use super::engine::context::Context;
use super::engine::digest::Hash;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::json::{self, Json};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, MINUTE, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;
use crate::request::WebhookResponse;

pub(crate) static ZOOM: Provider = Provider {
    name: "zoom",
    title: "Zoom",
    docs: "https://developers.zoom.us/docs/api/webhooks/",
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Prefixed("v0="),
        signed: &[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body],
        timestamp: Some(Timestamp { place: Place::Header("x-zm-request-timestamp"), unit: Unit::Seconds, future: Future::Tolerated }),
        ..SignatureScheme::hex_of_body("x-zm-signature")
    }),
    // Zoom states no limit, and retries come up to 85 minutes later.
    options: &[OptionSpec::tolerance(0)],
    event: Event { types: &[Source::Json("event")], keys: &[Source::DigestWith(&[Source::Json("event_ts")])], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(85 * MINUTE),
        body: Repeat::Same,
        id: Repeat::Absent,
        timestamp: Repeat::Unknown,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "",
    },
    handshake: Handshake {
        about: "signed endpoint.url_validation: 200 with {plainToken, encryptedToken: hex HMAC-SHA-256 of it}",
        signed: Some(answer_validation),
        ..Handshake::NONE
    },
    types: Types::Some(&["meeting.started", "meeting.ended", "meeting.participant_joined", "recording.completed", "webinar.started"]),
    trouble: &[(Reason::BadSignature, "the secret is the app's secret token, and not its former verification token")],
    ..Provider::BASE
};

fn answer_validation(context: &Context, secret: &str) -> Option<WebhookResponse> {
    let found = json::find(context.body(), &["event", "payload.plainToken"]);
    if found[0]?.string()? != "endpoint.url_validation" {
        return None;
    }
    let plain = found[1].and_then(Json::string)?;
    let encrypted = Encoding::Hex.encode(Hash::Sha256.hmac(secret.as_bytes(), &[plain.as_bytes()]).bytes());
    Some(WebhookResponse::json(200, &serde_json::json!({ "plainToken": plain, "encryptedToken": encrypted })))
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    fn case(body: &str) -> Case {
        Case::new("zoom").secret("test-secret").body(body)
    }

    #[test]
    fn the_validation_is_answered_with_the_secret_that_signed_it() {
        let validation =
            case(r#"{"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}"#).secret("other");
        let response = validation.clone().signed_with("test-secret").handshake();
        let expected = "encryptedToken\":\"";
        assert!(response.body.contains(expected) && response.body.contains("\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\""));
        assert_ne!(validation.clone().signed_with("other").handshake().body, response.body);
        assert_eq!(validation.refusal(), Reason::MissingHeader);
    }

    #[test]
    fn events_are_named_by_their_bytes() {
        let signed = case(r#"{"event": "meeting.started", "event_ts": 1, "payload": {}}"#).signed();
        assert_eq!(signed.event().0.as_deref(), Some("meeting.started"));
        signed.clone().at(NOW_MS + 86_400_000).items();
        assert_eq!(signed.header("x-zm-request-timestamp", "1").refusal(), Reason::BadSignature);
    }
}
