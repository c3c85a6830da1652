//! Notion sends its verification token once, unsigned, and signs every later body with it.

use super::engine::context::Context;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::json::Json;
use super::engine::signature::{Form, SignatureScheme};
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Outcome, Verdict};
use crate::request::WebhookResponse;

pub(crate) static NOTION: Provider = Provider {
    name: "notion",
    title: "Notion",
    docs: "https://developers.notion.com/reference/webhooks",
    scheme: Scheme::Signature(SIGNATURE),
    event: Event { types: &[Source::Json("type")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    options: &[OptionSpec::VERIFY_TOKEN],
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Renewed,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "attempt_number counts",
    },
    handshake: Handshake {
        about: "unsigned verification_token while the endpoint has no secret, and the query verify_token=<option verify_token> where that is set, as it should be: \
                200; the token is in the stored delivery's body",
        unsigned: Some(take_token),
        brings_secret: true,
        ..Handshake::NONE
    },
    types: Types::Some(&["page.created", "page.content_updated", "page.properties_updated", "page.deleted", "comment.created"]),
    trouble: &[(Reason::NoSecret, "Notion's first request brings the secret: read verification_token in the stored handshake")],
    ..Provider::BASE
};

const SIGNATURE: SignatureScheme<'static> = SignatureScheme {
    form: Form::Prefixed("sha256="),
    encoding: Encoding::HexAnyCase,
    ..SignatureScheme::hex_of_body("X-Notion-Signature")
};

/// Only an endpoint that has no secret yet waits for one.
fn take_token(context: &Context, secrets: &Secrets) -> Option<Verdict> {
    if secrets.usable().next().is_some() || context.first_header(SIGNATURE.header).is_some() {
        return None;
    }
    let token = Json::parse(context.body())?.get("verification_token")?.string()?;
    (!token.is_empty()).then(|| Verdict { outcome: Outcome::Handshake, response: WebhookResponse::text(200, "") })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn the_token_is_taken_once() {
        let token = Case::new("notion").body(r#"{"verification_token": "secret_test"}"#);
        assert_eq!(token.handshake().status, 200);
        assert_eq!(token.secret("secret_test").refusal(), Reason::MissingHeader);
        assert_eq!(Case::new("notion").body("{}").refusal(), Reason::NoSecret);
    }

    #[test]
    fn events_have_an_id() {
        let body = r#"{"id": "367cba44", "type": "page.created", "attempt_number": 2, "entity": {"id": "p1"}}"#;
        let signed = Case::new("notion").secret("secret_test").body(body).signed();
        assert_eq!(signed.event(), (Some("page.created".into()), "367cba44".into()));
        assert_eq!(signed.body("{}").refusal(), Reason::BadSignature);
    }
}
