//! Refused deliveries: how many are kept, so that what strangers can store is bounded for good.
//!
//! Three rooms, so that a flood of one kind takes no place from the others: what did not prove itself, bodies that were too large (a sender that
//! does not try again loses the event with a 413, so somebody must see it), and handshakes that bring the secret of what follows. The first
//! room is as large as the settings say, the others a tenth of that. Of the second a tenth is filled in an hour, so that a short flood leaves room
//! for what comes after it; the third is closed to strangers by the option `verify_token`.

use std::collections::HashMap;

use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::judgement::{Judged, Judgement};
use crate::minutes::{Counter, Tally};
use crate::providers::{self, Provider};
use crate::receipt::{Receipt, ReceiptOutcome};
use crate::request::WebhookResponse;
use crate::settings::EndpointSettings;
use crate::store::Store;

/// Of a kind of refusal (outcome and reason) so many are kept also where the room is full: a new kind must be seen.
const SAMPLES: i64 = 3;
/// How much smaller the rooms of their own are, and what of the one for large bodies is filled in an hour.
const SHARE: i64 = 10;

/// Which refused deliveries share a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Strangers,
    TooLarge,
    Handshakes,
}

/// What is kept of refused deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    n: i64,
    bytes: i64,
}

/// What an endpoint keeps of refused deliveries, of which strangers can send as many as they like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
pub struct RefusedKept {
    /// Rows.
    pub kept: i64,
    /// Bytes of their columns.
    pub bytes: i64,
    /// Whether a bound is reached, so that further ones are only counted: prune, or set a retention policy.
    pub full: bool,
}

impl std::iter::Sum for RefusedKept {
    fn sum<I: Iterator<Item = Self>>(figures: I) -> Self {
        figures.fold(Self::default(), |sum, one| Self {
            kept: sum.kept + one.kept,
            bytes: sum.bytes + one.bytes,
            full: sum.full || one.full,
        })
    }
}

/// Outcome and reason, and what is kept of them.
pub(crate) type Kind = (String, String, Kept);

impl Room {
    /// What is kept in it.
    fn kept(self, config: &EndpointSettings, kinds: &[Kind]) -> Kept {
        let of_room = kinds.iter().filter(|(outcome, ..)| Room::of(config, outcome) == self);
        of_room.fold(Kept::default(), |sum, (.., kept)| Kept { n: sum.n + kept.n, bytes: sum.bytes + kept.bytes })
    }

    /// The room of a delivery with this outcome.
    fn of(config: &EndpointSettings, outcome: &str) -> Self {
        match outcome {
            "too_large" => Room::TooLarge,
            "handshake" if brings_secret(config) => Room::Handshakes,
            _ => Room::Strangers,
        }
    }

    /// Rows and bytes.
    fn bounds(self, config: &EndpointSettings) -> (i64, i64) {
        let (rows, bytes) = (config.max_refused, config.max_refused_bytes);
        match self {
            Room::Strangers => (rows, bytes),
            // At least one, unless nothing is wanted.
            Room::TooLarge => ((rows / SHARE).max(rows.min(1)), bytes / SHARE),
            // Whatever is wanted: without the secret that it brings, nothing that follows can be verified.
            Room::Handshakes => ((rows / SHARE).max(SAMPLES), bytes / SHARE),
        }
    }

    /// Rows that are stored in any hour, and what says so.
    fn hourly(self, config: &EndpointSettings) -> (i64, &'static str) {
        let setting = (config.invalid_per_hour, "invalid_per_hour");
        match self {
            Room::Strangers => setting,
            Room::TooLarge => setting.min(((self.bounds(config).0 / SHARE).max(SAMPLES), "a hundredth of max_refused")),
            Room::Handshakes => setting.max((1, setting.1)),
        }
    }

    /// What stands in it, and its share of the settings.
    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Room::Strangers => ("refused deliveries", ""),
            Room::TooLarge => ("too large deliveries", "a tenth of "),
            Room::Handshakes => ("handshakes", "a tenth of "),
        }
    }

    /// How many of it were stored in the last hour.
    fn stored(self, hour: &Tally) -> i64 {
        match self {
            // What was only counted does not count here: after an hour of abuse, samples of it are stored again.
            Room::Strangers => hour.refused - hour.limited - hour.too_large - hour.handshakes,
            Room::TooLarge => hour.too_large,
            Room::Handshakes => hour.handshakes,
        }
    }
}

/// Whether a handshake with this endpoint's provider carries the secret of what follows.
fn brings_secret(config: &EndpointSettings) -> bool {
    config.provider.as_deref().is_some_and(|name| providers::find(name).is_ok_and(Provider::handshake_brings_secret))
}

impl Store {
    /// Stores a delivery without event, unless the endpoint has had more of them this hour than it takes, or keeps as many as it may.
    pub(crate) fn store_refusal(&self, endpoint: &Endpoint, judgement: &Judgement, now: i64) -> Result<Receipt> {
        let room = Room::of(&endpoint.config, judgement.outcome.told().name());
        let limited = self.limit_reached(endpoint, judgement, room, now)?;
        let mut counters = vec![Counter::Receipts, Counter::Refused];
        counters.extend(match judgement.outcome {
            Judged::Invalid => Some(Counter::of_reason(judgement.reason.as_deref())),
            Judged::TooLarge => Some(Counter::RefusedTooLarge),
            Judged::Disabled => Some(Counter::RefusedDisabled),
            _ => None,
        });
        match (judgement.outcome, limited.is_some()) {
            (_, true) => counters.push(Counter::Limited),
            (Judged::TooLarge, _) => counters.push(Counter::TooLarge),
            (Judged::Disabled, _) => counters.push(Counter::Disabled),
            (Judged::Handshake, _) => {
                counters.push(Counter::Greetings);
                counters.extend((room == Room::Handshakes).then_some(Counter::Handshakes));
            }
            _ => {}
        }
        self.count_minute(endpoint.id, &counters, now)?;
        let nothing_but = |outcome, response| Receipt {
            delivery_id: None,
            outcome,
            event_id: None,
            events: Vec::new(),
            reason: None,
            detail: None,
            response,
        };
        if let Some(detail) = limited {
            let response = match judgement.outcome {
                // The secret that came with it would be lost: the sender is to try again.
                Judged::Handshake if room == Room::Handshakes => WebhookResponse::status(503).with_header("retry-after", "3600"),
                Judged::Invalid => WebhookResponse::text(judgement.response.status, "refused"),
                _ => judgement.response.clone(),
            };
            return Ok(Receipt { detail: Some(detail), ..nothing_but(ReceiptOutcome::Limited, response) });
        }
        let outcome = judgement.outcome.told();
        let delivery_id = self.insert_delivery(endpoint.id, judgement, outcome, None, now)?;
        // The same sum as in the trigger _knocker_refusal_deleted, which takes it away again.
        let sql = "INSERT INTO main._knocker_refusals (endpoint_id, outcome, reason, n, bytes)
                   SELECT endpoint_id, outcome, coalesce(reason, ''), 1,
                     256 + length(CAST(method AS BLOB)) + length(CAST(url AS BLOB)) + length(CAST(headers AS BLOB))
                     + coalesce(length(CAST(detail AS BLOB)), 0) + coalesce(length(CAST(provider_event_id AS BLOB)), 0)
                     + coalesce(length(CAST(provider_delivery_id AS BLOB)), 0) + coalesce(length(body), 0)
                   FROM main._knocker_deliveries WHERE id = ?1
                   ON CONFLICT (endpoint_id, outcome, reason) DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes";
        self.run(sql, [delivery_id])?;
        Ok(Receipt {
            delivery_id: Some(delivery_id),
            reason: judgement.reason.as_deref().map(str::to_owned),
            detail: judgement.detail.as_deref().map(str::to_owned),
            ..nothing_but(outcome, judgement.response.clone())
        })
    }

    /// Which bound lets this one only be counted, in a sentence that says what to do.
    fn limit_reached(&self, endpoint: &Endpoint, judgement: &Judgement, room: Room, now: i64) -> Result<Option<String>> {
        let config = &endpoint.config;
        let (what, share) = room.describe();
        let open = room == Room::Handshakes && !config.options.contains_key("verify_token");
        let advice = if open { "; with the option verify_token strangers cannot fill their room" } else { "" };
        let (per_hour, setting) = room.hourly(config);
        if room.stored(&self.last_hour(endpoint.id, now)?) >= per_hour {
            return Ok(Some(format!("more than {per_hour} {what} this hour ({setting}); this one was only counted{advice}")));
        }
        let kinds = self.kept_refusals(endpoint.id)?;
        let kind = (judgement.outcome.told().name(), judgement.reason.as_deref().unwrap_or_default());
        let samples = kinds.iter().find(|(outcome, reason, _)| (outcome.as_str(), reason.as_str()) == kind).map_or(0, |(.., kept)| kept.n);
        let Kept { n, bytes } = room.kept(config, &kinds);
        let (most, most_bytes) = room.bounds(config);
        if most > 0 && samples < SAMPLES {
            return Ok(None);
        }
        let full = if n >= most {
            format!("{n} {what} are kept ({share}max_refused)")
        } else if bytes >= most_bytes {
            format!("{bytes} bytes of {what} are kept ({share}max_refused_bytes)")
        } else {
            return Ok(None);
        };
        let act = if most > 0 { "; prune deliveries, or set a retention policy, to make room" } else { "" };
        Ok(Some(format!("{full}; this one was only counted{act}{advice}")))
    }

    /// How many refused receipts of an endpoint were only counted in the last hour, as more are not stored.
    ///
    /// # Errors
    /// `unknown_endpoint`, and those of a failing database.
    pub fn only_counted(&self, endpoint: &str, now: i64) -> Result<i64> {
        let endpoint = self.find_endpoint(endpoint)?;
        Ok(self.last_hour(endpoint.id, now)?.limited)
    }

    /// What is kept of each kind: outcome and reason.
    fn kept_refusals(&self, endpoint_id: i64) -> Result<Vec<Kind>> {
        let sql = "SELECT outcome, reason, n, bytes FROM main._knocker_refusals WHERE endpoint_id = ?1";
        let mut statement = self.conn().prepare_cached(sql)?;
        let rows = statement.query_map([endpoint_id], read_kind)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The same of every endpoint that keeps any.
    pub(crate) fn all_kept_refusals(&self) -> Result<HashMap<i64, Vec<Kind>>> {
        let mut all: HashMap<i64, Vec<Kind>> = HashMap::new();
        let mut statement = self.conn().prepare_cached("SELECT outcome, reason, n, bytes, endpoint_id FROM main._knocker_refusals")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            all.entry(row.get(4)?).or_default().push(read_kind(row)?);
        }
        Ok(all)
    }
}

fn read_kind(row: &rusqlite::Row) -> rusqlite::Result<Kind> {
    Ok((row.get(0)?, row.get(1)?, Kept { n: row.get(2)?, bytes: row.get(3)? }))
}

impl RefusedKept {
    /// Of an endpoint with these settings that keeps these.
    pub(crate) fn of(config: &EndpointSettings, kinds: &[Kind]) -> Self {
        let mut figures = Self::default();
        for room in [Room::Strangers, Room::TooLarge, Room::Handshakes] {
            let kept = room.kept(config, kinds);
            let (most, most_bytes) = room.bounds(config);
            figures.kept += kept.n;
            figures.bytes += kept.bytes;
            // Where nothing is wanted, there is nothing to make room for.
            figures.full |= config.max_refused > 0 && kept.n > 0 && (kept.n >= most || kept.bytes >= most_bytes);
        }
        figures
    }
}
