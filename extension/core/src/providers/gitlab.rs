//! GitLab sends a shared secret token, or signs as Standard Webhooks does with a signing token (`whsec_…`).

use super::engine::context::Context;
use super::engine::encoding::without_version;
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::sample::Sample;
use super::engine::template::Part;
use super::engine::token::TokenScheme;
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::receiving::{MIB, Receiving};
use super::redact::Redaction;
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::standard_webhooks::WEBHOOK;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::Signed;
use crate::error::Result;

pub(crate) static GITLAB: Provider = Provider {
    name: "gitlab",
    title: "GitLab",
    docs: "https://docs.gitlab.com/user/project/integrations/webhooks/",
    scheme: Scheme::Custom(CustomScheme {
        about: "shared secret in X-Gitlab-Token; with a `whsec_…` signing token Standard Webhooks instead",
        headers: &["X-Gitlab-Token", "webhook-id", "webhook-timestamp", "webhook-signature"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event {
        types: &[Source::Header("X-Gitlab-Event"), Source::Json("object_kind")],
        // The first one is signed where anything is; they are the same where both are sent.
        keys: &[Source::Header("webhook-id"), Source::Header("Idempotency-Key")],
        ..Event::UNKNOWN
    },
    receiving: Receiving::up_to(25 * MIB),
    redelivery: Redelivery {
        retries: Retries::Unknown,
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::SharedSecret,
        grain: Grain::Occurrence,
        note: "with a signing token webhook-id is signed; resending by hand keeps the id, which GitLab sends since 17.4",
    },
    redaction: Redaction::headers(&["x-gitlab-token"]),
    samples: &[Sample::Text("X-Gitlab-Event", "Push Hook"), Sample::Uuid("Idempotency-Key")],
    types: Types::All(&[
        "Push Hook",
        "Tag Push Hook",
        "Issue Hook",
        "Confidential Issue Hook",
        "Work Item Hook",
        "Confidential Work Item Hook",
        "Note Hook",
        "Confidential Note Hook",
        "Merge Request Hook",
        "Wiki Page Hook",
        "Pipeline Hook",
        "Job Hook",
        "Deployment Hook",
        "Feature Flag Hook",
        "Release Hook",
        "Emoji Hook",
        "Milestone Hook",
        "Resource Access Token Hook",
        "Vulnerability Hook",
        "Member Hook",
        "Project Hook",
        "Subgroup Hook",
        "System Hook",
    ]),
    trouble: &[
        (Reason::MissingHeader, "GitLab sends X-Gitlab-Token only where the webhook has a secret token"),
        (Reason::BadSignature, "a secret token and a signing token (`whsec_…`) are two settings of the webhook; give the one that it uses"),
    ],
    ..Provider::BASE
};

const TOKEN: TokenScheme<'static> = TokenScheme { header: "X-Gitlab-Token", prefix: "" };

fn is_signing_token(secret: &str) -> bool {
    without_version(secret).starts_with("whsec_")
}

/// A signing token never counts as a plain one, and a plain token does not rescue a wrong signature.
fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let (signing, plain): (Vec<&str>, Vec<&str>) = secrets.usable().partition(|secret| is_signing_token(secret));
    let is_signed = context.first_header(WEBHOOK.header).is_some();
    if !signing.is_empty() && (is_signed || plain.is_empty()) {
        return WEBHOOK.verify(context, secrets);
    }
    TOKEN.verify_among(context, plain)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    if !is_signing_token(secret) {
        return Ok(TOKEN.sign(secret));
    }
    let id = context.first_header("webhook-id").or_else(|| context.first_header("Idempotency-Key")).unwrap_or_default().to_owned();
    let mut request = context.request.clone();
    if context.first_header("webhook-id").is_none() {
        request.headers.push("webhook-id", id.as_str());
    }
    let mut signed = WEBHOOK.sign(&Context { request: &request, ..*context }, secret)?;
    signed.headers.insert(0, ("webhook-id".into(), id));
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    const SIGNING: &str = "whsec_dGVzdC1zZWNyZXQtdGVzdC1zZWNyZXQtdGVzdC1zZWM=";

    fn case() -> Case {
        Case::new("gitlab").body(r#"{"object_kind": "push"}"#).header("Idempotency-Key", "i1")
    }

    #[test]
    fn a_token_is_compared() {
        let signed = case().secret("test-secret").signed();
        assert_eq!(signed.event(), (Some("Push Hook".into()), "i1".into()));
        assert_eq!(signed.header("X-Gitlab-Token", "test-secrets").refusal(), Reason::BadSignature);
    }

    #[test]
    fn a_signing_token_signs() {
        let signed = case().secret(SIGNING).signed();
        assert_eq!(signed.event().1, "i1");
        assert_eq!(signed.clone().at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
        assert_eq!(signed.body("{}").refusal(), Reason::BadSignature);
        assert_eq!(case().secret(SIGNING).header("X-Gitlab-Token", SIGNING).refusal(), Reason::MissingHeader);
    }

    #[test]
    fn both_kinds_live_side_by_side_and_rescue_nothing() {
        let both = case().secret(SIGNING).secret("test-secret");
        both.clone().signed_with("test-secret").items();
        both.clone().signed_with(SIGNING).items();
        let wrong = both.signed_with("test-secret").signed_with(SIGNING).body("{}");
        assert_eq!(wrong.refusal(), Reason::BadSignature);
    }
}
