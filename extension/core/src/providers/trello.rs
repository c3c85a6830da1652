//! Trello signs the body followed by the callback URL, with SHA-1. A HEAD request comes first.

use super::engine::algorithm::Algorithm;
use super::engine::digest::Hash;
use super::engine::encoding::Encoding;
use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::intercom::answer_head;
use super::options::OptionSpec;
use super::provider::{Handshake, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static TRELLO: Provider = Provider {
    name: "trello",
    title: "Trello",
    docs: "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
    methods: &["HEAD", "POST"],
    scheme: Scheme::Signature(SignatureScheme {
        algorithm: Algorithm::Hmac(Hash::Sha1),
        encoding: Encoding::Base64,
        signed: &[Part::Body, Part::Url],
        ..SignatureScheme::hex_of_body("X-Trello-Webhook")
    }),
    options: &[OptionSpec::PUBLIC_URL],
    event: Event { types: &[Source::Json("action.type")], keys: &[Source::Json("action.id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(210),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    handshake: Handshake { about: "HEAD: 200", unsigned: Some(answer_head), ..Handshake::NONE },
    types: Types::Some(&["createCard", "updateCard", "deleteCard", "commentCard", "addMemberToCard"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the application's (OAuth) secret, and the callback URL is signed exactly as the webhook was created with it",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn body_and_url_are_signed() {
        let body = r#"{"model": {"id": "m1"}, "action": {"id": "a1", "type": "updateCard"}}"#;
        let signed = Case::new("trello").secret("test-secret").body(body).signed();
        assert_eq!(signed.event(), (Some("updateCard".into()), "a1".into()));
        assert_eq!(signed.clone().url("https://example.com/other").refusal(), Reason::BadSignature);
        assert_eq!(signed.body("{}").refusal(), Reason::BadSignature);
        assert_eq!(Case::new("trello").method("HEAD").handshake().status, 200);
    }
}
