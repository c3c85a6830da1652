//! A judgement: all that a receipt needs of a request and its secrets, found out before the write lock is taken.
//!
//! It is self-contained and holds no secret, so that another connection, another process or another machine can store it. `judging.rs` makes
//! it, and `judgement_bytes.rs` writes and reads it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Result};
use crate::providers::{Item, Redacted};
use crate::receipt::ReceiptOutcome;
use crate::request::{Request, WebhookResponse};

/// The form of the bytes. Another one is judged again.
pub(crate) const FORMAT: u32 = 2;

/// What is kept of a refused request at most, so that nobody fills the disk with what did not prove itself.
const MOST_REFUSED_BODY: usize = 64 * 1024;
const MOST_REFUSED_HEADERS: usize = 16 * 1024;
const MOST_REFUSED_URL: usize = 8 * 1024;

/// What is kept of any request at most: longer than what senders write, and short enough for a list.
const MOST_METHOD: usize = 64;
const MOST_TYPE: usize = 255;
const MOST_TEXT: usize = 2 * 1024;

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
    pub(crate) format: u32,
    #[serde(borrow)]
    pub(crate) endpoint: Cow<'r, str>,
    /// The fingerprint of the settings that it was made under.
    #[serde(borrow)]
    pub(crate) settings: Cow<'r, str>,
    pub(crate) outcome: Judged,
    pub(crate) reason: Option<Cow<'r, str>>,
    pub(crate) detail: Option<Cow<'r, str>>,
    #[serde(with = "crate::item_rows")]
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
    pub(crate) kept: Option<usize>,
    #[serde(skip)]
    pub(crate) body: Option<Cow<'r, [u8]>>,
}

impl<'r> Judgement<'r> {
    /// One that says nothing yet but the outcome.
    pub(crate) fn new(
        endpoint: &Endpoint,
        request: &'r Request,
        redacted: Redacted<'r>,
        outcome: Judged,
        response: WebhookResponse,
    ) -> Self {
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
    pub(crate) fn within_limits(mut self) -> Self {
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
    pub(crate) fn with_short_texts(mut self) -> Self {
        cut(&mut self.method, MOST_METHOD);
        for text in [&mut self.detail, &mut self.provider_event_id, &mut self.provider_delivery_id].into_iter().flatten() {
            cut(text, MOST_TEXT);
        }
        for event_type in self.items.iter_mut().filter_map(|item| item.event_type.as_mut()) {
            event_type.truncate(event_type.floor_char_boundary(MOST_TYPE));
        }
        self
    }

    /// The same with nothing of the request that it was made of.
    pub(crate) fn into_owned(self) -> Judgement<'static> {
        fn owned<T: ?Sized + ToOwned>(borrowed: Cow<'_, T>) -> Cow<'static, T> {
            Cow::Owned(borrowed.into_owned())
        }
        Judgement {
            endpoint: owned(self.endpoint),
            settings: owned(self.settings),
            reason: self.reason.map(owned),
            detail: self.detail.map(owned),
            provider_event_id: self.provider_event_id.map(owned),
            provider_delivery_id: self.provider_delivery_id.map(owned),
            method: owned(self.method),
            url: owned(self.url),
            headers: owned(self.headers),
            body: self.body.map(owned),
            ..self
        }
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

/// It cannot be stored as it is: the request is to be judged again.
pub(crate) fn stale(why: &str) -> Error {
    Error::new(Code::StaleJudgement, format!("{why}: judge the request again"))
}

fn cut(text: &mut Cow<'_, str>, most: usize) {
    let end = text.floor_char_boundary(most);
    match text {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
}

fn json_as_text<'de: 'r, 'r, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'r, str>, D::Error> {
    Ok(Cow::Borrowed(<&'de RawValue>::deserialize(deserializer)?.get()))
}
