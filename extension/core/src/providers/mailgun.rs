//! Mailgun signs a time and a token inside the body, and not the body itself.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::digest::{Hash, sha256_hex};
use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event};
use super::engine::form;
use super::engine::json::Json;
use super::engine::json_edit;
use super::engine::multipart;
use super::engine::refusal::{Checked, Refusal};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Joint, Unit};
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::receiving::{MIB, Receiving};
use super::redelivery::{self, Grain, HOUR, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::Reason;
use super::verdict::{Item, Signed};
use crate::error::Result;

pub(crate) static MAILGUN: Provider = Provider {
    name: "mailgun",
    title: "Mailgun",
    docs: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{timestamp}{token}` of the body, hex, in its signature or parent-signature, as JSON, form or multipart form; the rest of the body is not protected",
        headers: &[],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(0)],
    event: Event { batch: Batch::Custom(item), identity: "body signature.token", ..Event::UNKNOWN },
    receiving: Receiving { largest_body: Some(25 * MIB), final_statuses: "406" },
    redelivery: Redelivery {
        retries: Retries::For(8 * HOUR),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Same,
        proof: redelivery::Proof::Signed,
        grain: Grain::Occurrence,
        note: "the token is what the signature covers; attempts of half a day ago verify still, so there is no tolerance by default",
    },
    types: Types::Some(&["accepted", "delivered", "failed", "opened", "clicked", "unsubscribed", "complained"]),
    trouble: &[(Reason::BadSignature, "the secret is the HTTP webhook signing key of the account, and no API key")],
    ..Provider::BASE
};

/// What the body holds of the signature, from the JSON object, the form or the multipart form of a route.
struct Proof {
    timestamp: String,
    token: String,
    /// The account's signature, and for a subaccount's event that of its parent.
    signatures: Vec<String>,
}

const PARENT: &str = "parent-signature";

impl Proof {
    fn read(context: &Context) -> Option<Self> {
        let json = Json::parse(context.body()).filter(|json| json.is_object());
        let object = json.and_then(|json| json.get("signature")).filter(|json| json.is_object());
        let [timestamp, token, signature, parent] = match object {
            Some(object) => object
                .get_each(["timestamp", "token", "signature", PARENT])
                .map(|value| value.and_then(Json::text).map(|text| text.into_owned())),
            None => Fields::of(context).texts(["timestamp", "token", "signature", PARENT]),
        };
        let signatures: Vec<String> = [signature, parent].into_iter().flatten().collect();
        (!signatures.is_empty()).then_some(Self { timestamp: timestamp?, token: token?, signatures })
    }
}

/// The fields of a body that is no JSON. A route posts a message with attachments as multipart.
enum Fields<'a> {
    Encoded(&'a [u8]),
    Multipart(Vec<(Cow<'a, str>, &'a [u8])>),
}

impl<'a> Fields<'a> {
    fn of(context: &Context<'a>) -> Self {
        let content_type = context.first_header("Content-Type").unwrap_or_default();
        match multipart::is_multipart(content_type) {
            true => Fields::Multipart(multipart::fields(content_type, context.body())),
            false if form::is_json(context.body()) => Fields::Encoded(b""),
            false => Fields::Encoded(context.body()),
        }
    }

    /// The first value of each field, where it is UTF-8.
    fn texts<const N: usize>(&self, names: [&str; N]) -> [Option<String>; N] {
        match self {
            Fields::Encoded(body) => form::values(body, names).map(|value| value.map(Cow::into_owned)),
            Fields::Multipart(fields) => names.map(|name| {
                let (_, value) = fields.iter().find(|(key, _)| key == name)?;
                std::str::from_utf8(value).ok().map(str::to_owned)
            }),
        }
    }
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let proof = Proof::read(context).ok_or_else(|| Refusal::body("the body has no timestamp, token and signature"))?;
    let signatures: Vec<Vec<u8>> = proof.signatures.iter().filter_map(|signature| Encoding::Hex.decode(signature)).collect();
    if signatures.is_empty() {
        return Err(Refusal::body("the body's signature is not lower-case hex"));
    }
    let signs = |secret: &&str| {
        let expected = Hash::Sha256.hmac(secret.as_bytes(), &[proof.timestamp.as_bytes(), proof.token.as_bytes()]);
        signatures.iter().any(|signature| expected.matches(signature))
    };
    let secret = secrets.usable().find(signs).ok_or_else(Refusal::signature)?;
    if Json::parse(context.body()).is_some_and(|json| json.is_object() && !json.is_unambiguous()) {
        return Err(Refusal::body("the body has two fields of one name"));
    }
    // Time and token are signed without anything between them: a digit moved from one to the other would make a new identity.
    let ms = Unit::Seconds.parse_at(Joint::Touching, &proof.timestamp);
    Future::Tolerated.check(context, Unit::Seconds, ms.ok_or_else(|| Refusal::body("the body's timestamp is not in seconds"))?)?;
    Ok(secret)
}

/// The token is the identity: it is what the signature covers, so a copy of it with another event's data is a duplicate.
fn item(context: &Context) -> Option<Vec<Item>> {
    let token = Proof::read(context)?.token;
    let event = Json::parse(context.body()).and_then(|json| json.get("event-data.event")?.string()).map(Cow::into_owned);
    let event_type = event.or_else(|| {
        let [event] = Fields::of(context).texts(["event"]);
        event
    });
    Some(vec![Item { event_type, key: Some(token), span: None }])
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let timestamp = Unit::Seconds.format_at(Joint::Touching, context.now_ms);
    let token = sha256_hex(&[timestamp.as_bytes(), context.body()])[..50].to_owned();
    let signature = Encoding::Hex.encode(Hash::Sha256.hmac(secret.as_bytes(), &[timestamp.as_bytes(), token.as_bytes()]).bytes());
    let object = format!(r#"{{"timestamp":"{timestamp}","token":"{token}","signature":"{signature}"}}"#);
    Ok(Signed { body: Some(json_edit::set(context.body(), "signature", &object)?), ..Signed::default() })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};
    use super::Hash;

    fn case() -> Case {
        Case::new("mailgun").secret("test-secret").body(r#"{"event-data": {"id": "CPgfbmQMTCKtHW6uIWtuVe", "event": "delivered"}}"#)
    }

    #[test]
    fn the_token_is_the_identity() {
        let (event_type, key) = case().signed().event();
        assert_eq!(event_type.as_deref(), Some("delivered"));
        assert_eq!(key.len(), 50);
        assert_eq!(case().signed_with("other").refusal(), Reason::BadSignature);
        assert_eq!(case().refusal(), Reason::MalformedBody);
    }

    #[test]
    fn a_second_signature_object_is_refused() {
        let signed = String::from_utf8(case().signed().request().body.to_vec()).unwrap();
        let doubled = signed.replacen('{', r#"{"event-data": {"event": "opened"}, "#, 1);
        assert_eq!(case().body(doubled).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn age_counts_on_request() {
        case().signed().at(NOW_MS + 86_400_000).items();
        let strict = case().options(r#"{"tolerance_s": 300}"#).signed();
        assert_eq!(strict.at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn a_digit_of_the_token_is_no_digit_of_the_time() {
        let signature = hex::encode(Hash::Sha256.hmac(b"test-secret", &[b"17672256006abc"]).bytes());
        let body = |timestamp: &str, token: &str| {
            format!(r#"{{"signature": {{"timestamp": "{timestamp}", "token": "{token}", "signature": "{signature}"}}}}"#)
        };
        assert_eq!(case().body(body("1767225600", "6abc")).event().1, "6abc");
        assert_eq!(case().body(body("17672256006", "abc")).refusal(), Reason::MalformedBody);
        assert_eq!(case().body(body("176722560", "06abc")).refusal(), Reason::MalformedBody);
        assert_eq!(case().body(body("", "17672256006abc")).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn a_parent_signs_for_its_subaccount() {
        let sign = |secret: &[u8]| hex::encode(Hash::Sha256.hmac(secret, &[b"1767225600", b"abc"]).bytes());
        let (own, parent) = (sign(b"subaccount"), sign(b"test-secret"));
        let body = |object: &str| format!(r#"{{"signature": {{"timestamp": "1767225600", "token": "abc", {object}}}}}"#);
        case().body(body(&format!(r#""signature": "{own}", "parent-signature": "{parent}""#))).items();
        case().body(body(&format!(r#""parent-signature": "{parent}""#))).items();
        let wrong = format!(r#""signature": "{own}", "parent-signature": "{own}""#);
        assert_eq!(case().body(body(&wrong)).refusal(), Reason::BadSignature);
        let strict = case().options(r#"{"tolerance_s": 300}"#).at(NOW_MS + 301_000);
        let old = strict.body(body(&format!(r#""signature": "{own}", "parent-signature": "{parent}""#)));
        assert_eq!(old.refusal(), Reason::TimestampOutOfTolerance);
    }

    #[test]
    fn routes_with_attachments_are_multipart() {
        let signature = hex::encode(Hash::Sha256.hmac(b"test-secret", &[b"1767225600", b"abc"]).bytes());
        let field = |name: &str, value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let body = field("recipient", "a@example.com") + &field("timestamp", "1767225600") + &field("token", "abc");
        let whole = body.clone() + &field("event", "bounced") + &field("signature", &signature) + "--b--\r\n";
        let case = case().header("Content-Type", "multipart/form-data; boundary=b");
        assert_eq!(case.clone().body(&whole).event(), (Some("bounced".into()), "abc".into()));
        assert_eq!(case.clone().body(body + "--b--\r\n").refusal(), Reason::MalformedBody);
        assert_eq!(case.body(whole.replace("abc", "abd")).refusal(), Reason::BadSignature);
    }

    #[test]
    fn forms_of_routes_verify_too() {
        let signature = hex::encode(Hash::Sha256.hmac(b"test-secret", &[b"1767225600", b"abc"]).bytes());
        let form = format!("recipient=a%40example.com&timestamp=1767225600&token=abc&signature={signature}");
        assert_eq!(case().body(form).event().1, "abc");
    }
}
