//! Mailgun signs a time and a token inside the body, and not the body itself.

use super::engine::context::Context;
use super::engine::digest::{Hash, sha256_hex};
use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::form;
use super::engine::json::Json;
use super::engine::json_edit;
use super::engine::refusal::{Checked, Refusal};
use super::engine::template::Part;
use super::engine::timestamp::{Future, Unit};
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::secrets::Secrets;
use super::verdict::{Item, Signed};
use crate::error::Result;

pub(crate) static MAILGUN: Provider = Provider {
    name: "mailgun",
    title: "Mailgun",
    docs: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 over `{timestamp}{token}` of the body's signature object, hex; the rest of the body is not protected",
        headers: &[],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(0)],
    event: Event { keys: &[Source::Digest], batch: Batch::Custom(item), identity: "body signature.token", ..Event::UNKNOWN },
    ..Provider::BASE
};

/// Timestamp, token and signature: of the JSON body, or of the form that a route posts.
fn signature(context: &Context) -> Option<[String; 3]> {
    let body = context.body();
    let names = ["timestamp", "token", "signature"];
    if let Some(object) = Json::parse(body).and_then(|json| json.get("signature")) {
        let [timestamp, token, signature] = object.get_each(names).map(|value| value.and_then(Json::text).map(|text| text.into_owned()));
        return Some([timestamp?, token?, signature?]);
    }
    let [timestamp, token, signature] = names.map(|name| form::value(body, name).map(|text| text.into_owned()));
    Some([timestamp?, token?, signature?])
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let [timestamp, token, signature] = signature(context).ok_or_else(|| Refusal::body("the body has no signature object"))?;
    let signature = Encoding::Hex.decode(&signature).ok_or_else(|| Refusal::body("the body's signature is not lower-case hex"))?;
    let signs = |secret: &&str| Hash::Sha256.hmac(secret.as_bytes(), &[timestamp.as_bytes(), token.as_bytes()]).matches(&signature);
    let secret = secrets.usable().find(signs).ok_or_else(Refusal::signature)?;
    if Json::parse(context.body()).is_some_and(|json| json.is_object() && !json.is_unambiguous()) {
        return Err(Refusal::body("the body has two fields of one name"));
    }
    if context.options.number("tolerance_s") != Some(0) {
        let ms = Unit::Seconds.parse(&timestamp).ok_or_else(|| Refusal::body("the body's timestamp is not in seconds"))?;
        Future::Tolerated.check(context, Unit::Seconds, ms)?;
    }
    Ok(secret)
}

/// The token is the identity: it is what the signature covers, so a copy of it with another event's data is a duplicate.
fn item(context: &Context) -> Option<Vec<Item>> {
    let [_, token, _] = signature(context)?;
    let event = Json::parse(context.body()).and_then(|json| json.get("event-data.event")?.string()).map(|text| text.into_owned());
    let event_type = event.or_else(|| form::value(context.body(), "event").map(|text| text.into_owned()));
    Some(vec![Item { event_type, key: Some(token), span: None }])
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let timestamp = Unit::Seconds.format(context.now_ms);
    let token = sha256_hex(&[timestamp.as_bytes(), context.body()])[..50].to_owned();
    let signature = Encoding::Hex.encode(Hash::Sha256.hmac(secret.as_bytes(), &[timestamp.as_bytes(), token.as_bytes()]).bytes());
    let object = format!(r#"{{"timestamp":"{timestamp}","token":"{token}","signature":"{signature}"}}"#);
    Ok(Signed { body: Some(json_edit::set(context.body(), "signature", &object)?), ..Signed::default() })
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

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
    fn forms_of_routes_verify_too() {
        let signature = hex::encode(crate::providers::engine::digest::Hash::Sha256.hmac(b"test-secret", &[b"1767225600", b"abc"]).bytes());
        let form = format!("recipient=a%40example.com&timestamp=1767225600&token=abc&signature={signature}");
        assert_eq!(case().body(form).event().1, "abc");
    }
}
