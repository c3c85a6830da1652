//! Twilio signs the URL and the parameters of a form; for other bodies the URL holds the body's hash.

use std::borrow::Cow;

use super::engine::context::Context;
use super::engine::digest::{Hash, sha256_hex};
use super::engine::encoding::Encoding;
use super::engine::event::{Batch, Event, Source};
use super::engine::form;
use super::engine::json::Json;
use super::engine::limits::FORM_FIELDS;
use super::engine::refusal::{Checked, Refusal};
use super::engine::sample::Sample;
use super::engine::template::Part;
use super::engine::url::{signed_url, signed_urls};
use super::options::{Kind, OptionSpec, Preset};
use super::provider::{CustomScheme, Provider, Reply, Scheme};
use super::receiving::Receiving;
use super::redelivery::{Grain, HOUR, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::twilio_url::{ports, spellings};
use super::types::Types;
use super::verdict::{Item, Reason, Signed};
use crate::error::{Error, Result};
use crate::request::{Request, WebhookResponse};

pub(crate) static TWILIO: Provider = Provider {
    name: "twilio",
    title: "Twilio",
    docs: "https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    methods: &["GET", "POST"],
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-1, or HMAC-SHA-256 where X-Twilio-Webhooks-Signature-Settings says so (option algorithm allows one alone), over `{url}` and the sorted form parameters, base64; other bodies by their SHA-256 in the URL",
        headers: &[HEADER, SETTINGS],
        signed: &[Part::Url, Part::Body],
        verify,
        sign,
    }),
    // The account's auth token signs with SHA-1, a shared key with SHA-256, and the request says which. An endpoint may be bound to one.
    options: &[OptionSpec { name: "algorithm", kind: Kind::Choice(&["sha1", "sha256"]), default: Preset::Nothing }, OptionSpec::PUBLIC_URL],
    event: Event {
        types: &[
            Source::Form("MessageStatus"),
            Source::Form("SmsStatus"),
            Source::Form("CallStatus"),
            Source::Form("EventType"),
            Source::Json("type"),
            Source::Json("EventType"),
        ],
        // A call comes back with the same status more than once (each prompt does), so its status alone is no identity.
        keys: &[
            Source::Header(IDENTITY),
            Source::All(&[Source::Form("MessageSid"), Source::Form("MessageStatus")]),
            Source::All(&[Source::Form("MessageSid"), Source::Form("SmsStatus")]),
            Source::All(&[Source::Form("CallSid"), Source::Form("CallStatus"), SEQUENCE]),
            Source::All(&[Source::Form("ConferenceSid"), Source::Form("StatusCallbackEvent"), SEQUENCE]),
            Source::All(&[Source::Form("RecordingSid"), Source::Form("RecordingStatus")]),
            // When the object was made says nothing of when it changed.
            Source::DigestWith(&[Source::Form("Timestamp"), Source::Form("DateUpdated"), Source::Json("time")]),
        ],
        batch: Batch::Custom(batch),
        identity: "header I-Twilio-Idempotency-Token, else MessageSid + status, else CallSid + CallStatus + SequenceNumber, else ConferenceSid + StatusCallbackEvent + SequenceNumber, else RecordingSid + RecordingStatus, else digest where there is Timestamp or DateUpdated, else none; of each event of a batch: id",
        ..Event::UNKNOWN
    },
    receiving: Receiving::with_final("all of a callback: it comes again only where no connection came about"),
    redelivery: Redelivery {
        retries: Retries::For(4 * HOUR),
        body: Repeat::Same,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::UnsignedHeader,
        grain: Grain::Occurrence,
        note: "Event Streams; a callback is tried again once, and only where no connection came about, unless its URL says otherwise",
    },
    // An empty document tells a call or a message that there is nothing to do.
    success: Reply::Choose(|_| WebhookResponse {
        status: 200,
        headers: vec![("content-type".into(), "text/xml; charset=utf-8".into())],
        body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>".into(),
    }),
    failure: Reply::Text(403, "invalid signature"),
    samples: &[Sample::Uuid(IDENTITY)],
    types: Types::Some(&[
        "received",
        "queued",
        "sent",
        "delivered",
        "failed",
        "ringing",
        "in-progress",
        "completed",
        "onMessageAdded",
        "com.twilio.messaging.message.sent",
    ]),
    trouble: &[(
        Reason::BadSignature,
        "the primary auth token of the account that owns the number signs, and not an API key or a subaccount's parent",
    )],
    ..Provider::BASE
};

const SEQUENCE: Source = Source::Form("SequenceNumber");
const HEADER: &str = "X-Twilio-Signature";
const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";
const IDENTITY: &str = "I-Twilio-Idempotency-Token";
const BODY_HASH: &str = "bodySHA256";

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let signature = Encoding::Base64.decode(context.required_header(HEADER)?).ok_or_else(|| Refusal::malformed(HEADER, "base64"))?;
    let hash = algorithm(context)?;
    let urls = signed_urls(context)?;
    let parameters = covered_parameters(context, &urls[0])?;
    // Twilio's forms are short; a stranger's long one is not worth every spelling.
    let candidates = if parameters.len() > LONG_FORM { ports(&urls) } else { spellings(&urls) };
    let signs =
        |secret: &&str| candidates.iter().any(|url| hash.hmac(secret.as_bytes(), &[url.as_bytes(), &parameters]).matches(&signature));
    secrets.usable().find(signs).ok_or_else(Refusal::signature)
}

/// Longer than any form of Twilio's.
const LONG_FORM: usize = 128 * 1024;

/// The hash that the request names, where the endpoint takes it.
fn algorithm(context: &Context) -> Checked<Hash> {
    let settings = context.header(SETTINGS)?.unwrap_or_default();
    let pairs = settings.split(',').filter_map(|part| part.split_once('='));
    let given = pairs.map(|(name, value)| (name.trim(), value.trim())).find(|(name, value)| *name == "algorithm" && !value.is_empty());
    let given = match given.map(|(_, value)| value.to_ascii_uppercase()).as_deref() {
        None | Some("HMAC_SHA1") => "sha1",
        Some("HMAC_SHA256") => "sha256",
        Some(_) => return Err(Refusal::new(Reason::NotAllowed, "the request is signed with an algorithm that is not supported")),
    };
    match context.options.text("algorithm") {
        Some(wanted) if wanted != given => {
            let detail = format!("the request is signed with {given}, the endpoint takes {wanted} (option algorithm)");
            Err(Refusal::new(Reason::NotAllowed, detail))
        }
        _ => Ok(Hash::from_option(given)),
    }
}

/// What of the body is signed beside the URL. A body that nothing covers is refused.
fn covered_parameters(context: &Context, url: &str) -> Checked<Vec<u8>> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    if let Some(expected) = form::value(query.as_bytes(), BODY_HASH) {
        let expected = Encoding::HexAnyCase.decode(&expected).unwrap_or_default();
        if !Hash::Sha256.digest(&[context.body()]).matches(&expected) {
            return Err(Refusal::new(Reason::BadSignature, "the body is not the one that the URL's bodySHA256 names"));
        }
        return Ok(Vec::new());
    }
    // A body of another kind, read as a form, is a parameter that nobody signed.
    if form::pairs(context.body()).take(FORM_FIELDS + 1).count() > FORM_FIELDS {
        return Err(Refusal::body(format!("the form has more than {FORM_FIELDS} fields")));
    }
    Ok(sorted_parameters(context.body()))
}

/// Names and values, names in the order of their code points; a name that repeats has each of its values once.
fn sorted_parameters(body: &[u8]) -> Vec<u8> {
    let mut pairs: Vec<_> = form::pairs(body).collect();
    pairs.sort();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>().concat()
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let invalid = |refusal: Refusal| Error::invalid(refusal.detail);
    let is_form = context
        .first_header("content-type")
        .map_or_else(|| !form::is_json(context.body()), |kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
    let signed_query = form::value(context.request.query().as_bytes(), BODY_HASH).is_some();
    let url = (!is_form && !signed_query && !context.body().is_empty()).then(|| {
        let (url, separator) = (&context.request.url, if context.request.url.contains('?') { '&' } else { '?' });
        format!("{url}{separator}{BODY_HASH}={}", sha256_hex(&[context.body()]))
    });
    let request = Request { url: url.clone().unwrap_or_else(|| context.request.url.clone()), ..context.request.clone() };
    let context = Context { request: &request, ..*context };
    let signed = signed_url(&context).map_err(invalid)?;
    let parameters = covered_parameters(&context, &signed).map_err(invalid)?;
    let hash = match context.options.text("algorithm") {
        Some(name) => Hash::from_option(name),
        None => algorithm(&context).map_err(invalid)?,
    };
    let signature = Encoding::Base64.encode(hash.hmac(secret.as_bytes(), &[signed.as_bytes(), &parameters]).bytes());
    let mut headers = vec![(HEADER.to_owned(), signature)];
    if matches!(hash, Hash::Sha256) {
        headers.push((SETTINGS.to_owned(), "key=webhooks_sharedkey,algorithm=HMAC_SHA256".to_owned()));
    }
    Ok(Signed { headers, url, body: None })
}

/// A JSON array is a batch of events; anything else is one callback.
fn batch(context: &Context) -> Option<Vec<Item>> {
    let body = context.body();
    let events = Json::parse(body).filter(|_| form::is_json(body))?.elements()?;
    let token = context.first_header(IDENTITY).filter(|token| !token.is_empty());
    let item = |(place, event): (usize, Json)| {
        let [event_type, id] = event.get_each(["type", "id"]).map(|value| value.and_then(Json::text).map(Cow::into_owned));
        let id = id.filter(|id| !id.is_empty());
        // The token is that of the request.
        let key = id.or_else(|| token.map(|token| format!("{token}:{place}")));
        Item { event_type, key, span: Some(event.span_in(body)) }
    };
    let items: Vec<_> = events.iter().copied().enumerate().filter(|(_, event)| event.is_object()).map(item).collect();
    (events.is_empty() || !items.is_empty()).then_some(items)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    const FORM: &str = "CallSid=CA1&CallStatus=ringing&From=%2B14158675309&Digits=1234&To=%2B18005551212&Caller=%2B14158675309";

    fn case() -> Case {
        Case::new("twilio")
            .secret("12345")
            .url("https://mycompany.com/myapp.php?foo=1&bar=2")
            .body("Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE")
    }

    #[test]
    fn the_published_example_verifies() {
        let case = case().header("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        case.items();
        case.clone().url("https://mycompany.com:443/myapp.php?foo=1&bar=2").items();
        case.clone().url("http://10.0.0.1/myapp.php?foo=1&bar=2").options(r#"{"public_url": "https://mycompany.com"}"#).items();
        assert_eq!(case.clone().url("https://mycompany.com/myapp.php?foo=1").refusal(), Reason::BadSignature);
        assert_eq!(case.body("Digits=1235").refusal(), Reason::BadSignature);
    }

    #[test]
    fn repeated_and_empty_parameters_count() {
        let signed = Case::new("twilio").secret("12345").body("b=2&a=1&a=&a=1&B=3").signed();
        signed.clone().body("B=3&a=&a=1&b=2").items();
        assert_eq!(signed.clone().body("B=3&a=1&b=2").refusal(), Reason::BadSignature);
    }

    #[test]
    fn other_bodies_are_covered_by_their_hash_or_refused() {
        let signed = Case::new("twilio").secret("12345").body(r#"[{"id": "EZ1", "type": "com.twilio.x"}, {"id": "EZ2"}]"#).signed();
        let items = signed.items();
        assert_eq!((items[0].key.as_deref(), items[1].key.as_deref()), (Some("EZ1"), Some("EZ2")));
        assert_eq!(signed.clone().body("[]").refusal(), Reason::BadSignature);
        let url_only = Case::new("twilio").secret("12345").method("GET").signed();
        url_only.items();
        assert_eq!(url_only.body(r#"{"forged": true}"#).refusal(), Reason::BadSignature);
    }

    #[test]
    fn the_algorithm_is_the_request_s_unless_the_endpoint_has_one() {
        let sha256 = case().options(r#"{"algorithm": "sha256"}"#).signed();
        sha256.items();
        sha256.clone().options("{}").items();
        assert_eq!(sha256.clone().options("{}").header(SETTINGS, "").refusal(), Reason::BadSignature);
        assert_eq!(sha256.clone().options(r#"{"algorithm": "sha1"}"#).refusal(), Reason::NotAllowed);
        case().header(SETTINGS, "algorithm=hmac_sha256,key=x").signed().items();
        assert_eq!(case().signed().options(r#"{"algorithm": "sha256"}"#).refusal(), Reason::NotAllowed);
        assert_eq!(sha256.header(SETTINGS, "key=x,algorithm=HMAC_MD5").refusal(), Reason::NotAllowed);
    }

    #[test]
    fn identities_are_of_the_callback() {
        let plain = |body: &str| {
            let case = Case::new("twilio").secret("12345").body(body).header(IDENTITY, "").signed();
            case.event()
        };
        assert_eq!(plain("MessageSid=SM1&MessageStatus=delivered"), (Some("delivered".into()), "SM1:delivered".into()));
        assert_eq!(plain("CallSid=CA1&CallStatus=ringing&SequenceNumber=0").1, "CA1:ringing:0");
        assert_eq!(plain("ConferenceSid=CF1&StatusCallbackEvent=join&SequenceNumber=2&CallSid=CA1").1, "CF1:join:2");
        assert!(plain("EventType=onMessageUpdated&MessageSid=IM1&DateUpdated=2026").1.starts_with("sha256:"));
        // A prompt may be answered twice with the same digit.
        let prompt = Case::new("twilio").secret("12345").body(FORM).header(IDENTITY, "").signed();
        assert_eq!(prompt.items()[0].key, None);
        assert_eq!(case().header(IDENTITY, "token-1").signed().event().1, "token-1");
    }

    #[test]
    fn the_answer_is_an_empty_document() {
        let response = case().signed().verdict().response;
        assert_eq!(response.headers[0].1, "text/xml; charset=utf-8");
        assert!(response.body.ends_with("<Response/>"));
    }
}
