//! Intercom signs the body with SHA-1.

use super::engine::algorithm::Algorithm;
use super::engine::context::Context;
use super::engine::digest::Hash;
use super::engine::event::{Event, Source};
use super::engine::signature::{Form, SignatureScheme};
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Outcome, Verdict};
use crate::request::WebhookResponse;

pub(crate) static INTERCOM: Provider = Provider {
    name: "intercom",
    title: "Intercom",
    docs: "https://developers.intercom.com/docs/webhooks/webhook-notifications",
    methods: &["HEAD", "POST"],
    scheme: Scheme::Signature(SignatureScheme {
        form: Form::Prefixed("sha1="),
        algorithm: Algorithm::Hmac(Hash::Sha1),
        ..SignatureScheme::hex_of_body("X-Hub-Signature")
    }),
    // The attempts of one notification differ in their bytes and agree in their id.
    event: Event { types: &[Source::Json("topic")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Renewed,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "a ping has no id",
    },
    handshake: Handshake { about: "HEAD: 200", unsigned: Some(answer_head), ..Handshake::NONE },
    types: Types::Some(&[
        "conversation.user.created",
        "conversation.user.replied",
        "conversation.admin.closed",
        "contact.created",
        "user.created",
        "ping",
    ]),
    trouble: &[(Reason::BadSignature, "the secret is the client secret of the app that subscribed, and no access token")],
    ..Provider::BASE
};

/// A HEAD request asks only whether somebody is there.
pub(super) fn answer_head(context: &Context, _: &Secrets) -> Option<Verdict> {
    context.is_method("HEAD").then(|| Verdict { outcome: Outcome::Handshake, response: WebhookResponse::text(200, "") })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    fn case(body: &str) -> Case {
        Case::new("intercom").secret("00000000-test-secret").body(body)
    }

    #[test]
    fn the_notification_id_is_the_identity() {
        let body = r#"{"type": "notification_event", "topic": "user.created", "id": "notif_1", "delivery_attempts": 2, "data": {"item": {"id": "u1"}}}"#;
        assert_eq!(case(body).signed().event(), (Some("user.created".into()), "notif_1".into()));
        let ping = case(r#"{"topic": "ping", "id": null}"#).signed();
        assert_eq!(ping.items()[0].key, None);
        assert_eq!(ping.header("X-Hub-Signature", &format!("sha256={}", "0".repeat(64))).refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn a_head_request_is_answered() {
        assert_eq!(case("").method("HEAD").handshake().status, 200);
    }
}
