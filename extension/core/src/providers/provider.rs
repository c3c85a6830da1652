//! What a provider is: its facts as data, and the steps that all of them share.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::{Map, Value};

use super::engine::context::Context;
use super::engine::digest::Digest;
use super::engine::event::Event;
use super::engine::form;
use super::engine::limits::{check_handshake, check_head};
use super::engine::refusal::{Checked, Refusal};
use super::engine::sample::Sample;
use super::engine::signature::SignatureScheme;
use super::engine::template::{self, Part};
use super::engine::token::TokenScheme;
use super::options::{OptionSpec, Options};
use super::receiving::Receiving;
use super::redact::Redaction;
use super::redelivery::Redelivery;
use super::secrets::{Secrets, is_blank};
use super::types::Types;
use super::verdict::{Outcome, Reason, Redacted, Signed, Verdict};
use crate::error::{Error, Result};
use crate::request::{Request, WebhookResponse};
use crate::unpacked::{as_if_plain, unpacked};

/// One provider: how its requests prove themselves, what they say, and what they expect as the answer. Its JSON has the columns of
/// `knocker_providers`.
pub struct Provider {
    /// The name, in kebab case.
    pub name: &'static str,
    /// Other names that people use.
    pub aliases: &'static [&'static str],
    /// The name as the provider writes it.
    pub title: &'static str,
    /// The official documentation.
    pub docs: &'static str,
    /// When the facts were last checked, as a date.
    pub checked: &'static str,
    pub(crate) scheme: Scheme,
    /// The methods that it sends with, in capitals.
    pub methods: &'static [&'static str],
    pub(crate) options: &'static [OptionSpec],
    /// A rule over several options.
    pub(crate) check_options: Option<fn(&Options) -> Result<()>>,
    pub(crate) event: Event,
    pub(crate) types: Types,
    pub(crate) redelivery: Redelivery,
    pub(crate) receiving: Receiving,
    pub(crate) handshake: Handshake,
    pub(crate) success: Reply,
    pub(crate) failure: Reply,
    pub(crate) redaction: Redaction,
    pub(crate) samples: &'static [Sample],
    /// What usually makes it refuse a request, where that is its own matter: `advice.rs` knows the rest.
    pub(crate) trouble: &'static [(Reason, &'static str)],
}

/// How a request proves itself.
pub(crate) enum Scheme {
    /// A signature in a header.
    Signature(SignatureScheme<'static>),
    /// A shared secret in a header.
    Token(TokenScheme<'static>),
    /// Functions of its own.
    Custom(CustomScheme),
}

/// A scheme with functions of its own.
pub(crate) struct CustomScheme {
    /// The scheme in words.
    pub about: &'static str,
    /// The headers that it reads.
    pub headers: &'static [&'static str],
    /// What is signed, for naming an occurrence that has no identity.
    pub signed: &'static [Part<'static>],
    /// The secret that the request proved itself with.
    pub verify: for<'s> fn(&Context, &'s Secrets) -> Checked<&'s str>,
    /// What the provider would send.
    pub sign: fn(&Context, &str) -> Result<Signed>,
}

/// Requests that want an answer and are no event.
pub(crate) struct Handshake {
    /// In words, for the catalogue; empty where there is none.
    pub about: &'static str,
    /// Before the signature is looked at, for handshakes that carry none.
    pub unsigned: Option<fn(&Context, &Secrets) -> Option<Verdict>>,
    /// After it, with the secret that matched.
    pub signed: Option<fn(&Context, &str) -> Option<WebhookResponse>>,
    /// Whether it carries the secret of what follows, so that it must not get lost.
    pub brings_secret: bool,
}

impl Handshake {
    pub const NONE: Handshake = Handshake { about: "", unsigned: None, signed: None, brings_secret: false };

    /// Refuses one that brings a secret and would lose it, and, to an endpoint with the option `verify_token`, one whose URL has another word or
    /// none in its query: such a handshake proves nothing by itself, and whoever finds the URL could send it.
    fn check(&self, context: &Context) -> Checked<()> {
        if !self.brings_secret {
            return Ok(());
        }
        check_handshake(context.request)?;
        let Some(expected) = context.options.text("verify_token") else { return Ok(()) };
        let given = form::value(context.request.query().as_bytes(), "verify_token").unwrap_or_default();
        if Digest::of_token(expected).matches_token(&given) {
            return Ok(());
        }
        let detail = "a handshake whose URL lacks verify_token=<option verify_token>: register the URL with it in the query";
        Err(Refusal::new(Reason::NotAllowed, detail))
    }
}

/// A fixed answer.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    /// A status with plain text.
    Text(u16, &'static str),
    /// What it takes depends on the request.
    Choose(fn(&Context) -> WebhookResponse),
}

impl Reply {
    fn response(self, context: &Context) -> WebhookResponse {
        match self {
            Reply::Text(status, body) => WebhookResponse::text(status, body),
            Reply::Choose(choose) => choose(context),
        }
    }
}

/// The date of the facts that were all checked together.
pub(crate) const CHECKED: &str = "2026-11-24";

/// The methods of a sender that leaves the choice to its users. `HEAD` and `OPTIONS` ask about a URL and deliver nothing.
pub(crate) const ANY_METHOD: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Provider {
    /// What most providers have in common, to be completed by each page.
    pub(crate) const BASE: Provider = Provider {
        name: "",
        aliases: &[],
        title: "",
        docs: "",
        checked: CHECKED,
        scheme: Scheme::Signature(SignatureScheme::hex_of_body("")),
        methods: &["POST"],
        options: &[],
        check_options: None,
        event: Event::UNKNOWN,
        types: Types::Some(&[]),
        redelivery: Redelivery::UNSTATED,
        receiving: Receiving::UNSTATED,
        handshake: Handshake::NONE,
        success: Reply::Text(200, ""),
        failure: Reply::Text(401, "invalid signature"),
        redaction: Redaction::NONE,
        samples: &[],
        trouble: &[],
    };

    /// Reads options: a JSON object, or an empty text or `null` for the defaults. An unknown key, a wrong type and a value out of range are
    /// [`crate::error::Code::InvalidArgument`] with the key, the value and the nearest valid one.
    pub fn options(&self, json: &str) -> Result<Options> {
        let options = Options::parse(self.options, json)?;
        if let Some(check) = self.check_options {
            check(&options)?;
        }
        Ok(options)
    }

    /// Whether the request proves itself, what it says, and what to answer. `now_ms` is the clock in Unix milliseconds.
    pub fn verify(&self, options: &Options, request: &Request<'_>, secrets: &Secrets, now_ms: i64) -> Verdict {
        let limit = self.default_body_limit();
        match unpacked(request, limit) {
            Some(text) if text.len() as i64 <= limit => {
                self.verify_packed(options, &as_if_plain(request, &text, limit), request, secrets, now_ms)
            }
            _ => self.verify_plain(options, request, secrets, now_ms),
        }
    }

    /// The same of a body that was packed: `plain` is the request as if it had not been, `sent` as it came. Either may be what is signed.
    pub(crate) fn verify_packed(
        &self,
        options: &Options,
        plain: &Request<'_>,
        sent: &Request<'_>,
        secrets: &Secrets,
        now_ms: i64,
    ) -> Verdict {
        let verdict = self.verify_plain(options, plain, secrets, now_ms);
        if !matches!(verdict.outcome, Outcome::Refused { reason: Reason::BadSignature, .. }) {
            return verdict;
        }
        match self.prove(&Context { options, request: sent, now_ms }, secrets) {
            Ok(secret) => self.proven(&Context { options, request: plain, now_ms }, secret),
            Err(_) => verdict,
        }
    }

    /// The same of a body as it is.
    pub(crate) fn verify_plain(&self, options: &Options, request: &Request<'_>, secrets: &Secrets, now_ms: i64) -> Verdict {
        if let Some(verdict) = self.refuse_method(&request.method) {
            return verdict;
        }
        let context = Context { options, request, now_ms };
        if let Err(refusal) = check_head(request) {
            return self.refuse(&context, secrets, refusal);
        }
        if let Some(verdict) = self.handshake.unsigned.and_then(|answer| answer(&context, secrets)) {
            return match self.handshake.check(&context) {
                Ok(()) => verdict,
                Err(refusal) => self.refuse(&context, secrets, refusal),
            };
        }
        match secrets.require().and_then(|()| self.prove(&context, secrets)) {
            Ok(secret) => self.proven(&context, secret),
            Err(refusal) => self.refuse(&context, secrets, refusal),
        }
    }

    /// What a request says that proved itself with this secret.
    fn proven(&self, context: &Context, secret: &str) -> Verdict {
        if let Some(response) = self.handshake.signed.and_then(|answer| answer(context, secret)) {
            return Verdict { outcome: Outcome::Handshake, response };
        }
        let items = self.event.items(context, &|body| self.occurrence(context, body));
        Verdict { outcome: Outcome::Delivery(items), response: self.success.response(context) }
    }

    /// The refusal of a method that the provider never sends with, such as the GET of a browser: nobody's event, and no attempt at one.
    pub(crate) fn refuse_method(&self, method: &str) -> Option<Verdict> {
        if self.methods.iter().any(|known| known.eq_ignore_ascii_case(method)) {
            return None;
        }
        let allowed = self.methods.join(", ");
        let detail = format!("the method is none of those that {} sends with ({allowed})", self.title);
        let response = WebhookResponse::text(405, "method not allowed").with_header("allow", allowed);
        Some(Verdict { outcome: Outcome::Refused { reason: Reason::NotAllowed, detail }, response })
    }

    fn prove<'s>(&self, context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
        match &self.scheme {
            Scheme::Signature(scheme) => scheme.verify(context, secrets),
            Scheme::Token(scheme) => scheme.verify(context, secrets),
            Scheme::Custom(scheme) => (scheme.verify)(context, secrets),
        }
    }

    fn refuse(&self, context: &Context, secrets: &Secrets, refusal: Refusal) -> Verdict {
        let Refusal { reason, mut detail } = refusal;
        if reason == Reason::BadSignature && secrets.has_stray_space() {
            detail.push_str("; a secret begins or ends with white space or a character that nobody sees");
        }
        Verdict { outcome: Outcome::Refused { reason, detail }, response: self.failure.response(context) }
    }

    /// The bytes that tell an occurrence from the next one, with these pieces for the body: what was signed without its timestamp, which a
    /// retry renews. `None` where neither a body nor a query does.
    fn occurrence<'a>(&self, context: &Context<'a>, body: &[&'a [u8]]) -> Option<Vec<Cow<'a, [u8]>>> {
        // The generic scheme's template is an option.
        let option = context.options.text("template").and_then(|template| Part::parse(template).ok());
        let signed = option.as_deref().unwrap_or(self.signed_parts());
        let signs_query = signed.contains(&Part::Url) && !context.request.query().is_empty();
        (!context.body().is_empty() || signs_query).then(|| template::occurrence(signed, context, body))
    }

    /// What is signed, or, where nothing is, what a request says.
    pub(crate) fn signed_parts(&self) -> &'static [Part<'static>] {
        match &self.scheme {
            Scheme::Signature(scheme) => scheme.signed,
            Scheme::Token(_) => &[Part::Body],
            Scheme::Custom(scheme) => scheme.signed,
        }
    }

    /// Whether the signature covers this header.
    #[cfg(test)]
    pub(crate) fn signs_header(&self, name: &str) -> bool {
        let timestamp = match &self.scheme {
            Scheme::Signature(scheme) => scheme.timestamp_header(),
            Scheme::Token(_) | Scheme::Custom(_) => None,
        };
        self.signed_parts().iter().any(|part| match part {
            Part::Header(signed) => signed.eq_ignore_ascii_case(name),
            Part::Timestamp => timestamp.is_some_and(|signed| signed.eq_ignore_ascii_case(name)),
            _ => false,
        })
    }

    /// What the provider would send: headers to set on the request (they replace those of the same name), and for providers that
    /// sign inside the URL or the body the new ones. The timestamp is `now_ms`; identity and type headers that the request lacks are derived
    /// from body and clock. Asymmetric schemes take a private key as the secret.
    pub fn sign(&self, options: &Options, request: &Request<'_>, secret: &str, now_ms: i64) -> Result<Signed> {
        if is_blank(secret) {
            return Err(Error::invalid("the secret is blank; nothing verifies with a blank secret"));
        }
        let added = Sample::missing(self.samples, &Context { options, request, now_ms });
        let mut request = request.clone();
        for (name, value) in &added {
            request.headers.push(name.as_str(), value.as_str());
        }
        let context = Context { options, request: &request, now_ms };
        let mut signed = match &self.scheme {
            Scheme::Signature(scheme) => scheme.sign(&context, secret)?,
            Scheme::Token(scheme) => scheme.sign(secret),
            Scheme::Custom(scheme) => (scheme.sign)(&context, secret)?,
        };
        signed.headers.splice(0..0, added);
        Ok(signed)
    }

    /// The header that [`Provider::sign`] makes up for this request and that decides the event's type, such as GitHub's `X-GitHub-Event: ping`;
    /// none where the request says it itself.
    pub fn made_up_type(&self, options: &Options, request: &Request<'_>) -> Option<(&'static str, &'static str)> {
        let told = |request: &Request<'_>| {
            let items = self.event.items(&Context { options, request, now_ms: 0 }, &|_| None);
            items.into_iter().next().and_then(|item| item.event_type)
        };
        let given = |name: &str| request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let mut texts = self.samples.iter().filter_map(Sample::text).filter(|(name, _)| !given(name));
        texts.find(|(name, value)| {
            let mut with = request.clone();
            with.headers.push(*name, *value);
            told(&with) != told(request)
        })
    }

    /// What may be stored of a request: credentials in headers, URL and body are replaced.
    pub fn redact<'r>(&self, options: &Options, request: &'r Request<'_>) -> Redacted<'r> {
        self.redaction.apply(options, request)
    }

    /// The answer to a delivery where no request is at hand. A verdict carries the one for its own request, which may say more.
    pub fn success_response(&self, options: &Options) -> WebhookResponse {
        let request = Request::parse("{}", b"").expect("an empty request is valid");
        self.success.response(&Context { options, request: &request, now_ms: 0 })
    }

    /// The status of a refusal where no request is at hand.
    pub fn refusal_status(&self) -> u16 {
        match self.failure {
            Reply::Text(status, _) => status,
            Reply::Choose(choose) => {
                let request = Request::parse("{}", b"").expect("an empty request is valid");
                choose(&Context { options: &Options::default(), request: &request, now_ms: 0 }).status
            }
        }
    }

    /// The scheme in words.
    pub fn scheme(&self) -> String {
        match &self.scheme {
            Scheme::Signature(scheme) => scheme.describe(),
            Scheme::Token(TokenScheme { prefix: "", .. }) => "shared secret in a header".into(),
            Scheme::Token(TokenScheme { prefix, .. }) => format!("shared secret in a header after `{}`", prefix.trim()),
            Scheme::Custom(scheme) => scheme.about.into(),
        }
    }

    /// The headers that prove a request, in the provider's spelling.
    pub fn headers(&self) -> Vec<&'static str> {
        match &self.scheme {
            Scheme::Signature(scheme) => {
                let in_template = scheme.signed.iter().filter_map(|part| match part {
                    Part::Header(name) => Some(*name),
                    _ => None,
                });
                let mut headers: Vec<_> = in_template.chain(scheme.timestamp_header()).chain([scheme.header]).collect();
                headers.dedup();
                headers
            }
            Scheme::Token(scheme) => vec![scheme.header],
            Scheme::Custom(scheme) => scheme.headers.to_vec(),
        }
    }

    /// Where the identity of an occurrence is, in words.
    pub fn identity(&self) -> String {
        self.event.describe_identity()
    }

    /// Types that its events have, as a handler is registered for them: every one where [`Provider::types_closed`], else the common ones.
    pub fn types(&self) -> &'static [&'static str] {
        self.types.names()
    }

    /// Whether its events have no other types than [`Provider::types`].
    pub fn types_closed(&self) -> bool {
        self.types.are_all()
    }

    /// Whether and for how long the sender tries again by itself, in words.
    pub fn retries(&self) -> String {
        self.redelivery.retries.describe()
    }

    /// What of a further attempt is the same as in the first and what is not, in words; empty where there is none.
    pub fn retry_repeats(&self) -> String {
        self.redelivery.repeats()
    }

    /// What vouches for the identity: `signed`, `unsigned header`, `shared secret` or `none`.
    pub fn identity_proof(&self) -> &'static str {
        self.redelivery.proof.describe()
    }

    /// What the identity tells apart, in words.
    pub fn identity_grain(&self) -> &'static str {
        self.redelivery.grain.describe()
    }

    /// What else to know of the identity; may be empty.
    pub fn identity_note(&self) -> &'static str {
        self.redelivery.note
    }

    /// The largest body that the provider documents to send, in bytes.
    pub fn largest_body(&self) -> Option<i64> {
        self.receiving.largest_body
    }

    /// What an endpoint's `max_body_bytes` is where it is not set.
    pub fn default_body_limit(&self) -> i64 {
        self.receiving.default_limit()
    }

    /// The statuses after which the provider does not try again, in words; empty where none is known.
    pub fn final_statuses(&self) -> &'static str {
        self.receiving.describe_final(self.redelivery.retries)
    }

    /// The handshake in words; empty where the provider has none.
    pub fn handshake(&self) -> &'static str {
        self.handshake.about
    }

    /// Whether a handshake carries the secret of what follows, which the operator reads in the stored delivery.
    pub(crate) fn handshake_brings_secret(&self) -> bool {
        self.handshake.brings_secret
    }

    /// The options that it has.
    #[cfg(feature = "contract")]
    pub fn option_specs(&self) -> &'static [OptionSpec] {
        self.options
    }

    /// Whether an endpoint without a secret refuses everything: not where the provider's first request brings one.
    pub fn needs_secret(&self) -> bool {
        !self.handshake_brings_secret()
    }

    /// The options with their defaults; null where there is none.
    pub fn option_defaults(&self) -> Value {
        let entries = self.options.iter().map(|spec| (spec.name.to_owned(), spec.default_json()));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

impl Serialize for Provider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Provider", 21)?;
        row.serialize_field("name", self.name)?;
        row.serialize_field("aliases", self.aliases)?;
        row.serialize_field("title", self.title)?;
        row.serialize_field("scheme", &self.scheme())?;
        row.serialize_field("methods", self.methods)?;
        row.serialize_field("headers", &self.headers())?;
        row.serialize_field("types", self.types())?;
        row.serialize_field("types_closed", &self.types_closed())?;
        row.serialize_field("identity", &self.identity())?;
        row.serialize_field("identity_grain", self.identity_grain())?;
        row.serialize_field("identity_proof", self.identity_proof())?;
        row.serialize_field("identity_note", self.identity_note())?;
        row.serialize_field("retries", &self.retries())?;
        row.serialize_field("retry_repeats", &self.retry_repeats())?;
        row.serialize_field("handshake", &Some(self.handshake()).filter(|about| !about.is_empty()))?;
        row.serialize_field("max_body_bytes", &self.largest_body())?;
        row.serialize_field("final_statuses", &Some(self.final_statuses()).filter(|statuses| !statuses.is_empty()))?;
        row.serialize_field("needs_secret", &self.needs_secret())?;
        row.serialize_field("options", &self.option_defaults())?;
        row.serialize_field("docs", self.docs)?;
        row.serialize_field("checked", self.checked)?;
        row.end()
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}
