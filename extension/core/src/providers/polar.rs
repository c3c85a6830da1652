//! Polar follows Standard Webhooks; the secret is text, or `whsec_` and base64 as there.

use super::engine::context::Context;
use super::engine::encoding::{KeyForm, without_version};
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::standard_webhooks::{WEBHOOK, WEBHOOK_HEADERS};
use super::types::Types;
use super::verdict::{Reason, Signed};
use crate::error::Result;

pub(crate) static POLAR: Provider = Provider {
    name: "polar",
    title: "Polar",
    docs: "https://polar.sh/docs/integrate/webhooks/delivery",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{id}.{timestamp}.{body}`, base64 as `v1,<base64>`; a secret is text, or `whsec_` and base64",
        headers: &WEBHOOK_HEADERS,
        signed: WEBHOOK.signed,
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event { types: &[Source::Json("type")], keys: &[Source::Header("webhook-id")], ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::Somehow,
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "",
    },
    samples: &[Sample::Id("webhook-id", "")],
    types: Types::Some(&[
        "order.created",
        "order.paid",
        "subscription.created",
        "subscription.active",
        "subscription.canceled",
        "checkout.updated",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the one of this endpoint in the organization's settings (Webhooks), and no access token; `polar listen` prints another one for what it forwards",
    )],
    ..Provider::BASE
};

/// The characters of the secret are the key.
const TEXT: SignatureScheme<'static> = SignatureScheme { key: KeyForm::Text, ..WEBHOOK };
/// For a secret that says by its prefix that it is base64. Polar's own library tries both.
const ENCODED: SignatureScheme<'static> = SignatureScheme { key: KeyForm::Base64After("whsec_"), ..WEBHOOK };

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    TEXT.verify(context, secrets).or_else(|refused| ENCODED.verify(context, secrets).map_err(|other| refused.or(other)))
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    if without_version(secret).starts_with("whsec_") { ENCODED.sign(context, secret) } else { TEXT.sign(context, secret) }
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    const BODY: &str = r#"{"type": "order.created", "data": {"id": "o1"}}"#;

    #[test]
    fn identity_and_type_are_found() {
        let case = Case::new("polar").secret("polar_whs_test_secret").body(BODY).header("webhook-id", "w1").signed();
        assert_eq!(case.event(), (Some("order.created".into()), "w1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn a_secret_may_be_base64_behind_its_prefix() {
        let case = Case::new("polar").secret("whsec_YSByZWFkYWJsZSB0ZXN0IHNlY3JldA==").body(BODY).header("webhook-id", "w1").signed();
        case.items();
        assert_eq!(case.secret("whsec_YW5vdGhlciB0ZXN0IHNlY3JldA==").body("{}").refusal(), Reason::BadSignature);
    }
}
