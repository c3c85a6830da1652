//! Braintree posts a form of a base64 payload and its signature. The key is the SHA-1 of the private key.

use super::engine::context::Context;
use super::engine::digest::{Digest, Hash, sha256_hex};
use super::engine::encoding::{Encoding, base64_forgiving};
use super::engine::event::{Batch, Event};
use super::engine::form;
use super::engine::limits::{SIGNATURES, check_signatures};
use super::engine::refusal::{Checked, Refusal};
use super::engine::template::Part;
use super::provider::{CustomScheme, Handshake, Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::{Secrets, is_blank};
use super::types::Types;
use super::verdict::{Item, Outcome, Reason, Signed, Verdict};
use crate::error::{Error, Result};
use crate::request::WebhookResponse;

pub(crate) static BRAINTREE: Provider = Provider {
    name: "braintree",
    title: "Braintree",
    docs: "https://developer.paypal.com/braintree/docs/guides/webhooks/parse",
    methods: &["GET", "POST"],
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-1 with the SHA-1 of the private key over the form field bt_payload, hex in bt_signature; a secret is `public|private`",
        headers: &[],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    event: Event { batch: Batch::Custom(item), identity: "digest of the payload where it has a timestamp, else none", ..Event::UNKNOWN },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Unknown,
        id: Repeat::Absent,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Digest,
        note: "in the sandbox it retries for 3 h",
    },
    handshake: Handshake {
        about: "GET bt_challenge: 200 with `public|<hex HMAC of the challenge>`",
        unsigned: Some(answer_challenge),
        ..Handshake::NONE
    },
    types: Types::Some(&[
        "subscription_charged_successfully",
        "subscription_canceled",
        "subscription_past_due",
        "dispute_opened",
        "transaction_settled",
        "check",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "a secret is `public|private`, the two API keys of the merchant; sandbox and production have different ones",
    )],
    ..Provider::BASE
};

/// Public and private key of a secret.
fn keys(secret: &str) -> Option<(&str, &str)> {
    secret.split_once('|').filter(|(public, private)| !is_blank(public) && !is_blank(private))
}

fn digest(private: &str, parts: &[&[u8]]) -> Digest {
    Hash::Sha1.hmac(Hash::Sha1.digest(&[private.as_bytes()]).bytes(), parts)
}

/// Challenges are signed for any stranger, with the key that signs payloads: what looks like one is never taken for a payload.
fn is_challenge(text: &str) -> bool {
    (20..=32).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn answer_challenge(context: &Context, secrets: &Secrets) -> Option<Verdict> {
    if !context.is_method("GET") {
        return None;
    }
    let challenge = form::value(context.request.query().as_bytes(), "bt_challenge")?;
    if !is_challenge(&challenge) {
        return None;
    }
    let (public, private) = secrets.usable().find_map(keys)?;
    let signature = Encoding::Hex.encode(digest(private, &[challenge.as_bytes()]).bytes());
    Some(Verdict { outcome: Outcome::Handshake, response: WebhookResponse::text(200, format!("{public}|{signature}")) })
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let field = |name| form::value(context.body(), name).ok_or_else(|| Refusal::body(format!("the form has no field {name}")));
    let (signature, payload) = (field("bt_signature")?, field("bt_payload")?);
    if !payload.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n')) {
        return Err(Refusal::body("bt_payload is not base64"));
    }
    if payload.trim().is_empty() {
        return Err(Refusal::body("bt_payload is empty"));
    }
    if is_challenge(payload.trim_end_matches('\n')) {
        return Err(Refusal::body("bt_payload is a challenge, which anybody gets signed"));
    }
    check_signatures("bt_signature", signature.split('&').count(), SIGNATURES).map_err(|refusal| Refusal::body(refusal.detail))?;
    let pairs: Vec<_> = signature.split('&').filter_map(|pair| pair.split_once('|')).collect();
    let mut any_key = false;
    let signs = |secret: &&str| {
        let Some((public, private)) = keys(secret) else { return false };
        any_key = true;
        // The line end of the payload gets lost on some ways.
        let expected = [digest(private, &[payload.as_bytes()]), digest(private, &[payload.as_bytes(), b"\n"])];
        let mut given = pairs.iter().filter(|(name, _)| *name == public).filter_map(|(_, signature)| Encoding::Hex.decode(signature));
        given.any(|signature| expected.iter().any(|expected| expected.matches(&signature)))
    };
    match secrets.usable().find(signs) {
        Some(secret) => Ok(secret),
        None if !any_key => Err(Refusal::new(Reason::NoSecret, "no secret is in the form `public key|private key`")),
        None => Err(Refusal::signature()),
    }
}

/// Signs a form that has a payload, or makes one of an XML body.
fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let invalid = || Error::invalid("the secret is not in the form `public key|private key`");
    let (public, private) = keys(secret).ok_or_else(invalid)?;
    let payload = match form::value(context.body(), "bt_payload") {
        Some(payload) => payload.into_owned(),
        None if context.body().is_empty() => return Err(Error::invalid("the body is empty; Braintree sends XML")),
        None => format!("{}\n", Encoding::Base64.encode(context.body())),
    };
    let signature = Encoding::Hex.encode(digest(private, &[payload.as_bytes()]).bytes());
    let body = format!("bt_signature={}&bt_payload={}", form::encode(&format!("{public}|{signature}")), form::encode(&payload));
    let headers = vec![("Content-Type".into(), "application/x-www-form-urlencoded".into())];
    Ok(Signed { headers, url: None, body: Some(body) })
}

/// The payload is XML with a `kind` and the time of the occurrence. It has no identity, so its bytes are one; the signature beside it is not
/// part of them.
fn item(context: &Context) -> Option<Vec<Item>> {
    let payload = form::value(context.body(), "bt_payload")?;
    let stripped: String = payload.split('\n').collect();
    let xml = base64_forgiving(&stripped).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let kind = xml.split_once("<kind>").and_then(|(_, rest)| rest.split_once("</kind>")).map(|(kind, _)| kind.trim().to_owned());
    let key = xml.contains("<timestamp").then(|| format!("sha256:{}", sha256_hex(&[stripped.as_bytes()])));
    Some(vec![Item { event_type: kind, key, span: None }])
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    const XML: &str = "<notification><timestamp type=\"datetime\">2026-01-01T00:00:00Z</timestamp><kind>subscription_charged_successfully</kind></notification>";

    fn case() -> Case {
        Case::new("braintree").secret("test_public|test_private")
    }

    #[test]
    fn the_payload_is_verified_and_its_kind_read() {
        let signed = case().body(XML).signed();
        let (event_type, key) = signed.event();
        assert_eq!(event_type.as_deref(), Some("subscription_charged_successfully"));
        assert!(key.starts_with("sha256:"));
        let other = Case::new("braintree").secret("other|test_private").body(signed.request().body);
        assert_eq!(other.refusal(), Reason::BadSignature);
        assert_eq!(case().body("bt_signature=x").refusal(), Reason::MalformedBody);
        assert_eq!(Case::new("braintree").secret("test_private").body(signed.request().body).refusal(), Reason::NoSecret);
    }

    #[test]
    fn a_challenge_is_signed_and_nothing_else() {
        let challenge = |text: &str| case().method("GET").url(&format!("https://example.com/hook?bt_challenge={text}"));
        let response = challenge("20f9f8ed05f77439fe955c977e4c8a53").handshake();
        assert!(response.body.starts_with("test_public|"));
        assert_eq!(response.body.len(), "test_public|".len() + 40);
        let signed = response.body.replace('|', "%7C");
        for end in ["", "%0A"] {
            let forged = format!("bt_signature={signed}&bt_payload=20f9f8ed05f77439fe955c977e4c8a53{end}");
            assert_eq!(case().body(forged).refusal(), Reason::MalformedBody);
        }
        for other in ["20f9", "20F9F8ED05F77439FE955C977E4C8A53", "zzf9f8ed05f77439fe955c977e4c8a53", "20f9f8ed05f77439fe955c977e4c8a5300"]
        {
            assert_eq!(challenge(other).refusal(), Reason::MalformedBody, "{other}");
        }
    }
}
