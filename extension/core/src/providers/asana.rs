//! Asana tells its secret in the first request and signs the body of every later one, a batch of events that may be empty.

use super::engine::context::Context;
use super::engine::event::{Batch, Event, Source};
use super::engine::signature::SignatureScheme;
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Outcome, Verdict};
use crate::request::WebhookResponse;

pub(crate) static ASANA: Provider = Provider {
    name: "asana",
    title: "Asana",
    docs: "https://developers.asana.com/docs/webhooks-guide",
    scheme: Scheme::Signature(SIGNATURE),
    event: Event {
        types: &[Source::Dotted(&[Source::Json("resource.resource_type"), Source::Json("action")]), Source::Json("action")],
        keys: &[Source::DigestWith(&[Source::Json("created_at")])],
        batch: Batch::Path("events"),
        ..Event::UNKNOWN
    },
    options: &[OptionSpec::VERIFY_TOKEN],
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "created_at is in milliseconds",
    },
    handshake: Handshake {
        about: "X-Hook-Secret, and the query verify_token=<option verify_token> where that is set, as it should be: \
                200 with the same header; the secret is in the stored delivery's headers",
        unsigned: Some(echo_secret),
        brings_secret: true,
        ..Handshake::NONE
    },
    types: Types::Some(&["task.added", "task.changed", "task.deleted", "project.changed", "story.added"]),
    trouble: &[(Reason::NoSecret, "Asana's first request brings the secret: read X-Hook-Secret in the stored handshake")],
    ..Provider::BASE
};

const SIGNATURE: SignatureScheme<'static> = SignatureScheme::hex_of_body("X-Hook-Signature");
const SECRET: &str = "X-Hook-Secret";

/// The secret is sent back to whoever told it. Nothing trusts it until somebody makes it a secret of the endpoint.
fn echo_secret(context: &Context, _: &Secrets) -> Option<Verdict> {
    let secret = context.header(SECRET).ok()??;
    // It becomes a header of the answer: nothing that could end one.
    let is_plain = (1..=256).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || context.first_header(SIGNATURE.header).is_some() {
        return None;
    }
    Some(Verdict { outcome: Outcome::Handshake, response: WebhookResponse::text(200, "").with_header("x-hook-secret", secret) })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;
    use super::ASANA;

    fn case(body: &str) -> Case {
        Case::new("asana").secret("test-secret").body(body)
    }

    #[test]
    fn the_secret_is_echoed() {
        let response = Case::new("asana").header("X-Hook-Secret", "b537207f20cbfa02357cf448134da559").handshake();
        assert!(response.headers.contains(&("x-hook-secret".into(), "b537207f20cbfa02357cf448134da559".into())));
        for other in ["", "a\r\nset-cookie: b", "a b", &"a".repeat(257)] {
            assert_eq!(case("{}").header("X-Hook-Secret", other).refusal(), Reason::MissingHeader);
        }
        let both = case("{}").header("X-Hook-Secret", "x").header("X-Hook-Signature", &"0".repeat(64));
        assert_eq!(both.refusal(), Reason::BadSignature);
    }

    #[test]
    fn the_verify_token_is_not_stored() {
        let case = Case::new("asana").options(r#"{"verify_token": "test-token"}"#).url("/hook?a=1&Verify%5Ftoken=test-token");
        let request = case.request();
        assert_eq!(ASANA.redact(&ASANA.options("").unwrap(), &request).url, "/hook?a=1&Verify%5Ftoken=[redacted]");
    }

    #[test]
    fn each_event_is_an_item_and_a_heartbeat_has_none() {
        let body = r#"{"events": [{"action": "changed", "resource": {"gid": "1", "resource_type": "task"}, "created_at": "t"}]}"#;
        let items = case(body).signed().items();
        assert_eq!(items[0].event_type.as_deref(), Some("task.changed"));
        assert!(items[0].key.as_deref().unwrap().starts_with("sha256:"));
        assert_eq!(case(r#"{"events": []}"#).signed().items(), []);
        assert_eq!(case("{}").refusal(), Reason::MissingHeader);
    }
}
