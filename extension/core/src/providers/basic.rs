//! Any sender that authorises itself with a user and a password (RFC 7617). The body is not protected.

use super::engine::context::Context;
use super::engine::digest::Digest;
use super::engine::encoding::{Encoding, base64_forgiving};
use super::engine::refusal::{Checked, Refusal};
use super::engine::template::Part;
use super::options::OptionSpec;
use super::provider::{ANY_METHOD, CustomScheme, Provider, Scheme};
use super::redact::Redaction;
use super::secrets::{Secrets, is_blank};
use super::token::{GENERIC_EVENT, GENERIC_REDELIVERY};
use super::verdict::{Reason, Signed};
use crate::error::Result;

pub(crate) static BASIC: Provider = Provider {
    name: "basic",
    title: "HTTP Basic",
    docs: "https://www.rfc-editor.org/rfc/rfc7617",
    methods: ANY_METHOD,
    scheme: Scheme::Custom(CustomScheme {
        about: "HTTP Basic; a secret is `user:password`, or the password alone for any user",
        headers: &["Authorization"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::ID_HEADER, OptionSpec::ID_PATH, OptionSpec::ID_FALLBACK, OptionSpec::TYPE_HEADER, OptionSpec::TYPE_PATH],
    event: GENERIC_EVENT,
    redelivery: GENERIC_REDELIVERY,
    redaction: Redaction::headers(&["authorization"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is `user:password`, or the password alone for any user; you choose it and configure it at both ends, at the sender as credentials or in the URL (`https://user:password@…`)",
    )],
    ..Provider::BASE
};

/// A secret with a colon is user and password, one without is the password.
pub(super) fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let value = context.required_header("Authorization")?;
    let malformed = || Refusal::malformed("Authorization", "Basic <base64 of user:password>");
    let (scheme, encoded) = value.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = base64_forgiving(encoded.trim_matches(' ')).map(text).ok_or_else(malformed)?;
    let (_, password) = decoded.split_once(':').ok_or_else(malformed)?;
    let matches = |secret: &&str| {
        let given = if secret.contains(':') { &decoded } else { password };
        // `user:` alone would accept an empty password.
        let is_usable = secret.split_once(':').is_none_or(|(_, password)| !is_blank(password));
        is_usable && Digest::of_token(secret).matches_token(given)
    };
    secrets.usable().find(matches).ok_or_else(|| Refusal::new(Reason::BadSignature, "user and password are not one of the secrets"))
}

/// Credentials are UTF-8; clients from before RFC 7617 write them in Latin-1.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

pub(super) fn sign(_: &Context, secret: &str) -> Result<Signed> {
    let credentials = if secret.contains(':') { secret.to_owned() } else { format!("knocker:{secret}") };
    let value = format!("Basic {}", Encoding::Base64.encode(credentials.as_bytes()));
    Ok(Signed { headers: vec![("Authorization".into(), value)], ..Signed::default() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    #[test]
    fn the_example_of_the_rfc_verifies() {
        let case = Case::new("basic").secret("test:123£").header("Authorization", "Basic dGVzdDoxMjPCow==");
        case.items();
        case.header("Authorization", "bAsIc dGVzdDoxMjPCow").items();
    }

    #[test]
    fn a_password_may_hold_colons_and_a_user_may_be_blank() {
        Case::new("basic").secret("user:a:b").signed().items();
        Case::new("basic").secret(":test-secret").signed().items();
        Case::new("basic").secret("test-secret").signed().items();
        assert_eq!(Case::new("basic").secret("test-secret").signed_with("user:test:secret").refusal(), Reason::BadSignature);
    }

    #[test]
    fn other_shapes_are_refused() {
        let case = Case::new("basic").secret("user:test-secret");
        assert_eq!(case.refusal(), Reason::MissingHeader);
        for malformed in ["Basic", "Bearer dXNlcjpw", "Basic ???", "Basic dXNlcg==", "Basic /////w=="] {
            assert_eq!(case.clone().header("Authorization", malformed).refusal(), Reason::MalformedHeader, "{malformed}");
        }
        assert_eq!(case.clone().signed_with("other:test-secret").refusal(), Reason::BadSignature);
        assert_eq!(case.signed_with("user:test-secre").refusal(), Reason::BadSignature);
    }

    #[test]
    fn an_empty_password_is_no_secret() {
        let case = Case::new("basic").secret("user:").header("Authorization", "Basic dXNlcjo=");
        assert_eq!(case.refusal(), Reason::BadSignature);
    }
}
