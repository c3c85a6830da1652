//! Any sender that signs with an HMAC: header, prefix, hash, encoding, signed template, timestamp, identity and type are options.

use super::engine::algorithm::Algorithm;
use super::engine::context::Context;
use super::engine::digest::Hash;
use super::engine::encoding::{Encoding, KeyForm};
use super::engine::refusal::{Checked, Refusal};
use super::engine::signature::{Form, SignatureScheme};
use super::engine::template::{Part, open_joint};
use super::engine::timestamp::{Future, Place, Timestamp, Unit};
use super::options::{Kind, OptionSpec, Options, Preset};
use super::provider::{ANY_METHOD, CustomScheme, Provider, Scheme};
use super::redelivery::{Proof, Redelivery};
use super::secrets::Secrets;
use super::token::{GENERIC_EVENT, GENERIC_REDELIVERY};
use super::verdict::{Reason, Signed};
use crate::error::{Error, Result};

pub(crate) static HMAC: Provider = Provider {
    name: "hmac",
    aliases: &["generic", "custom"],
    title: "HMAC",
    docs: "https://www.rfc-editor.org/rfc/rfc2104",
    methods: ANY_METHOD,
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC of option algorithm over option template, in option encoding after option prefix",
        headers: &["X-Signature"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[
        OptionSpec { name: "header", kind: Kind::Header, default: Preset::Text("X-Signature") },
        OptionSpec { name: "prefix", kind: Kind::Text, default: Preset::Text("") },
        OptionSpec { name: "algorithm", kind: Kind::Choice(&["sha1", "sha256", "sha512"]), default: Preset::Text("sha256") },
        OptionSpec { name: "encoding", kind: Kind::Choice(&["hex", "base64"]), default: Preset::Text("hex") },
        OptionSpec { name: "template", kind: Kind::Template, default: Preset::Text("{body}") },
        OptionSpec { name: "secret_encoding", kind: Kind::Choice(&["text", "base64", "hex"]), default: Preset::Text("text") },
        OptionSpec { name: "timestamp_header", kind: Kind::Header, default: Preset::Nothing },
        OptionSpec { name: "timestamp_unit", kind: Kind::Choice(&["s", "ms", "iso8601"]), default: Preset::Text("s") },
        OptionSpec::tolerance(300),
        OptionSpec::PUBLIC_URL,
        OptionSpec::ID_HEADER,
        OptionSpec::ID_PATH,
        OptionSpec::ID_FALLBACK,
        OptionSpec::TYPE_HEADER,
        OptionSpec::TYPE_PATH,
    ],
    check_options: Some(check_options),
    event: GENERIC_EVENT,
    redelivery: Redelivery {
        proof: Proof::UnsignedHeader,
        note: "a path is signed where the template has the body, a header, that of the type too, only where it has that header; \
               without `id_header`, `id_path` and `id_fallback: \"digest\"` each receipt is a new event",
        ..GENERIC_REDELIVERY
    },
    trouble: &[(
        Reason::BadSignature,
        "the secret is one that you choose and configure at both ends, or that the sender shows where its webhook is set up; option secret_encoding says whether it is text, hex or base64",
    )],
    ..Provider::BASE
};

/// The template must protect something, and say where its timestamp comes from.
fn check_options(options: &Options) -> Result<()> {
    let template = options.text("template").unwrap_or_default();
    let parts = Part::parse(template)?;
    let signs_timestamp = parts.contains(&Part::Timestamp);
    let has_header = options.text("timestamp_header").is_some();
    if !parts.contains(&Part::Body) {
        let detail =
            format!("option template: {template:?} leaves the body unprotected, so that anybody may change it; put {{body}} into it");
        return Err(Error::invalid(detail));
    }
    if let Some(touching) = open_joint(&parts) {
        let touching = Part::describe(touching);
        let detail = format!("option template: {touching} could be cut elsewhere than the sender joined them; put something between them");
        return Err(Error::invalid(detail));
    }
    if signs_timestamp && !has_header {
        return Err(Error::invalid("option template: {timestamp} needs the option timestamp_header"));
    }
    if has_header && !signs_timestamp {
        let detail = "option timestamp_header: a timestamp that is not signed proves nothing; put {timestamp} into the option template";
        return Err(Error::invalid(detail));
    }
    Ok(())
}

fn parts<'a>(context: &Context<'a>) -> Result<Vec<Part<'a>>> {
    Part::parse(context.options.text("template").unwrap_or("{body}"))
}

fn scheme<'a>(options: &'a Options, signed: &'a [Part<'a>]) -> SignatureScheme<'a> {
    let option = |name| options.text(name).unwrap_or_default();
    SignatureScheme {
        header: option("header"),
        form: Form::Prefixed(option("prefix")),
        algorithm: Algorithm::Hmac(Hash::from_option(option("algorithm"))),
        encoding: Encoding::from_option(option("encoding")),
        signed,
        key: KeyForm::from_option(option("secret_encoding")),
        timestamp: options.text("timestamp_header").map(|header| Timestamp {
            place: Place::Header(header),
            unit: Unit::from_option(option("timestamp_unit")),
            future: Future::Tolerated,
        }),
    }
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let parts = parts(context).map_err(|error| Refusal::new(Reason::NotAllowed, error.message()))?;
    scheme(context.options, &parts).verify(context, secrets)
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let parts = parts(context)?;
    scheme(context.options, &parts).sign(context, secret)
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::super::testing::{Case, NOW_MS};
    use super::*;

    fn case(options: &str) -> Case {
        Case::new("hmac").options(options).secret("test-secret").body(r#"{"id": 7, "event": {"name": "paid"}}"#)
    }

    #[test]
    fn every_combination_signs_and_verifies() {
        for algorithm in ["sha1", "sha256", "sha512"] {
            for encoding in ["hex", "base64"] {
                for template in ["{body}", "{url}{body}", "{method} {url} {header:x-id} {body}", "v0:{body}:v0"] {
                    let options =
                        format!(r#"{{"algorithm": "{algorithm}", "encoding": "{encoding}", "template": "{template}", "prefix": "s="}}"#);
                    let case = case(&options).header("X-Id", "1").signed();
                    case.items();
                    assert_eq!(
                        case.header("x-signature", "s=00").refusal(),
                        match encoding {
                            "hex" => Reason::BadSignature,
                            _ => Reason::MalformedHeader,
                        }
                    );
                }
            }
        }
    }

    #[test]
    fn timestamps_have_units_and_a_tolerance_both_ways() {
        for unit in ["s", "ms", "iso8601"] {
            let options = format!(
                r#"{{"timestamp_header": "X-Time", "timestamp_unit": "{unit}", "template": "{{timestamp}}.{{body}}", "tolerance_s": 60}}"#
            );
            let case = case(&options).signed();
            for near in [-60_000, 0, 60_000] {
                case.clone().at(NOW_MS + near).items();
            }
            for far in [-61_000, 61_000] {
                assert_eq!(case.clone().at(NOW_MS + far).refusal(), Reason::TimestampOutOfTolerance, "{unit} {far}");
            }
            assert_eq!(case.header("x-time", "soon").refusal(), Reason::BadSignature, "{unit}");
        }
    }

    #[test]
    fn identity_and_type_come_from_headers_or_paths() {
        let both = r#"{"id_header": "X-Id", "id_path": "id", "type_header": "X-Type", "type_path": "event.name"}"#;
        assert_eq!(case(both).signed().event(), (Some("paid".into()), "paid:7".into()));
        assert_eq!(case(both).header("X-Id", "a").header("X-Type", "b").signed().event(), (Some("b".into()), "b:a".into()));
        assert_eq!(case(both).header("X-Id", "").signed().event().1, "paid:7");
        let long = "x".repeat(300);
        assert!(case(both).header("X-Id", &long).signed().event().1.starts_with("sha256:"));
    }

    #[test]
    fn secrets_may_be_encoded() {
        let encoded = case(r#"{"secret_encoding": "base64"}"#).secret("dGVzdA==");
        encoded.clone().signed().items();
        let none = Case::new("hmac").options(r#"{"secret_encoding": "hex"}"#).secret("not hex").header("x-signature", "00");
        assert_eq!(none.refusal(), Reason::NoSecret);
    }

    #[test]
    fn templates_that_prove_nothing_are_refused() {
        let message = |json: &str| find("hmac").unwrap().options(json).unwrap_err().message().to_owned();
        for template in ["x", "", "{url}", "{method} {header:x-id}", "{timestamp}"] {
            let message = message(&format!(r#"{{"template": "{template}"}}"#));
            assert_eq!(
                message,
                format!("option template: {template:?} leaves the body unprotected, so that anybody may change it; put {{body}} into it")
            );
        }
        assert!(message(r#"{"template": "{timestamp}{body}"}"#).contains("timestamp_header"));
        let touching = message(r#"{"template": "{header:x-id}{header:x-kind}.{body}"}"#);
        assert!(touching.starts_with("option template: {x-id}{x-kind} could be cut elsewhere"), "{touching}");
        assert!(message(r#"{"timestamp_header": "x-t"}"#).contains("{timestamp}"));
    }
}
