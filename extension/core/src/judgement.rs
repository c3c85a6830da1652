//! A judgement: all that a receipt needs of a request and its secrets, found out before the write lock is taken.
//!
//! It is self-contained and holds no secret, so that another connection, another process or another machine can store it. Its bytes are
//! one line of JSON, a newline, and the body as far as it is kept.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Result};
use crate::ingest::IngestFields;
use crate::providers::engine::digest::sha256_hex;
use crate::providers::{Item, Outcome, Reason, Redacted, Secrets, Verdict};
use crate::receipt::ReceiptOutcome;
use crate::request::{Request, WebhookResponse};

/// The form of the bytes. Another one is judged again.
const FORMAT: u32 = 2;

/// What is kept of a refused request at most, so that nobody fills the disk with what did not prove itself.
const MOST_REFUSED_BODY: usize = 64 * 1024;
const MOST_REFUSED_HEADERS: usize = 16 * 1024;
const MOST_REFUSED_URL: usize = 8 * 1024;

/// What is kept of any request at most: longer than what senders write, and short enough for a list.
const MOST_METHOD: usize = 64;
const MOST_TYPE: usize = 255;
const MOST_TEXT: usize = 2 * 1024;

/// The type of the one event that stands for a batch with more items than the endpoint takes.
const OVERSIZED_BATCH: &str = "knocker.oversized_batch";

/// What the request turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Judged {
    /// It proved itself: its items are events.
    Accepted,
    /// It did not.
    Invalid,
    /// It wants an answer and is no event.
    Handshake,
    /// The body is larger than the endpoint allows.
    TooLarge,
    /// The endpoint takes nothing now.
    Disabled,
    /// The provider never sends with this method: answered, and neither stored nor counted.
    WrongMethod,
}

impl Judged {
    /// The outcome of a delivery.
    pub fn told(self) -> ReceiptOutcome {
        match self {
            Judged::Accepted => ReceiptOutcome::Accepted,
            Judged::Invalid | Judged::WrongMethod => ReceiptOutcome::Invalid,
            Judged::Handshake => ReceiptOutcome::Handshake,
            Judged::TooLarge => ReceiptOutcome::TooLarge,
            Judged::Disabled => ReceiptOutcome::Disabled,
        }
    }
}

/// What a receive will store, and what it will answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement<'r> {
    format: u32,
    #[serde(borrow)]
    pub(crate) endpoint: Cow<'r, str>,
    /// The fingerprint of the settings that it was made under.
    #[serde(borrow)]
    pub(crate) settings: Cow<'r, str>,
    pub(crate) outcome: Judged,
    pub(crate) reason: Option<Cow<'r, str>>,
    pub(crate) detail: Option<Cow<'r, str>>,
    #[serde(serialize_with = "items_as_rows", deserialize_with = "items_from_rows")]
    pub(crate) items: Vec<Item>,
    pub(crate) provider_event_id: Option<Cow<'r, str>>,
    pub(crate) provider_delivery_id: Option<Cow<'r, str>>,
    #[serde(borrow)]
    pub(crate) method: Cow<'r, str>,
    #[serde(borrow)]
    pub(crate) url: Cow<'r, str>,
    #[serde(borrow, skip_serializing, deserialize_with = "json_as_text")]
    pub(crate) headers: Cow<'r, str>,
    pub(crate) body_size: usize,
    pub(crate) body_sha256: Option<String>,
    pub(crate) response: WebhookResponse,
    /// How many bytes of a body follow the line; without a number there is none.
    kept: Option<usize>,
    #[serde(skip)]
    pub(crate) body: Option<Cow<'r, [u8]>>,
}

impl<'r> Judgement<'r> {
    /// Judges by the endpoint's settings and its own provider: a call cannot talk it into another.
    pub(crate) fn of(endpoint: &Endpoint, request: &'r Request, secrets: &Secrets, now: i64) -> Result<Self> {
        let verifier = endpoint.require_provider()?;
        if let Some(verdict) = verifier.refuse_method(&request.method) {
            return Ok(Self::wrong_method(endpoint, request, verdict));
        }
        if let Some(refused) = Self::unread(endpoint, request) {
            return Ok(refused);
        }
        let Verdict { outcome, response } = verifier.verify(request, secrets, now);
        let redacted = verifier.redact(request);
        Ok(match outcome {
            Outcome::Delivery(items) => Self::accepted(endpoint, request, redacted, items, response).with_short_texts(),
            Outcome::Handshake => Self::new(endpoint, request, redacted, Judged::Handshake, response).within_limits(),
            Outcome::Refused { reason, detail } => {
                let mut judgement = Self::new(endpoint, request, redacted, Judged::Invalid, response);
                judgement.reason = Some(reason.name().into());
                judgement.detail = Some(detail.into());
                judgement.within_limits()
            }
        })
    }

    /// The same for trusted ingress: `fields` state the verdict.
    pub(crate) fn attested(endpoint: &Endpoint, request: &'r Request, fields: &'r IngestFields) -> Self {
        let ids = |mut judgement: Self| {
            judgement.provider_event_id = fields.provider_event_id.as_deref().map(Cow::Borrowed);
            judgement.provider_delivery_id = fields.provider_delivery_id.as_deref().map(Cow::Borrowed);
            judgement
        };
        if let Some(refused) = Self::unread(endpoint, request) {
            return ids(refused).within_limits();
        }
        let redacted = endpoint.redact(request);
        if !fields.valid {
            let mut judgement = Self::new(endpoint, request, redacted, Judged::Invalid, WebhookResponse::text(401, "refused"));
            judgement.reason = fields.reason.as_deref().map(Cow::Borrowed);
            judgement.detail = fields.detail.as_deref().map(Cow::Borrowed);
            return ids(judgement).within_limits();
        }
        let response = endpoint.verifier.as_ref().map_or_else(|| WebhookResponse::text(200, ""), |verifier| verifier.success_response());
        let item = Item { event_type: fields.event_type.clone(), key: fields.identity(), span: None };
        ids(Self::accepted(endpoint, request, redacted, vec![item], response)).with_short_texts()
    }

    /// What is refused without a look at the body: of it only size and digest are kept. The digest of a truncated body would be that of
    /// something nobody sent.
    fn unread(endpoint: &Endpoint, request: &'r Request) -> Option<Self> {
        let (outcome, response) = if !endpoint.config.enabled {
            (Judged::Disabled, WebhookResponse::status(410))
        } else if request.truncated || request.body.len() as i64 > endpoint.config.max_body_bytes {
            (Judged::TooLarge, WebhookResponse::text(413, "body too large"))
        } else {
            return None;
        };
        let head = Request { body: b"", ..request.clone() };
        let Redacted { url, headers, .. } = endpoint.redact(&head);
        let redacted = Redacted { url: Cow::Owned(url.into_owned()), headers, body: Cow::Borrowed(b"".as_slice()) };
        let mut judgement = Self::new(endpoint, request, redacted, outcome, response);
        judgement.body = None;
        judgement.body_sha256 = (!request.truncated).then(|| hex::encode(Sha256::digest(request.body)));
        if request.truncated {
            // What the sender says of itself, within reason.
            let announced = request.headers.first("content-length").and_then(|length| length.trim().parse::<u32>().ok());
            judgement.body_size = announced.map_or(0, |length| length as usize).max(request.body.len());
        }
        Some(judgement.within_limits())
    }

    fn wrong_method(endpoint: &Endpoint, request: &'r Request, Verdict { outcome, response }: Verdict) -> Self {
        let nothing = Redacted { url: Cow::Borrowed(""), headers: "{}".into(), body: Cow::Borrowed(b"".as_slice()) };
        let mut judgement = Self::new(endpoint, request, nothing, Judged::WrongMethod, response);
        judgement.body = None;
        if let Outcome::Refused { reason, detail } = outcome {
            judgement.reason = Some(reason.name().into());
            judgement.detail = Some(detail.into());
        }
        judgement.within_limits()
    }

    fn accepted(endpoint: &Endpoint, request: &'r Request, redacted: Redacted<'r>, items: Vec<Item>, response: WebhookResponse) -> Self {
        let mut judgement = Self::new(endpoint, request, redacted, Judged::Accepted, response);
        let most = endpoint.config.max_batch_events;
        if items.len() as i64 > most {
            let detail = format!("a batch of {} items, more than max_batch_events ({most}): stored as one event", items.len());
            judgement.detail = Some(detail.into());
            judgement.items = vec![Item { event_type: Some(OVERSIZED_BATCH.into()), key: key_of_all(&items), span: None }];
        } else {
            judgement.items = items;
        }
        judgement
    }

    fn new(endpoint: &Endpoint, request: &'r Request, redacted: Redacted<'r>, outcome: Judged, response: WebhookResponse) -> Self {
        Self {
            format: FORMAT,
            endpoint: Cow::Owned(endpoint.name.clone()),
            settings: Cow::Owned(endpoint.fingerprint.clone()),
            outcome,
            reason: None,
            detail: None,
            items: Vec::new(),
            provider_event_id: None,
            provider_delivery_id: None,
            method: Cow::Borrowed(&request.method),
            url: redacted.url,
            headers: Cow::Owned(redacted.headers),
            body_size: request.body.len(),
            body_sha256: None,
            response,
            kept: None,
            body: Some(redacted.body),
        }
    }

    /// The same within the limits for refused requests: of a larger body size and digest are kept, of larger headers nothing, other texts are
    /// cut.
    fn within_limits(mut self) -> Self {
        if let Some(body) = self.body.take_if(|body| body.len() > MOST_REFUSED_BODY) {
            self.body_sha256 = Some(hex::encode(Sha256::digest(body)));
        }
        if self.headers.len() > MOST_REFUSED_HEADERS {
            self.headers = Cow::Borrowed("{}");
        }
        cut(&mut self.url, MOST_REFUSED_URL);
        self.with_short_texts()
    }

    /// The same with texts that have an end.
    fn with_short_texts(mut self) -> Self {
        cut(&mut self.method, MOST_METHOD);
        for text in [&mut self.detail, &mut self.provider_event_id, &mut self.provider_delivery_id].into_iter().flatten() {
            cut(text, MOST_TEXT);
        }
        for event_type in self.items.iter_mut().filter_map(|item| item.event_type.as_mut()) {
            event_type.truncate(event_type.floor_char_boundary(MOST_TYPE));
        }
        self
    }

    /// The bytes that stand for it.
    pub fn to_bytes(&mut self) -> Vec<u8> {
        self.kept = self.body.as_ref().map(|body| body.len());
        let body = self.body.as_deref().unwrap_or_default();
        let mut bytes = Vec::with_capacity(1024 + self.headers.len() + body.len());
        serde_json::to_writer(&mut bytes, self).expect("a judgement is plain JSON");
        // Headers are JSON already, and are not written as a text that holds JSON: they become the last member.
        bytes.pop();
        bytes.extend_from_slice(br#","headers":"#);
        bytes.extend_from_slice(self.headers.as_bytes());
        bytes.extend_from_slice(b"}\n");
        bytes.extend_from_slice(body);
        bytes
    }

    /// Reads what [`Judgement::to_bytes`] wrote.
    ///
    /// # Errors
    /// `stale_judgement` for the bytes of another version, `invalid_argument` for anything else. Neither repeats what was given.
    pub fn from_bytes(bytes: &'r [u8]) -> Result<Self> {
        let malformed = || Error::invalid("judgement: is not what knocker_judge or knocker_attest gives");
        let end = bytes.iter().position(|&byte| byte == b'\n').ok_or_else(malformed)?;
        let (head, body) = (&bytes[..end], &bytes[end + 1..]);
        let mut judgement: Self = serde_json::from_slice(head).map_err(|_| match serde_json::from_slice::<Format>(head) {
            Ok(Format { format }) if format != FORMAT => stale("it was made by another version of Knocker"),
            _ => malformed(),
        })?;
        if judgement.format != FORMAT {
            return Err(stale("it was made by another version of Knocker"));
        }
        judgement.body = judgement.kept.map(|_| Cow::Borrowed(body));
        if judgement.kept.unwrap_or(0) != body.len() || !judgement.is_sound() {
            return Err(malformed());
        }
        // Whoever made it, what is stored has its bounds.
        Ok(if judgement.outcome == Judged::Accepted { judgement.with_short_texts() } else { judgement.within_limits() })
    }

    /// Whether it says nothing that no request could have led to, and that readers of the rows would stumble over.
    fn is_sound(&self) -> bool {
        let kept = self.kept.unwrap_or(0);
        self.items.iter().all(|item| item.span.as_ref().is_none_or(|span| span.end <= kept))
            && (self.items.is_empty() || self.outcome == Judged::Accepted)
            && self.reason.as_deref().is_none_or(|given| Reason::ALL.iter().any(|reason| reason.name() == given))
            && self.body_sha256.as_ref().is_none_or(|digest| digest.len() == 64)
            && i64::try_from(self.body_size).is_ok()
            && self.headers.starts_with('{')
    }

    /// Refuses one that was made for another endpoint or under other settings.
    pub(crate) fn require_current(&self, endpoint: &Endpoint) -> Result<()> {
        if self.endpoint != endpoint.name {
            return Err(stale(&format!("it is for another endpoint than {:?}", endpoint.name)));
        }
        if self.settings != endpoint.fingerprint {
            return Err(stale(&format!("the settings of endpoint {:?} have changed", endpoint.name)));
        }
        if self.items.len() as i64 > endpoint.config.max_batch_events {
            return Err(Error::invalid("judgement: has more items than the endpoint's max_batch_events"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn stale(why: &str) -> Error {
    Error::new(Code::StaleJudgement, format!("{why}: judge the request again"))
}

fn cut(text: &mut Cow<'_, str>, most: usize) {
    let end = text.floor_char_boundary(most);
    match text {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
}

/// Each item as `[type, key, start, length]`.
type Row = (Option<String>, Option<String>, Option<usize>, usize);

fn items_as_rows<S: Serializer>(items: &[Item], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|item| {
        let span = item.span.as_ref();
        (&item.event_type, &item.key, span.map(|span| span.start), span.map_or(0, Range::len))
    }))
}

fn items_from_rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    let rows = Vec::<Row>::deserialize(deserializer)?;
    let item = |(event_type, key, start, length): Row| {
        let span = start.map(|start| start..start.saturating_add(length));
        Item { event_type, key, span }
    };
    Ok(rows.into_iter().map(item).collect())
}

fn json_as_text<'de: 'r, 'r, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'r, str>, D::Error> {
    Ok(Cow::Borrowed(<&'de RawValue>::deserialize(deserializer)?.get()))
}

/// The identity of a batch that is stored as one event: that of its items, so that a retry which counts its attempts is the same, and none
/// where one of them has none.
fn key_of_all(items: &[Item]) -> Option<String> {
    let keys: Option<Vec<&[u8]>> = items.iter().map(|item| item.key.as_deref().map(str::as_bytes)).collect();
    let keys = keys?;
    let lengths: Vec<_> = keys.iter().map(|key| (key.len() as u64).to_le_bytes()).collect();
    let parts: Vec<&[u8]> = lengths.iter().zip(keys).flat_map(|(length, key)| [length.as_slice(), key]).collect();
    Some(format!("sha256:{}", sha256_hex(&parts)))
}
