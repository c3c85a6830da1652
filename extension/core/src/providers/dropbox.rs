//! Dropbox signs the body, which says only that something changed, and in the same bytes each time.

use super::engine::context::Context;
use super::engine::event::Event;
use super::engine::form;
use super::engine::signature::SignatureScheme;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Outcome, Verdict};
use crate::request::WebhookResponse;

pub(crate) static DROPBOX: Provider = Provider {
    name: "dropbox",
    title: "Dropbox",
    docs: "https://www.dropbox.com/developers/reference/webhooks",
    methods: &["GET", "POST"],
    scheme: Scheme::Signature(SignatureScheme::hex_of_body("X-Dropbox-Signature")),
    // Equal bodies are new changes: naming them by their bytes would drop all but the first.
    event: Event::UNKNOWN,
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Same,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::None,
        grain: Grain::Nothing,
        note: "it says only that something changed, in the same bytes each time",
    },
    handshake: Handshake { about: "GET challenge: 200 with the challenge as text", unsigned: Some(answer_challenge), ..Handshake::NONE },
    types: Types::All(&[]),
    trouble: &[(Reason::BadSignature, "the secret is the app secret, and no access token")],
    ..Provider::BASE
};

fn answer_challenge(context: &Context, _: &Secrets) -> Option<Verdict> {
    if !context.is_method("GET") {
        return None;
    }
    let challenge = form::value(context.request.query().as_bytes(), "challenge")?;
    let response = WebhookResponse::text(200, challenge).with_header("x-content-type-options", "nosniff");
    Some(Verdict { outcome: Outcome::Handshake, response })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn the_challenge_is_answered_as_text() {
        let case = Case::new("dropbox").method("GET").url("https://example.com/hook?challenge=abc%3Cx%3E");
        let response = case.handshake();
        assert_eq!(response.body, "abc<x>");
        assert!(response.headers.contains(&("x-content-type-options".into(), "nosniff".into())));
        assert_eq!(case.method("POST").refusal(), Reason::NoSecret);
    }

    #[test]
    fn equal_notifications_have_no_common_key() {
        let case = Case::new("dropbox").secret("test-secret").body(r#"{"list_folder": {"accounts": ["dbid:1"]}}"#).signed();
        assert_eq!(case.items()[0].key, None);
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
