//! Judging: what a request turns out to be under an endpoint's settings, and what may be kept of it.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::ingest::IngestFields;
use crate::judgement::{Judged, Judgement};
use crate::providers::engine::digest::sha256_hex;
use crate::providers::{Item, Outcome, Redacted, Secrets, Verdict};
use crate::request::{Request, WebhookResponse};
use crate::unpacked::{as_if_plain, unpacked};
use crate::verifier::Verifier;

/// The type of the one event that stands for a batch with more items than the endpoint takes.
const OVERSIZED_BATCH: &str = "knocker.oversized_batch";

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
        let limit = endpoint.config.max_body_bytes;
        let Some(text) = unpacked(request, limit) else {
            return Ok(Self::by(endpoint, verifier, request, verifier.verify(request, secrets, now)));
        };
        let plain = as_if_plain(request, &text, limit);
        // A body is as large as what it says.
        let judgement = Judgement::unread(endpoint, &plain)
            .unwrap_or_else(|| Judgement::by(endpoint, verifier, &plain, verifier.verify_packed(&plain, request, secrets, now)));
        Ok(judgement.into_owned())
    }

    /// What a verdict makes of the request.
    fn by(endpoint: &Endpoint, verifier: &Verifier, request: &'r Request, Verdict { outcome, response }: Verdict) -> Self {
        let redacted = verifier.redact(request);
        match outcome {
            Outcome::Delivery(items) => Self::accepted(endpoint, request, redacted, items, response).with_short_texts(),
            Outcome::Handshake => Self::new(endpoint, request, redacted, Judged::Handshake, response).within_limits(),
            Outcome::Refused { reason, detail } => {
                let mut judgement = Self::new(endpoint, request, redacted, Judged::Invalid, response);
                judgement.reason = Some(reason.name().into());
                judgement.detail = Some(detail.into());
                judgement.within_limits()
            }
        }
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
