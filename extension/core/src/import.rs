//! Taking over deliveries of another file: each is stored as trusted ingress stores it, with the times that it had, and its event stands where it
//! stood. What is here already is left alone, so that the same import can run twice.

use rusqlite::OptionalExtension;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::ingest::IngestFields;
use crate::judgement::{Judged, Judgement};
use crate::lifecycle::{EventStatus, Happening, JobMove, Moving};
use crate::providers::engine::digest::sha256_hex;
use crate::receipt::ReceiptOutcome;
use crate::store::Store;

/// A delivery with its event, as another file had it.
#[derive(Debug, Clone)]
pub struct Imported<'a> {
    /// The endpoint, which must be here.
    pub endpoint: &'a str,
    /// What trusted ingress takes: valid, with the key where there is one.
    pub fields: IngestFields,
    /// The event's body.
    pub body: &'a [u8],
    /// The delivery's id in the other file.
    pub delivery_id: i64,
    /// When it was received, in Unix milliseconds.
    pub received_at: i64,
    /// Where the event had ended; none where it is still to be handled.
    pub end: Option<End<'a>>,
}

/// How an event had ended.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Handled, dead or ignored.
    pub status: EventStatus,
    /// Why.
    pub reason: Option<&'a str>,
    /// After how many attempts.
    pub attempts: i64,
    /// When, in Unix milliseconds.
    pub at: i64,
}

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is a new event.
    Event,
    /// It is a new delivery of an event that is here.
    Duplicate,
    /// It is here already.
    Known,
}

impl Store {
    /// Takes over a delivery, or leaves it where it is here.
    ///
    /// # Errors
    /// `unknown_endpoint`; `invalid_argument` for one that its endpoint does not take (disabled, or too large); and the errors of a failing
    /// database. Nothing is stored then.
    pub fn import(&self, imported: &Imported, now: i64) -> Result<Taken> {
        self.write(|| {
            let endpoint = self.find_endpoint(imported.endpoint)?;
            let fields = imported.fields_with_key();
            let (taken, event_id) = self.find_imported(&endpoint, &fields, imported)?;
            if taken == Taken::Known {
                return Ok(taken);
            }
            let request = fields.request(imported.body)?;
            let judgement = Judgement::attested(&endpoint, &request, &fields);
            match (judgement.outcome, event_id) {
                (Judged::Accepted, Some(event_id)) => {
                    let outcome = ReceiptOutcome::Duplicate;
                    let delivery_id = self.insert_delivery(endpoint.id, &judgement, outcome, None, imported.received_at)?;
                    self.link_redelivery(event_id, delivery_id, None, imported.received_at)?;
                }
                (Judged::Accepted, None) => self.import_event(&endpoint, &judgement, imported, now)?,
                (Judged::Disabled, _) => return Err(Error::invalid(format!("endpoint {:?} is disabled: enable it first", endpoint.name))),
                _ => {
                    let most = endpoint.config.max_body_bytes;
                    let size = imported.body.len();
                    return Err(Error::invalid(format!(
                        "the body has {size} bytes, and endpoint {:?} takes {most} (max_body_bytes)",
                        endpoint.name
                    )));
                }
            }
            Ok(taken)
        })
    }

    /// What an import would do. Reads only.
    ///
    /// # Errors
    /// `unknown_endpoint`, and the errors of a failing database.
    pub fn rehearse_import(&self, imported: &Imported) -> Result<Taken> {
        let endpoint = self.find_endpoint(imported.endpoint)?;
        Ok(self.find_imported(&endpoint, &imported.fields_with_key(), imported)?.0)
    }

    /// The event with this identity, and whether this very delivery of it is here.
    fn find_imported(&self, endpoint: &Endpoint, fields: &IngestFields, imported: &Imported) -> Result<(Taken, Option<i64>)> {
        let sql = "SELECT id FROM main._knocker_events WHERE endpoint_id = ?1 AND key = ?2";
        let event: Option<i64> =
            self.conn().prepare_cached(sql)?.query_row((endpoint.id, fields.identity()), |row| row.get(0)).optional()?;
        let Some(event_id) = event else { return Ok((Taken::Event, None)) };
        let sql = "SELECT EXISTS (SELECT 1 FROM main._knocker_events WHERE id = ?1 AND received_at = ?2)
                       OR EXISTS (SELECT 1 FROM main._knocker_redeliveries WHERE event_id = ?1 AND received_at = ?2)";
        let known: bool = self.conn().prepare_cached(sql)?.query_row((event_id, imported.received_at), |row| row.get(0))?;
        Ok((if known { Taken::Known } else { Taken::Duplicate }, Some(event_id)))
    }

    /// Receives it now, and then puts it where it stood, at its own times: it is no receipt of this hour.
    fn import_event(&self, endpoint: &Endpoint, judgement: &Judgement, imported: &Imported, now: i64) -> Result<()> {
        let receipt = self.store_judgement(&endpoint.name, judgement, now)?;
        self.uncount_receipt(endpoint.id, now)?;
        let event_id = receipt.event_id.expect("an accepted request has an event");
        self.run("UPDATE main._knocker_deliveries SET received_at = ?2 WHERE id = ?1", (receipt.delivery_id, imported.received_at))?;
        self.run("UPDATE main._knocker_events SET received_at = ?2 WHERE id = ?1", (event_id, imported.received_at))?;
        let Some(end) = imported.end else { return Ok(()) };
        let job_id = self.event_state(event_id)?.job_id;
        let moving = Moving { event_id, job_id, job_is_dead: false, attempts: end.attempts, attempt_id: None };
        let (happening, job) = match end.status {
            EventStatus::Handled => (Happening::Handle, JobMove::End),
            EventStatus::Dead => (Happening::GiveUp, JobMove::Bury),
            EventStatus::Ignored => (Happening::Ignore, JobMove::End),
            EventStatus::Received | EventStatus::Processing | EventStatus::Failed => return Ok(()),
        };
        self.transition(happening, moving, end.reason, job, end.at)?;
        Ok(())
    }
}

impl Imported<'_> {
    /// An event that had no identity gets one, so that it is known when it comes again: that of its place in the other file.
    fn fields_with_key(&self) -> IngestFields {
        let mut fields = self.fields.clone();
        if fields.identity().is_none() {
            let place = format!("{}:{}:", self.delivery_id, self.received_at);
            fields.key = Some(format!("imported:{}", sha256_hex(&[place.as_bytes(), self.body])));
        }
        fields
    }
}
