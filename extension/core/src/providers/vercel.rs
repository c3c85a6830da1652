//! Vercel signs the body with SHA-1.

use super::engine::algorithm::Algorithm;
use super::engine::digest::Hash;
use super::engine::event::{Event, Source};
use super::engine::signature::SignatureScheme;
use super::provider::{Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::types::Types;
use super::verdict::Reason;

pub(crate) static VERCEL: Provider = Provider {
    name: "vercel",
    title: "Vercel",
    docs: "https://vercel.com/docs/webhooks/webhooks-api",
    scheme: Scheme::Signature(SignatureScheme {
        algorithm: Algorithm::Hmac(Hash::Sha1),
        ..SignatureScheme::hex_of_body("x-vercel-signature")
    }),
    event: Event { types: &[Source::Json("type")], keys: &[Source::Json("id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    types: Types::Some(&["deployment.created", "deployment.succeeded", "deployment.error", "deployment.canceled", "project.created"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the one that was shown once, when this webhook was created (the team's Settings, Webhooks); those of an integration are signed with its Client Secret",
    )],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"id": "v1", "type": "deployment.created", "payload": {}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("vercel").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("deployment.created".into()), "v1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }
}
