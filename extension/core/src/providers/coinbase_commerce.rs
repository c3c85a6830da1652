//! Coinbase Commerce signs the body. What followed it (CDP, Payment Links, Payment Acceptance) signs time, some headers and the body.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::digest::Hash;
use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::form;
use super::engine::json::Json;
use super::engine::limits::{SIGNATURES, check_signatures, shown};
use super::engine::refusal::{Checked, Refusal};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::engine::timestamp::{Future, Joint, Place, Timestamp, Unit};
use super::options::OptionSpec;
use super::provider::{CustomScheme, Provider, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Item, Reason, Signed};
use crate::error::{Error, Result};

pub(crate) static COINBASE_COMMERCE: Provider = Provider {
    name: "coinbase-commerce",
    aliases: &["coinbase"],
    title: "Coinbase",
    docs: "https://docs.cdp.coinbase.com/webhooks/verify-signatures",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256, hex: over `{time}.{header names}.{header values}.{body}` as `t=<time>,h=<header names>,v1=<hex>` in X-Hook0-Signature; of Commerce over `{body}` in X-CC-Webhook-Signature",
        headers: &[HOOK0, COMMERCE.header],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    options: &[OptionSpec::tolerance(300)],
    event: Event {
        types: &[Source::Json("event.type")],
        keys: &[Source::Json("event.id")],
        batch: Batch::Custom(item),
        identity: "signed header X-Event-Id; of Commerce: body event.id; else none",
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(3 * DAY),
        body: Repeat::Renewed,
        id: Repeat::Same,
        timestamp: Repeat::Renewed,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "Commerce counts the attempts in the body",
    },
    types: Types::Some(&["charge:created", "charge:confirmed", "charge:failed", "charge:pending", "payment_link.payment.success"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret stands in the answer that created this webhook subscription; of Commerce it is the shared secret under Settings, Notifications; an API key is neither",
    )],
    ..Provider::BASE
};

const COMMERCE: SignatureScheme<'static> = SignatureScheme::hex_of_body("X-CC-Webhook-Signature");
const HOOK0: &str = "X-Hook0-Signature";
const EVENT_ID: &str = "X-Event-Id";
const EVENT_TYPE: &str = "X-Event-Type";
const TIMESTAMP: Timestamp<'static> = Timestamp { place: Place::SignatureHeader, unit: Unit::Seconds, future: Future::Passes };

/// What the header of the newer products says.
struct Claim<'a> {
    time: &'a str,
    /// The names of the signed headers, separated by spaces.
    names: &'a str,
    signatures: Vec<Vec<u8>>,
}

impl<'a> Claim<'a> {
    fn read(context: &Context<'a>) -> Checked<Self> {
        let malformed = || Refusal::malformed(HOOK0, "t=<time>,h=<header names>,v1=<hex>");
        let value = context.required_header(HOOK0)?;
        check_signatures(HOOK0, value.split(',').count(), SIGNATURES)?;
        let pairs: Option<Vec<_>> = value.split(',').map(|pair| pair.trim().split_once('=')).collect();
        let pairs = pairs.ok_or_else(malformed)?;
        let named = |wanted| pairs.iter().filter(move |(name, _)| *name == wanted).map(|(_, text)| *text);
        let single = |wanted| {
            let mut values = named(wanted);
            values.next().filter(|_| values.next().is_none()).ok_or_else(malformed)
        };
        let signatures: Vec<_> = named("v1").filter_map(|text| Encoding::HexAnyCase.decode(text)).collect();
        let claim = Self { time: single("t")?, names: single("h")?, signatures };
        if claim.signatures.is_empty() { Err(malformed()) } else { Ok(claim) }
    }

    /// What is signed before the body.
    fn preamble(&self, context: &Context<'a>) -> Checked<String> {
        check_signatures(HOOK0, self.names.split(' ').count(), SIGNATURES)?;
        let mut values = Vec::new();
        for name in self.names.split(' ').filter(|name| !name.is_empty()) {
            let value = context.header_named(name)?.ok_or_else(|| Refusal::missing(&shown(name)))?;
            // The body begins with its brace, and nothing before that brace can have been a part of it.
            if value.contains(['{', '[']) {
                return Err(Refusal::malformed(&shown(name), "a header that may be signed before a JSON body"));
            }
            values.push(value);
        }
        Ok(format!("{}.{}.{}.", self.time, self.names, values.join(".")))
    }

    fn signs(&self, header: &str) -> bool {
        self.names.split(' ').any(|name| name.eq_ignore_ascii_case(header))
    }
}

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    if context.first_header(HOOK0).is_none() && context.first_header(COMMERCE.header).is_some() {
        return COMMERCE.verify(context, secrets);
    }
    let claim = Claim::read(context)?;
    let preamble = claim.preamble(context)?;
    if !form::is_json(context.body()) {
        return Err(Refusal::body("the body is not JSON, as Coinbase's are"));
    }
    let signs = |secret: &&str| {
        let expected = Hash::Sha256.hmac(secret.as_bytes(), &[preamble.as_bytes(), context.body()]);
        claim.signatures.iter().any(|signature| expected.matches(signature))
    };
    let secret = secrets.usable().find(signs).ok_or_else(Refusal::signature)?;
    TIMESTAMP.check(context, claim.time, Joint::Separated, HOOK0)?;
    Ok(secret)
}

/// The newer form where the request has the headers that it signs.
fn sign(context: &Context, secret: &str) -> Result<Signed> {
    if context.first_header(EVENT_ID).is_none() {
        return COMMERCE.sign(context, secret);
    }
    let time = Unit::Seconds.format(context.now_ms);
    let names: Vec<_> =
        ["content-type", "x-event-id", "x-event-type"].into_iter().filter(|name| context.first_header(name).is_some()).collect();
    let claim = Claim { time: &time, names: &names.join(" "), signatures: Vec::new() };
    let preamble = claim.preamble(context).map_err(|refusal| Error::invalid(refusal.detail))?;
    let signature = Encoding::Hex.encode(Hash::Sha256.hmac(secret.as_bytes(), &[preamble.as_bytes(), context.body()]).bytes());
    let value = format!("t={time},h={},v1={signature}", claim.names);
    Ok(Signed { headers: vec![(HOOK0.into(), value)], ..Signed::default() })
}

/// Type and identity of the newer products, as far as they are signed. `None` for Commerce.
fn item(context: &Context) -> Option<Vec<Item>> {
    let claim = Claim::read(context).ok()?;
    let signed = |header| context.first_header(header).filter(|_| claim.signs(header)).map(str::to_owned);
    let in_body = || {
        let [event_type, kind] = Json::parse(context.body())?.get_each(["eventType", "type"]);
        event_type.and_then(Json::string).or_else(|| kind.and_then(Json::string)).map(Cow::into_owned)
    };
    Some(vec![Item { event_type: signed(EVENT_TYPE).or_else(in_body), key: signed(EVENT_ID), span: None }])
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::super::testing::{Case, NOW_MS};

    const BODY: &str = r#"{"attempt_number": 2, "event": {"id": "e1", "type": "charge:confirmed"}, "id": 5}"#;

    fn payment() -> Case {
        let case = Case::new("coinbase").secret("test-secret").body(r#"{"id": "e1", "eventType": "x"}"#);
        case.header("Content-Type", "application/json").header("X-Event-Id", "ev-9").header("X-Event-Type", "payment.success")
    }

    #[test]
    fn identity_and_type_of_commerce_are_found() {
        let case = Case::new("coinbase-commerce").secret("test-secret").body(BODY).signed();
        assert_eq!(case.event(), (Some("charge:confirmed".into()), "e1".into()));
        assert_eq!(case.body("{}").refusal(), Reason::BadSignature);
    }

    #[test]
    fn the_newer_products_sign_headers_too() {
        let case = payment().signed();
        assert_eq!(case.event(), (Some("payment.success".into()), "ev-9".into()));
        assert_eq!(case.clone().header("X-Event-Id", "ev-8").refusal(), Reason::BadSignature);
        assert_eq!(case.clone().body("{ }").refusal(), Reason::BadSignature);
        assert_eq!(case.clone().at(NOW_MS + 301_000).refusal(), Reason::TimestampOutOfTolerance);
        let value = case.get("X-Hook0-Signature").to_owned();
        case.clone().header("X-Hook0-Signature", &format!("v0=00,{value},v1=00")).items();
        assert_eq!(case.clone().header("X-Hook0-Signature", &format!("{value},t=1")).refusal(), Reason::MalformedHeader);
        assert_eq!(case.header("X-Hook0-Signature", &value.repeat(40)).refusal(), Reason::MalformedHeader);
    }

    #[test]
    fn a_name_of_a_header_is_no_long_detail() {
        let verdict = payment().header("X-Hook0-Signature", &format!("t=1767225600,h={},v1=00", "x".repeat(60_000))).verdict();
        let (reason, detail) = verdict.refusal().unwrap();
        assert!(reason == Reason::MissingHeader && detail.len() < 120, "{detail}");
    }

    #[test]
    fn a_right_signature_of_commerce_does_not_rescue_a_wrong_one() {
        let wrong = payment().signed().header("X-Hook0-Signature", "t=1767225600,h=x-event-id,v1=00");
        let commerce = Case::new("coinbase").secret("test-secret").body(r#"{"id": "e1", "eventType": "x"}"#).signed();
        assert_eq!(wrong.header("X-CC-Webhook-Signature", commerce.get("X-CC-Webhook-Signature")).refusal(), Reason::BadSignature);
    }

    #[test]
    fn a_header_takes_in_nothing_of_the_body() {
        let case = payment().body(r#"{"note": "a.{\"id\": \"forged\"}"}"#).signed();
        let moved = case.clone().header("X-Event-Type", r#"payment.success.{"note": "a"#).body(r#"{\"id\": \"forged\"}"}"#);
        assert_eq!(moved.refusal(), Reason::MalformedHeader);
        assert_eq!(
            case.header("X-Event-Type", "payment").body(r#"success.{"note": "a.{\"id\": \"forged\"}"}"#).refusal(),
            Reason::MalformedBody
        );
    }
}
