//! Standard Webhooks: id, timestamp and body are signed, with HMAC-SHA256 (`v1`) or Ed25519 (`v1a`). Svix and its customers use the same.

use super::engine::algorithm::Algorithm;
use super::engine::context::Context;
use super::engine::digest::Hash;
use super::engine::encoding::{Encoding, KeyForm, without_version};
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::sample::Sample;
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::Signed;
use crate::error::Result;

pub(crate) static STANDARD_WEBHOOKS: Provider = Provider {
    name: "standard-webhooks",
    aliases: &["standardwebhooks"],
    title: "Standard Webhooks",
    docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    scheme: Scheme::Custom(CustomScheme { about: ABOUT, headers: &WEBHOOK_HEADERS, signed: WEBHOOK.signed, verify, sign }),
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
    samples: &[Sample::Id("webhook-id", "msg_")],
    types: Types::Some(&["user.created", "invoice.paid"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the `whsec_…` text of this endpoint, prefix and all; what stands behind the prefix is base64, so a shortened one is another key",
    )],
    ..Provider::BASE
};

const ABOUT: &str = "HMAC-SHA-256 over `{id}.{timestamp}.{body}`, base64 as `v1,<base64>`, with a `whsec_…` secret (or `v1,whsec_…`); or Ed25519 as `v1a,<base64>` with a `whpk_…` public key";

/// The headers of the specification.
pub(super) const WEBHOOK_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// The scheme of the specification, with a shared secret.
pub(super) const WEBHOOK: SignatureScheme<'static> = shared_secret(
    WEBHOOK_HEADERS[2],
    WEBHOOK_HEADERS[1],
    &[Part::Header(WEBHOOK_HEADERS[0]), Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body],
);

/// The scheme with a shared secret, `whsec_` and base64, under these headers.
pub(super) const fn shared_secret(
    header: &'static str,
    timestamp: &'static str,
    signed: &'static [Part<'static>],
) -> SignatureScheme<'static> {
    SignatureScheme {
        header,
        form: Form::Versions("v1"),
        algorithm: Algorithm::Hmac(Hash::Sha256),
        encoding: Encoding::Base64,
        signed,
        key: KeyForm::Base64 { prefix: "whsec_" },
        timestamp: Some(Timestamp { place: Place::Header(timestamp), unit: Unit::Seconds, future: Future::Tolerated }),
    }
}

/// The same scheme with public keys. Their prefix must be there: it tells them from shared secrets in the same list.
const fn public_key(shared: SignatureScheme<'static>) -> SignatureScheme<'static> {
    SignatureScheme { form: Form::Versions("v1a"), algorithm: Algorithm::Ed25519, key: KeyForm::Base64After("whpk_"), ..shared }
}

/// Tries the shared secrets, then the public keys.
pub(super) fn verify_either<'s>(shared: &SignatureScheme<'static>, context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let is_public = |secret: &str| without_version(secret).starts_with("whpk_");
    if secrets.usable().all(is_public) {
        return public_key(*shared).verify(context, secrets);
    }
    let refused = match shared.verify(context, secrets) {
        Ok(secret) => return Ok(secret),
        Err(refused) => refused,
    };
    if !secrets.usable().any(is_public) {
        return Err(refused);
    }
    // With secrets of both kinds the reason is that of the kind that the sender used.
    public_key(*shared).verify(context, secrets).map_err(|other| refused.or(other))
}

/// Signs with a shared secret, or with a private key that begins with `whsk_`.
pub(super) fn sign_either(shared: &SignatureScheme<'static>, context: &Context, secret: &str) -> Result<Signed> {
    if without_version(secret).starts_with("whsk_") { public_key(*shared).sign(context, secret) } else { shared.sign(context, secret) }
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    verify_either(&WEBHOOK, context, secrets)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    sign_either(&WEBHOOK, context, secret)
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};
    use super::*;

    /// Of the published example: everybody knows it.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SEED: &str = "whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=";
    const PUBLIC: &str = "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

    fn case() -> Case {
        Case::new("standard-webhooks").body(r#"{"type": "user.created", "data": {"id": "u1"}}"#)
    }

    #[test]
    fn the_published_example_verifies() {
        let case = Case::new("standard-webhooks")
            .secret(SECRET)
            .body(r#"{"test": 2432232314}"#)
            .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
            .header("webhook-timestamp", "1614265330")
            .header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(case.clone().at(1_614_265_330_000).event().1, "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(case.refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn any_item_counts_and_other_versions_are_skipped() {
        let case = case().secret(SECRET).signed();
        assert_eq!(case.event().0.as_deref(), Some("user.created"));
        let good = case.get("webhook-signature").to_owned();
        case.clone().header("webhook-signature", &format!("v2,x v1,AAAA {good}")).items();
        let commas = good.replace("v1,", "v2,");
        assert_eq!(case.clone().header("webhook-signature", &commas).refusal(), Reason::MalformedHeader);
        assert_eq!(case.clone().header("webhook-signature", &good[3..]).refusal(), Reason::MalformedHeader);
        assert_eq!(case.clone().header("webhook-id", "msg_other").refusal(), Reason::BadSignature);
        assert_eq!(case.clone().header("webhook-timestamp", "1767225600000").refusal(), Reason::BadSignature);
        assert_eq!(case.at(NOW_MS - 301_000).refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn secrets_may_lack_prefix_and_padding_but_not_a_key() {
        let signed = case().secret("whsec_dGVzdC1zZWNyZXQtMTIzNA==").signed();
        let header = |name| signed.get(name).to_owned();
        for spelling in ["dGVzdC1zZWNyZXQtMTIzNA", "whsec_dGVzdC1zZWNyZXQtMTIzNA"] {
            let mut other = case().secret(spelling);
            for name in WEBHOOK_HEADERS {
                other = other.header(name, &header(name));
            }
            other.items();
        }
        for none in ["whsec_", "whsec_%%%"] {
            let mut other = case().secret(none);
            for name in WEBHOOK_HEADERS {
                other = other.header(name, &header(name));
            }
            assert_eq!(other.refusal(), Reason::NoSecret);
        }
    }

    #[test]
    fn public_keys_verify_v1a() {
        let signed = case().secret(PUBLIC).signed_with(SEED);
        assert!(signed.get("webhook-signature").starts_with("v1a,"));
        signed.items();
        signed.clone().secret(SECRET).items();
        assert_eq!(signed.clone().body("{}").refusal(), Reason::BadSignature);
        assert_eq!(signed.clone().secret(SECRET).body("{}").refusal(), Reason::BadSignature);
        let both = case().secret(PUBLIC).secret(SECRET).signed_with(SECRET);
        both.items();
        assert_eq!(both.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn a_public_key_is_never_a_shared_secret() {
        let forged = case().secret(PUBLIC).signed_with(&PUBLIC.replace("whpk_", "whsec_"));
        assert_eq!(forged.refusal(), Reason::MalformedHeader);
    }
}
