//! HubSpot: version 3 signs method, URL, body and time. Versions 1 and 2 are plain hashes without a time, so they count only where asked for.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::digest::{Digest, Hash};
use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::limits::shown;
use super::engine::refusal::{Checked, Refusal};
use super::engine::template::{Part, check_whole_body};
use super::engine::timestamp::{Future, Joint, Place, Timestamp, Unit};
use super::engine::url::{signed_url, signed_urls};
use super::options::{Kind, OptionSpec, Preset};
use super::provider::{ANY_METHOD, CustomScheme, Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Reason, Signed};
use crate::error::{Error, Result};

pub(crate) static HUBSPOT: Provider = Provider {
    name: "hubspot",
    title: "HubSpot",
    docs: "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
    methods: ANY_METHOD,
    scheme: Scheme::Custom(CustomScheme {
        about: "v3: HMAC-SHA-256 over `{method}{url}{body}{timestamp}`, base64; v2 and v1 (option version): SHA-256 over `{secret}{method}{url}{body}` and `{secret}{body}`, hex",
        headers: &[V3_HEADER, TIME_HEADER, OLD_HEADER, VERSION_HEADER],
        signed: &[Part::Method, Part::Url, Part::Body],
        verify,
        sign,
    }),
    options: &[
        OptionSpec { name: "version", kind: Kind::Choice(&["v3", "v2", "v1"]), default: Preset::Text("v3") },
        OptionSpec::tolerance(300),
        OptionSpec::PUBLIC_URL,
    ],
    event: Event {
        types: &[Source::Json("subscriptionType"), Source::Json("eventType")],
        // The event's id is documented as not unique, objects are numbered in each account for itself, and associations name two of them.
        keys: &[Source::All(&[Source::Json("eventId"), Source::Digest]), Source::DigestWith(&[Source::Json("occurredAt")])],
        batch: Batch::Body,
        renewed: &["attemptNumber"],
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(DAY),
        body: Repeat::Renewed,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "eventId is documented as not unique, so all but attemptNumber is digested; a workflow's request has neither id nor time",
    },
    types: Types::Some(&[
        "contact.creation",
        "contact.deletion",
        "contact.propertyChange",
        "company.creation",
        "deal.creation",
        "deal.propertyChange",
    ]),
    trouble: &[(Reason::BadSignature, "the secret is the app's client secret, and the signed URL is the target URL as HubSpot has it")],
    ..Provider::BASE
};

const V3_HEADER: &str = "X-HubSpot-Signature-v3";
const TIME_HEADER: &str = "X-HubSpot-Request-Timestamp";
const OLD_HEADER: &str = "X-HubSpot-Signature";
const VERSION_HEADER: &str = "X-HubSpot-Signature-Version";

const TIMESTAMP: Timestamp<'static> = Timestamp { place: Place::Header(TIME_HEADER), unit: Unit::Milliseconds, future: Future::Passes };

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let secret = verify_signature(context, secrets)?;
    // Method, URL and body are signed with nothing between them, and a plain hash can be continued behind its end.
    check_whole_body(context)?;
    Ok(secret)
}

fn verify_signature<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    // A newer signature governs wherever there is one: an older one must not rescue it.
    match context.options.text("version") {
        Some(version @ ("v1" | "v2")) if context.first_header(V3_HEADER).is_none() => verify_hash(version, context, secrets),
        _ => verify_v3(context, secrets),
    }
}

fn verify_v3<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let header = context.required_header(V3_HEADER)?;
    let timestamp = context.required_header(TIME_HEADER)?;
    let signature = Encoding::Base64.decode(header).ok_or_else(|| Refusal::malformed(V3_HEADER, "base64"))?;
    let urls = signed_urls(context)?;
    let signs = |secret: &&str, url: &str| {
        let parts = v3_parts(context, timestamp, url);
        Hash::Sha256.hmac(secret.as_bytes(), &parts.each_ref().map(AsRef::as_ref)).matches(&signature)
    };
    let matching = secrets.usable().find(|secret| urls.iter().any(|url| signs(secret, url)));
    let secret = matching.ok_or_else(Refusal::signature)?;
    TIMESTAMP.check(context, timestamp, Joint::Touching, TIME_HEADER)?;
    Ok(secret)
}

fn v3_parts<'a>(context: &Context<'a>, timestamp: &'a str, url: &str) -> [Cow<'a, [u8]>; 4] {
    let method = context.request.method.to_ascii_uppercase();
    [method.into_bytes().into(), decode_url(url).into_bytes().into(), context.body().into(), timestamp.as_bytes().into()]
}

/// Version 3 signs the URL with exactly these escapes decoded.
fn decode_url(url: &str) -> String {
    const DECODED: [(&str, char); 12] = [
        ("3A", ':'),
        ("2F", '/'),
        ("3F", '?'),
        ("40", '@'),
        ("21", '!'),
        ("24", '$'),
        ("27", '\''),
        ("28", '('),
        ("29", ')'),
        ("2A", '*'),
        ("2C", ','),
        ("3B", ';'),
    ];
    let mut pieces = url.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let escape = piece.get(..2).and_then(|hex| DECODED.iter().find(|(code, _)| code.eq_ignore_ascii_case(hex)));
        match escape {
            Some((_, character)) => {
                decoded.push(*character);
                decoded.push_str(&piece[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(piece);
            }
        }
    }
    decoded
}

fn verify_hash<'s>(version: &str, context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let header = context.required_header(OLD_HEADER)?;
    if let Some(given) = context.header(VERSION_HEADER)?
        && !given.eq_ignore_ascii_case(version)
    {
        let detail = format!("the request is signed with {}, the endpoint takes {version} (option version)", shown(given));
        return Err(Refusal::new(Reason::NotAllowed, detail));
    }
    let signature = Encoding::Hex.decode(header).ok_or_else(|| Refusal::malformed(OLD_HEADER, "lower-case hex"))?;
    let urls = if version == "v1" { vec![Cow::Borrowed("")] } else { signed_urls(context)? };
    let signs = |secret: &&str, url: &str| hash(version, context, secret, url).matches(&signature);
    let matching = secrets.usable().find(|secret| urls.iter().any(|url| signs(secret, url)));
    matching.ok_or_else(Refusal::signature)
}

/// The plain hash of versions 1 and 2.
fn hash(version: &str, context: &Context, secret: &str, url: &str) -> Digest {
    let method = context.request.method.to_ascii_uppercase();
    match version {
        "v1" => Hash::Sha256.digest(&[secret.as_bytes(), context.body()]),
        _ => Hash::Sha256.digest(&[secret.as_bytes(), method.as_bytes(), url.as_bytes(), context.body()]),
    }
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let invalid = |refusal: Refusal| Error::invalid(refusal.detail);
    let version = context.options.text("version").unwrap_or("v3");
    let headers = if version == "v3" {
        let timestamp = Unit::Milliseconds.format_at(Joint::Touching, context.now_ms);
        let parts = v3_parts(context, &timestamp, &signed_url(context).map_err(invalid)?);
        let parts = parts.each_ref().map(AsRef::as_ref);
        let signature = Encoding::Base64.encode(Hash::Sha256.hmac(secret.as_bytes(), &parts).bytes());
        vec![(V3_HEADER.into(), signature), (TIME_HEADER.into(), timestamp)]
    } else {
        let url = if version == "v1" { Cow::Borrowed("") } else { signed_url(context).map_err(invalid)? };
        let signature = Encoding::Hex.encode(hash(version, context, secret, &url).bytes());
        vec![(OLD_HEADER.into(), signature), (VERSION_HEADER.into(), version.into())]
    };
    Ok(Signed { headers, ..Signed::default() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, NOW_MS};
    use super::*;

    const BODY: &str = r#"[{"eventId": 1, "subscriptionId": 2, "objectId": 3, "occurredAt": 4, "subscriptionType": "contact.creation", "attemptNumber": 0}]"#;

    fn case(version: &str) -> Case {
        Case::new("hubspot").options(&format!(r#"{{"version": "{version}"}}"#)).secret("test-secret").body(BODY).signed()
    }

    #[test]
    fn every_version_verifies_as_itself() {
        for version in ["v1", "v2", "v3"] {
            let items = case(version).items();
            assert_eq!(items.len(), 1);
            assert_eq!(items[0].event_type.as_deref(), Some("contact.creation"));
            assert!(items[0].key.as_deref().unwrap().starts_with("1:sha256:"));
            assert_eq!(case(version).body("[]").refusal(), Reason::BadSignature);
        }
    }

    #[test]
    fn a_valid_older_signature_rescues_nothing() {
        let old = case("v1").get(OLD_HEADER).to_owned();
        let both = case("v3").header(OLD_HEADER, &old).header(VERSION_HEADER, "v1");
        both.items();
        let wrong = both.header(V3_HEADER, &format!("{}=", "A".repeat(43))).options(r#"{"version": "v1"}"#);
        assert_eq!(wrong.refusal(), Reason::BadSignature);
        let missing = Case::new("hubspot").secret("test-secret").body(BODY).header(OLD_HEADER, &old);
        assert_eq!(missing.refusal(), Reason::MissingHeader);
        assert_eq!(case("v1").options(r#"{"version": "v2"}"#).refusal(), Reason::NotAllowed);
    }

    #[test]
    fn only_the_listed_escapes_are_decoded() {
        assert_eq!(decode_url("https://a.example/x%3Ay%2f?z=%20%26%3D%2B%25%40%"), "https://a.example/x:y/?z=%20%26%3D%2B%25@%");
        let escaped = Case::new("hubspot").secret("test-secret").url("https://a.example/x%3Ay").body(BODY).signed();
        escaped.clone().url("https://a.example/x:y").items();
        assert_eq!(escaped.url("https://a.example/x%20y").refusal(), Reason::BadSignature);
    }

    #[test]
    fn age_counts_in_milliseconds() {
        case("v3").at(NOW_MS + 300_000).items();
        assert_eq!(case("v3").at(NOW_MS + 300_001).refusal(), Reason::TimestampOutOfTolerance);
        case("v3").at(NOW_MS - 900_000).items();
    }
}
