//! Receiving: one HTTP request becomes a stored delivery, its events and their jobs, or nothing.

use std::ops::Range;
use std::sync::Arc;

use rusqlite::OptionalExtension;

use crate::endpoint::Endpoint;
use crate::error::{Code, Result};
use crate::ingest::IngestFields;
use crate::judgement::{Judged, Judgement};
use crate::lifecycle::{EventStatus, Happening};
use crate::minutes::Counter;
use crate::providers::{Item, Secrets};
use crate::receipt::{Receipt, ReceiptOutcome, ReceivedEvent};
use crate::request::Request;
use crate::seen::settings_changed;
use crate::settings::OnRedelivery;
use crate::store::Store;

/// The receipt of a request with a method that the provider never sends with.
fn of_nothing_stored(judgement: &Judgement) -> Receipt {
    Receipt {
        delivery_id: None,
        outcome: judgement.outcome.told(),
        event_id: None,
        events: Vec::new(),
        reason: judgement.reason.as_deref().map(str::to_owned),
        detail: judgement.detail.as_deref().map(str::to_owned),
        response: judgement.response.clone(),
    }
}

impl Store {
    /// Verifies, stores, dedupes and enqueues one HTTP request: [`Store::judge`] and [`Store::store`] in one.
    ///
    /// The request is judged before the write lock is taken, under the settings seen last; they are compared with the stored ones under the
    /// lock, and where they have changed it is judged again.
    ///
    /// # Errors
    /// `unknown_endpoint`, `invalid_argument` for an endpoint without provider, and the errors of a failing database. Nothing is stored then.
    pub fn receive(&self, endpoint: &str, request: &Request, secrets: &Secrets, now: i64) -> Result<Receipt> {
        self.judged_and_stored(endpoint, |endpoint| Judgement::of(endpoint, request, secrets, now), now)
    }

    /// Stores a request that the caller has verified: [`Store::attest`] and [`Store::store`] in one; otherwise as [`Store::receive`].
    ///
    /// # Errors
    /// `unknown_endpoint`, `invalid_argument`, and the errors of a failing database.
    pub fn ingest(&self, endpoint: &str, fields: &IngestFields, body: &[u8], now: i64) -> Result<Receipt> {
        let request = fields.request(body)?;
        self.judged_and_stored(endpoint, |endpoint| Ok(Judgement::attested(endpoint, &request, fields)), now)
    }

    /// The judgement of a request, to be stored later, by this connection or another. Writes nothing, and reads the
    /// endpoint's settings at most once a second: one made under former settings is refused when it is stored, and then they are read again.
    ///
    /// # Errors
    /// As [`Store::receive`].
    pub fn judge(&self, endpoint: &str, request: &Request, secrets: &Secrets, now: i64) -> Result<Vec<u8>> {
        self.judged(endpoint, |endpoint| Ok(Judgement::of(endpoint, request, secrets, now)?.to_bytes()))
    }

    /// The judgement of a request that the caller has verified.
    ///
    /// # Errors
    /// As [`Store::ingest`].
    pub fn attest(&self, endpoint: &str, fields: &IngestFields, body: &[u8]) -> Result<Vec<u8>> {
        let request = fields.request(body)?;
        self.judged(endpoint, |endpoint| Ok(Judgement::attested(endpoint, &request, fields).to_bytes()))
    }

    /// Stores what a judgement says, dedupes and enqueues.
    ///
    /// # Errors
    /// [`Code::StaleJudgement`] for one that was made for another endpoint or under other settings; `invalid_argument` for what is none;
    /// `unknown_endpoint`, and the errors of a failing database. Nothing is stored then.
    pub fn store(&self, endpoint: &str, judgement: &[u8], now: i64) -> Result<Receipt> {
        let judgement = Judgement::from_bytes(judgement)?;
        self.store_judgement(endpoint, &judgement, now)
    }

    /// Judges under the settings that this connection has just seen, or else under the stored ones.
    fn judged(&self, name: &str, judge: impl Fn(&Endpoint) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        if let Some(endpoint) = self.seen.fresh(name)
            && let Ok(judgement) = judge(&endpoint)
        {
            return Ok(judgement);
        }
        judge(&*self.current_endpoint(name)?)
    }

    /// The endpoint as it is stored now. Where it was seen before the schema is there, and storing looks at its version again.
    fn current_endpoint(&self, name: &str) -> Result<Arc<Endpoint>> {
        if self.seen.last(name).is_none() {
            self.require_schema()?;
        }
        self.find_endpoint(name)
    }

    fn judged_and_stored<'r>(&self, name: &str, judge: impl Fn(&Endpoint) -> Result<Judgement<'r>>, now: i64) -> Result<Receipt> {
        let mut endpoint = match self.seen.last(name) {
            Some(endpoint) => endpoint,
            None => self.current_endpoint(name)?,
        };
        loop {
            let result = judge(&endpoint).and_then(|judgement| self.store_judgement(name, &judgement, now));
            let Err(error) = result else { return result };
            // What the settings seen last refuse may be allowed by the stored ones.
            if !matches!(error.code(), Code::StaleJudgement | Code::InvalidArgument) {
                return Err(error);
            }
            let current = self.find_endpoint(name)?;
            if current.text == endpoint.text {
                return Err(error);
            }
            endpoint = current;
        }
    }

    pub(crate) fn store_judgement(&self, endpoint: &str, judgement: &Judgement, now: i64) -> Result<Receipt> {
        self.atomic(|| {
            let endpoint = self.find_endpoint_of_schema(endpoint)?;
            judgement.require_current(&endpoint).inspect_err(|_| settings_changed())?;
            match judgement.outcome {
                Judged::Accepted => self.store_events(&endpoint, judgement, now),
                Judged::WrongMethod => Ok(of_nothing_stored(judgement)),
                _ => self.store_refusal(&endpoint, judgement, now),
            }
        })
    }

    /// Stores a valid delivery with its events: new ones get a job, known ones are linked.
    fn store_events(&self, endpoint: &Endpoint, judgement: &Judgement, now: i64) -> Result<Receipt> {
        let items = &judgement.items;
        let mut events = Vec::with_capacity(items.len());
        for item in items {
            events.push(self.insert_or_find_event(endpoint.id, item, now)?);
        }
        let mut created = events.iter().filter(|event| !event.duplicate).map(|event| event.id);
        // Ascending, because they were inserted one after the other under the write lock.
        let range = created.next().map(|first| (first, created.next_back().unwrap_or(first)));
        let outcome = if range.is_none() && !events.is_empty() { ReceiptOutcome::Duplicate } else { ReceiptOutcome::Accepted };
        let counters: &[Counter] = match outcome {
            ReceiptOutcome::Duplicate => &[Counter::Receipts, Counter::Duplicates],
            _ => &[Counter::Receipts],
        };
        self.count_minute(endpoint.id, counters, now)?;
        if let Some((first, last)) = range {
            self.note_filled(first, last)?;
        }
        let delivery_id = self.insert_delivery(endpoint.id, judgement, outcome, range, now)?;
        let queue = endpoint.queue();
        for (event, item) in events.iter().zip(items) {
            if event.duplicate {
                // A batch that names one event twice repeats nothing, where it is the one that creates it.
                if range.is_some_and(|(first, last)| (first..=last).contains(&event.id)) {
                    continue;
                }
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
            detail: judgement.detail.as_deref().map(str::to_owned),
            response: judgement.response.clone(),
        })
    }

    /// Dedupe relies on `_knocker_events_key`. Looking first keeps the ids without gaps: an insert that meets a conflict uses one up. The
    /// delivery and the job of a new event do not exist yet; both are filled in with one UPDATE, before anybody reads them.
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

    pub(crate) fn insert_delivery(
        &self,
        endpoint_id: i64,
        judgement: &Judgement,
        outcome: ReceiptOutcome,
        created: Option<(i64, i64)>,
        now: i64,
    ) -> Result<i64> {
        let sql = "INSERT INTO main._knocker_deliveries (endpoint_id, outcome, first_event_id, last_event_id, reason, detail,
                     provider_event_id, provider_delivery_id, received_at, method, url, headers, body_size, body_sha256, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
        let values = rusqlite::params![
            endpoint_id,
            outcome.name(),
            created.map(|range| range.0),
            created.map(|range| range.1),
            judgement.reason,
            judgement.detail,
            judgement.provider_event_id,
            judgement.provider_delivery_id,
            now,
            judgement.method,
            judgement.url,
            judgement.headers,
            judgement.body_size as i64,
            judgement.body_sha256,
            judgement.body.as_deref(),
        ];
        self.run(sql, values)?;
        Ok(self.conn().last_insert_rowid())
    }

    pub(crate) fn link_redelivery(&self, event_id: i64, delivery_id: i64, span: Option<&Range<usize>>, now: i64) -> Result<()> {
        // A batch may name one event twice; the first place is as good as the second.
        let sql = "INSERT OR IGNORE INTO main._knocker_redeliveries (event_id, delivery_id, received_at, item_start, item_length)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let (start, length) = span_columns(span);
        self.run(sql, (event_id, delivery_id, now, start, length))?;
        Ok(())
    }

    fn revive_if_dead(&self, event_id: i64, now: i64) -> Result<()> {
        let state = self.event_state(event_id)?;
        if state.status == EventStatus::Dead {
            self.restart_event(Happening::Redeliver, event_id, &state, None, now)?;
        }
        Ok(())
    }
}

fn span_columns(span: Option<&Range<usize>>) -> (Option<i64>, Option<i64>) {
    (span.map(|span| span.start as i64), span.map(|span| span.len() as i64))
}
