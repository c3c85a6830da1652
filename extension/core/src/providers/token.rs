//! Any sender that puts a shared secret into a header. The body is not protected.

use super::engine::context::Context;
use super::engine::event::{Event, Source};
use super::engine::refusal::Checked;
use super::engine::template::Part;
use super::engine::token::TokenScheme;
use super::options::{Kind, OptionSpec, Preset};
use super::provider::{ANY_METHOD, CustomScheme, Provider, Scheme};
use super::redact::Redaction;
use super::redelivery::{Grain, Proof, Redelivery};
use super::secrets::Secrets;
use super::verdict::{Reason, Signed};
use crate::error::Result;

pub(crate) static TOKEN: Provider = Provider {
    name: "token",
    title: "Token in a header",
    docs: "https://www.rfc-editor.org/rfc/rfc9110#name-header-fields",
    methods: ANY_METHOD,
    scheme: Scheme::Custom(CustomScheme {
        about: "shared secret in the header of option header, after the text of option prefix",
        headers: &["X-Webhook-Token"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[
        OptionSpec { name: "header", kind: Kind::Header, default: Preset::Text("X-Webhook-Token") },
        OptionSpec { name: "prefix", kind: Kind::Text, default: Preset::Text("") },
        OptionSpec::ID_HEADER,
        OptionSpec::ID_PATH,
        OptionSpec::ID_FALLBACK,
        OptionSpec::TYPE_HEADER,
        OptionSpec::TYPE_PATH,
    ],
    event: GENERIC_EVENT,
    redelivery: GENERIC_REDELIVERY,
    redaction: Redaction { header_option: Some("header"), ..Redaction::NONE },
    trouble: &[(
        Reason::BadSignature,
        "the secret is a text that you choose and configure at both ends: at the sender as the value of the header, and here without the text of option prefix",
    )],
    ..Provider::BASE
};

/// Type and identity where the options say they are: what all generic providers share.
pub(super) const GENERIC_EVENT: Event = Event {
    types: TYPES,
    keys: &[
        // An object's id is no identity, but with the type it is one for what happens to an object once.
        Source::All(&[Source::AnyOf(TYPES), Source::AnyOf(IDS)]),
        Source::AnyOf(IDS),
        // A type that stands in a header tells equal bodies apart.
        Source::All(&[Source::HeaderOption("type_header"), Source::DigestOption("id_fallback")]),
        Source::DigestOption("id_fallback"),
    ],
    identity: "type, where an option names it, + option id_header, else option id_path; else digest (after the header of option type_header) where option id_fallback is `digest`; else none",
    ..Event::UNKNOWN
};

const TYPES: &[Source] = &[Source::HeaderOption("type_header"), Source::JsonOption("type_path")];
const IDS: &[Source] = &[Source::HeaderOption("id_header"), Source::JsonOption("id_path")];

/// Nothing is known of the senders of generic providers, so equal bytes are no retry unless an option says so.
pub(super) const GENERIC_REDELIVERY: Redelivery = Redelivery {
    proof: Proof::SharedSecret,
    grain: Grain::Options,
    note: "name the identity with `id_header` or `id_path`, or say `id_fallback: \"digest\"` where the sender's retries alone have equal bytes; \
           otherwise each receipt is a new event",
    ..Redelivery::UNSTATED
};

fn scheme<'a>(context: &Context<'a>) -> TokenScheme<'a> {
    let option = |name| context.options.text(name).unwrap_or_default();
    TokenScheme { header: option("header"), prefix: option("prefix") }
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    scheme(context).verify(context, secrets)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    Ok(scheme(context).sign(secret))
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::Case;

    fn case() -> Case {
        Case::new("token").secret("test-secret").body(r#"{"id": "7", "kind": "a"}"#)
    }

    #[test]
    fn the_whole_value_counts() {
        case().header("X-Webhook-Token", "test-secret").items();
        for wrong in ["test-secre", "test-secrets", "Test-secret", "", "other"] {
            assert_eq!(case().header("X-Webhook-Token", wrong).refusal(), Reason::BadSignature);
        }
        assert_eq!(case().refusal(), Reason::MissingHeader);
        assert_eq!(case().repeated("x-webhook-token", "test-secret").repeated("x-webhook-token", "x").refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn header_prefix_and_paths_are_options() {
        let options = r#"{"header": "X-Api-Token", "prefix": "Token ", "id_path": "id", "type_path": "kind"}"#;
        let case = case().options(options).header("x-api-token", "token test-secret");
        assert_eq!(case.event(), (Some("a".into()), "a:7".into()));
        assert_eq!(case.header("x-api-token", "test-secret").refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn blank_secrets_verify_nothing() {
        let blank = Case::new("token").secret("").secret(" ").header("X-Webhook-Token", " ");
        assert_eq!(blank.refusal(), Reason::NoSecret);
        assert_eq!(Case::new("token").header("X-Webhook-Token", "").refusal(), Reason::NoSecret);
    }
}
