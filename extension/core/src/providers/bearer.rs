//! Any sender that authorises itself with a bearer token (RFC 6750). The body is not protected.

use super::engine::token::TokenScheme;
use super::options::OptionSpec;
use super::provider::{ANY_METHOD, Provider, Scheme};
use super::redact::Redaction;
use super::token::{GENERIC_EVENT, GENERIC_REDELIVERY};
use super::verdict::Reason;

pub(crate) static BEARER: Provider = Provider {
    name: "bearer",
    title: "Bearer token",
    docs: "https://www.rfc-editor.org/rfc/rfc6750",
    methods: ANY_METHOD,
    scheme: Scheme::Token(TokenScheme { header: "Authorization", prefix: "Bearer " }),
    options: &[OptionSpec::ID_HEADER, OptionSpec::ID_PATH, OptionSpec::ID_FALLBACK, OptionSpec::TYPE_HEADER, OptionSpec::TYPE_PATH],
    event: GENERIC_EVENT,
    redelivery: GENERIC_REDELIVERY,
    redaction: Redaction::headers(&["authorization"]),
    trouble: &[(Reason::BadSignature, "the secret is a token that you choose and configure at both ends; here without the word `Bearer`")],
    ..Provider::BASE
};

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    #[test]
    fn the_scheme_has_no_case_and_the_token_has() {
        let case = Case::new("bearer").secret("Test-Secret");
        case.clone().header("Authorization", "bEARER Test-Secret").items();
        assert_eq!(case.clone().header("Authorization", "Bearer test-secret").refusal(), Reason::BadSignature);
        assert_eq!(case.clone().header("Authorization", "Test-Secret").refusal(), Reason::MalformedHeader);
        assert_eq!(case.header("Authorization", "Basic Test-Secret").refusal(), Reason::MalformedHeader);
    }
}
