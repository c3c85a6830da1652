//! Receiving: one HTTP request becomes a stored delivery, its events and their jobs, or nothing.

use std::ops::Range;

use rusqlite::OptionalExtension;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::endpoint::{Endpoint, OnRedelivery};
use crate::error::Result;
use crate::judgement::Judgement;
use crate::minutes::Tally;
use crate::providers::{Item, Outcome, Secrets, Verdict};
use crate::request::{Request, Response};
use crate::store::Store;

/// What a receipt became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The stored delivery; none where the limit on refused receipts left only a count.
    pub delivery_id: Option<i64>,
    /// `accepted`, `duplicate`, `invalid`, `handshake`, `too_large`, `disabled` or `limited`.
    pub outcome: &'static str,
    /// The first of `events`.
    pub event_id: Option<i64>,
    /// The events that this delivery created or repeated, in the order of the body.
    pub events: Vec<ReceivedEvent>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The same in one sentence.
    pub detail: Option<String>,
    /// What to answer.
    pub response: Response,
}

/// An event of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReceivedEvent {
    /// Its id.
    pub id: i64,
    /// Whether it was there before.
    pub duplicate: bool,
}

/// What is stored of one delivery, whichever way it came.
#[derive(Clone, Default)]
pub(crate) struct Incoming<'a> {
    pub method: &'a str,
    pub url: &'a str,
    pub headers: &'a str,
    pub body: Option<&'a [u8]>,
    pub body_size: usize,
    pub body_sha256: Option<String>,
    pub provider_event_id: Option<&'a str>,
    pub provider_delivery_id: Option<&'a str>,
}

/// What is kept of a refused request at most, so that nobody fills the disk with what did not prove itself.
const MOST_REFUSED_BODY: usize = 64 * 1024;
const MOST_REFUSED_HEADERS: usize = 16 * 1024;
const MOST_REFUSED_URL: usize = 8 * 1024;

impl<'a> Incoming<'a> {
    /// The same within the limits for refused requests: of a larger body size and digest are kept, of larger headers nothing.
    fn within_limits(mut self) -> Self {
        if let Some(body) = self.body.take_if(|body| body.len() > MOST_REFUSED_BODY) {
            self.body_sha256 = Some(hex::encode(Sha256::digest(body)));
        }
        if self.headers.len() > MOST_REFUSED_HEADERS {
            self.headers = "{}";
        }
        self.url = &self.url[..self.url.floor_char_boundary(MOST_REFUSED_URL)];
        self.method = &self.method[..self.method.floor_char_boundary(64)];
        self
    }
}

impl Store {
    /// Verifies, stores, dedupes and enqueues one HTTP request.
    ///
    /// The request is verified before the write lock is taken, against the settings seen last; they are compared with the stored ones
    /// under the lock, and only a change costs a second look.
    ///
    /// # Errors
    /// `unknown_endpoint`, `invalid_argument` for an endpoint without provider, and the errors of a failing database. Nothing is stored then.
    pub fn receive(&self, endpoint: &str, request: &Request, secrets: &Secrets, now: i64) -> Result<Receipt> {
        let known = self.endpoints.borrow().get(endpoint).cloned();
        // What the settings seen last refuse may be allowed by the stored ones: an error here is no answer yet.
        let verified = known.and_then(|known| Some((known.clone(), Judgement::of(&known, request, secrets, now).ok()?)));
        self.write(|| {
            let current = self.find_endpoint(endpoint)?;
            let judgement = match verified {
                Some((known, judgement)) if known.text == current.text => judgement,
                _ => Judgement::of(&current, request, secrets, now)?,
            };
            self.store_judgement(&current, request, judgement, now)
        })
    }

    fn store_judgement(&self, endpoint: &Endpoint, request: &Request, judgement: Judgement, now: i64) -> Result<Receipt> {
        match judgement {
            Judgement::Disabled => self.store_bodyless(endpoint, request, "disabled", Response::status(410), now),
            Judgement::TooLarge => self.store_bodyless(endpoint, request, "too_large", Response::text(413, "body too large"), now),
            Judgement::Verdict(Verdict { outcome, response }, redacted) => {
                let incoming = Incoming {
                    method: &request.method,
                    url: &redacted.url,
                    headers: &redacted.headers,
                    body: Some(&redacted.body),
                    body_size: request.body.len(),
                    ..Incoming::default()
                };
                match outcome {
                    Outcome::Delivery(items) => self.store_events(endpoint, &incoming, &items, response, now),
                    Outcome::Handshake => self.store_refusal(endpoint, &incoming, "handshake", None, None, response, now),
                    Outcome::Refused { reason, detail } => {
                        self.store_refusal(endpoint, &incoming, "invalid", Some(reason.name().into()), Some(detail), response, now)
                    }
                }
            }
        }
    }

    /// A delivery of which only size and digest are kept. The digest of a truncated body would be that of something nobody sent.
    fn store_bodyless(
        &self,
        endpoint: &Endpoint,
        request: &Request,
        outcome: &'static str,
        response: Response,
        now: i64,
    ) -> Result<Receipt> {
        let head = Request { body: b"", ..request.clone() };
        let redacted = endpoint.redact(&head);
        // What the sender says of itself, within reason.
        let announced = request.headers.first("content-length").and_then(|length| length.trim().parse::<u32>().ok());
        let incoming = Incoming {
            method: &request.method,
            url: &redacted.url,
            headers: &redacted.headers,
            body: None,
            body_size: if request.truncated {
                announced.map_or(0, |length| length as usize).max(request.body.len())
            } else {
                request.body.len()
            },
            body_sha256: (!request.truncated).then(|| hex::encode(Sha256::digest(request.body))),
            ..Incoming::default()
        };
        self.store_refusal(endpoint, &incoming, outcome, None, None, response, now)
    }

    /// Stores a delivery without event, unless the endpoint has had more of them this hour than it keeps.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn store_refusal(
        &self,
        endpoint: &Endpoint,
        incoming: &Incoming,
        outcome: &'static str,
        reason: Option<String>,
        detail: Option<String>,
        response: Response,
        now: i64,
    ) -> Result<Receipt> {
        let hour = self.last_hour(endpoint.id, now)?;
        // What was only counted does not count here: after an hour of abuse, samples of it are stored again.
        let limited = hour.refused - hour.limited >= endpoint.config.invalid_per_hour;
        self.count_minute(endpoint.id, Tally { receipts: 1, refused: 1, limited: limited.into(), ..Tally::default() }, now)?;
        if limited {
            return Ok(Receipt {
                delivery_id: None,
                outcome: "limited",
                event_id: None,
                events: Vec::new(),
                reason: None,
                detail: Some("too many refused receipts this hour; this one was only counted".into()),
                response: match outcome {
                    // The secret that came with it would be lost: the sender is to try again.
                    "handshake" if endpoint.handshake_brings_secret() => Response::status(503).with_header("retry-after", "3600"),
                    "invalid" => Response::text(401, "refused"),
                    _ => response,
                },
            });
        }
        let incoming = &incoming.clone().within_limits();
        let delivery_id = self.insert_delivery(endpoint.id, incoming, outcome, None, reason.as_deref(), detail.as_deref(), now)?;
        Ok(Receipt { delivery_id: Some(delivery_id), outcome, event_id: None, events: Vec::new(), reason, detail, response })
    }

    /// Stores a valid delivery with its events: new ones get a job, known ones are linked.
    pub(crate) fn store_events(
        &self,
        endpoint: &Endpoint,
        incoming: &Incoming,
        items: &[Item],
        response: Response,
        now: i64,
    ) -> Result<Receipt> {
        self.count_minute(endpoint.id, Tally { receipts: 1, ..Tally::default() }, now)?;
        let mut events = Vec::with_capacity(items.len());
        for item in items {
            events.push(self.insert_or_find_event(endpoint.id, item, now)?);
        }
        let mut created = events.iter().filter(|event| !event.duplicate).map(|event| event.id);
        // Ascending, because they were inserted one after the other under the write lock.
        let range = created.next().map(|first| (first, created.next_back().unwrap_or(first)));
        let outcome = if range.is_none() && !events.is_empty() { "duplicate" } else { "accepted" };
        let delivery_id = self.insert_delivery(endpoint.id, incoming, outcome, range, None, None, now)?;
        let queue = endpoint.queue();
        for (event, item) in events.iter().zip(items) {
            if event.duplicate {
                self.link_redelivery(event.id, delivery_id, item.span.as_ref(), now)?;
                if endpoint.config.on_redelivery == OnRedelivery::RequeueDead {
                    self.revive_if_dead(event.id, now)?;
                }
            } else {
                let job_id = self.enqueue(&queue, event.id, None, endpoint.config.max_attempts, now)?;
                let sql = "UPDATE main._knocker_events SET delivery_id = ?2, job_id = ?3 WHERE id = ?1";
                self.run(sql, (event.id, delivery_id, job_id))?;
            }
        }
        Ok(Receipt {
            delivery_id: Some(delivery_id),
            outcome,
            event_id: events.first().map(|event| event.id),
            events,
            reason: None,
            detail: None,
            response,
        })
    }

    /// Dedupe relies on `_knocker_events_key`. Looking first keeps the ids without gaps: an insert that meets a conflict uses one up. The
    /// delivery and the job of a new event do not exist yet; they are filled in after.
    fn insert_or_find_event(&self, endpoint_id: i64, item: &Item, now: i64) -> Result<ReceivedEvent> {
        if let Some(key) = &item.key {
            let sql = "SELECT id FROM main._knocker_events WHERE endpoint_id = ?1 AND key = ?2";
            let known = self.conn().prepare_cached(sql)?.query_row((endpoint_id, key), |row| row.get(0)).optional()?;
            if let Some(id) = known {
                return Ok(ReceivedEvent { id, duplicate: true });
            }
        }
        let (start, length) = span_columns(item.span.as_ref());
        let sql = "INSERT INTO main._knocker_events (endpoint_id, delivery_id, status, received_at, item_start, item_length, type, key)
                   VALUES (?1, 0, 'received', ?2, ?3, ?4, ?5, ?6)";
        self.run(sql, (endpoint_id, now, start, length, &item.event_type, &item.key))?;
        Ok(ReceivedEvent { id: self.conn().last_insert_rowid(), duplicate: false })
    }

    #[allow(clippy::too_many_arguments)]
    fn insert_delivery(
        &self,
        endpoint_id: i64,
        incoming: &Incoming,
        outcome: &str,
        created: Option<(i64, i64)>,
        reason: Option<&str>,
        detail: Option<&str>,
        now: i64,
    ) -> Result<i64> {
        let sql =
            "INSERT INTO main._knocker_deliveries (endpoint_id, outcome, first_event_id, last_event_id, reason, detail, provider_event_id,
                     provider_delivery_id, received_at, method, url, headers, body_size, body_sha256, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        self.run(
            sql,
            rusqlite::params![
                endpoint_id,
                outcome,
                created.map(|range| range.0),
                created.map(|range| range.1),
                reason,
                detail,
                incoming.provider_event_id,
                incoming.provider_delivery_id,
                now,
                incoming.method,
                incoming.url,
                incoming.headers,
                incoming.body_size as i64,
                incoming.body_sha256,
                incoming.body,
            ],
        )?;
        Ok(self.conn().last_insert_rowid())
    }

    fn link_redelivery(&self, event_id: i64, delivery_id: i64, span: Option<&Range<usize>>, now: i64) -> Result<()> {
        // A batch may name one event twice; the first place is as good as the second.
        let sql = "INSERT OR IGNORE INTO main._knocker_redeliveries (event_id, delivery_id, received_at, item_start, item_length)
                   SELECT ?1, ?2, ?3, ?4, ?5
                   WHERE NOT EXISTS (SELECT 1 FROM main._knocker_events WHERE id = ?1 AND delivery_id IN (0, ?2))";
        let (start, length) = span_columns(span);
        self.run(sql, (event_id, delivery_id, now, start, length))?;
        Ok(())
    }

    fn revive_if_dead(&self, event_id: i64, now: i64) -> Result<()> {
        let state = self.event_state(event_id)?;
        if state.status == "dead" { self.restart_event(event_id, &state, None, now) } else { Ok(()) }
    }
}

fn span_columns(span: Option<&Range<usize>>) -> (Option<i64>, Option<i64>) {
    (span.map(|span| span.start as i64), span.map(|span| span.len() as i64))
}
