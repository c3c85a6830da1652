//! The ring of sixty minutes: what an endpoint took, refused and failed in the last hour. What a minute held is added to the totals when its place is
//! used again, so that both together are what was ever counted, for one statement a receipt.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use crate::error::Result;
use crate::providers::Reason;
use crate::store::Store;
use crate::words::words;

const RING: i64 = 60;

/// Adds a receipt that was accepted.
const ACCEPTED: &str =
    "UPDATE main._knocker_minutes SET minute = ?3, receipts = receipts + 1 WHERE endpoint_id = ?1 AND slot = ?2 AND minute >= ?3";

words! {
    /// What a minute counts: its columns.
    pub(crate) enum Counter {
        /// HTTP receipts, refused ones included.
        Receipts = "receipts",
        /// Those without an event: invalid, too large, disabled, limited, and handshakes.
        Refused = "refused",
        /// Failed attempts.
        Failures = "failures",
        /// Refused receipts that were only counted.
        Limited = "limited",
        /// Those that were stored as too large.
        TooLarge = "too_large",
        /// Those that were stored as a handshake that brings a secret.
        Handshakes = "handshakes",
        /// Receipts whose events were there already.
        Duplicates = "duplicates",
        /// Stored handshakes, whatever they bring.
        Greetings = "greetings",
        /// Those that were stored because the endpoint is disabled.
        Disabled = "disabled",
        /// Refused for this reason, also where it was only counted, as all that follow.
        MissingHeader = "refused_missing_header",
        /// The same.
        MalformedHeader = "refused_malformed_header",
        /// The same.
        BadSignature = "refused_bad_signature",
        /// The same.
        TimestampOutOfTolerance = "refused_timestamp_out_of_tolerance",
        /// The same.
        MalformedBody = "refused_malformed_body",
        /// The same.
        NoSecret = "refused_no_secret",
        /// The same.
        NotAllowed = "refused_not_allowed",
        /// By trusted ingress, which gave no reason.
        Unspecified = "refused_unspecified",
        /// Since the body is too large.
        RefusedTooLarge = "refused_too_large",
        /// Since the endpoint is disabled.
        RefusedDisabled = "refused_disabled",
    }
}

impl Counter {
    /// The one of a reason.
    pub fn of_reason(reason: Option<&str>) -> Self {
        match reason.and_then(Reason::from_name) {
            Some(Reason::MissingHeader) => Self::MissingHeader,
            Some(Reason::MalformedHeader) => Self::MalformedHeader,
            Some(Reason::BadSignature) => Self::BadSignature,
            Some(Reason::TimestampOutOfTolerance) => Self::TimestampOutOfTolerance,
            Some(Reason::MalformedBody) => Self::MalformedBody,
            Some(Reason::NoSecret) => Self::NoSecret,
            Some(Reason::NotAllowed) => Self::NotAllowed,
            None => Self::Unspecified,
        }
    }

    /// The column's reason, where it is that of a reason.
    pub fn reason(self) -> Option<&'static str> {
        self.name().strip_prefix("refused_")
    }
}

/// What happened in the last hour, or in one minute of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "contract", schemars(rename = "LastHour"))]
pub struct Tally {
    /// HTTP receipts, refused ones included.
    pub receipts: i64,
    /// Receipts without an event: invalid, too large, disabled, limited, and handshakes.
    pub refused: i64,
    /// Failed attempts.
    pub failures: i64,
    /// Refused receipts that were only counted, and not stored.
    #[serde(skip)]
    pub(crate) limited: i64,
    /// Those of `refused` that were stored as too large.
    #[serde(skip)]
    pub(crate) too_large: i64,
    /// Those of `refused` that were stored as a handshake that brings a secret.
    #[serde(skip)]
    pub(crate) handshakes: i64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.receipts += other.receipts;
        self.refused += other.refused;
        self.failures += other.failures;
        self.limited += other.limited;
        self.too_large += other.too_large;
        self.handshakes += other.handshakes;
    }
}

fn minute(now: i64) -> i64 {
    now.div_euclid(60_000)
}

impl Store {
    /// Adds one to each of these in this minute. A slot that still holds an earlier minute starts anew; one that lies ahead, because the clock was set
    /// back, goes on.
    pub(crate) fn count_minute(&self, endpoint_id: i64, counters: &[Counter], now: i64) -> Result<()> {
        let minute = minute(now);
        let slot = minute.rem_euclid(RING);
        let sql: Cow<str> = match counters {
            // That of most receipts.
            [Counter::Receipts] => ACCEPTED.into(),
            _ => {
                let added: String = counters.iter().map(|counter| format!(", {0} = {0} + 1", counter.name())).collect();
                format!("UPDATE main._knocker_minutes SET minute = ?3{added} WHERE endpoint_id = ?1 AND slot = ?2 AND minute >= ?3").into()
            }
        };
        if self.run(&sql, (endpoint_id, slot, minute))? == 0 {
            self.turn_over(endpoint_id, slot)?;
            let columns = Counter::NAMES.join(", ");
            let values: Vec<&str> = Counter::ALL.iter().map(|counter| if counters.contains(counter) { "1" } else { "0" }).collect();
            let sql = format!(
                "INSERT OR REPLACE INTO main._knocker_minutes (endpoint_id, slot, minute, {columns}) VALUES (?1, ?2, ?3, {})",
                values.join(", ")
            );
            self.run(&sql, (endpoint_id, slot, minute))?;
        }
        Ok(())
    }

    /// Takes back a receipt that has just been counted in this minute, in the same transaction: an import is none.
    pub(crate) fn uncount_receipt(&self, endpoint_id: i64, now: i64) -> Result<()> {
        let sql = "UPDATE main._knocker_minutes SET receipts = receipts - 1 WHERE endpoint_id = ?1 AND slot = ?2";
        self.run(sql, (endpoint_id, minute(now).rem_euclid(RING)))?;
        Ok(())
    }

    /// Adds what a slot holds to the totals.
    fn turn_over(&self, endpoint_id: i64, slot: i64) -> Result<()> {
        let sql = format!("SELECT {} FROM main._knocker_minutes WHERE endpoint_id = ?1 AND slot = ?2", Counter::NAMES.join(", "));
        let mut statement = self.conn().prepare_cached(&sql)?;
        let mut rows = statement.query((endpoint_id, slot))?;
        let Some(row) = rows.next()? else { return Ok(()) };
        for (at, counter) in Counter::ALL.iter().enumerate() {
            self.add_to_total(endpoint_id, counter.name(), row.get(at)?)?;
        }
        Ok(())
    }

    /// The last sixty minutes over all endpoints, the oldest first; the last one is not over.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn minutes(&self, now: i64) -> Result<Vec<Tally>> {
        let first = minute(now) - RING + 1;
        let mut minutes = vec![Tally::default(); RING as usize];
        let sql = "SELECT minute, receipts, refused, failures FROM main._knocker_minutes WHERE minute BETWEEN ?1 AND ?1 + 59";
        let mut statement = self.conn().prepare_cached(sql)?;
        let mut rows = statement.query([first])?;
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            minutes[(at - first) as usize] +=
                Tally { receipts: row.get(1)?, refused: row.get(2)?, failures: row.get(3)?, ..Tally::default() };
        }
        Ok(minutes)
    }

    /// The sum of this minute and the 59 before it. Minutes that lie ahead, because the clock was set back, count as well: a limit does not begin
    /// anew with the clock. The ring forgets them within an hour.
    pub(crate) fn last_hour(&self, endpoint_id: i64, now: i64) -> Result<Tally> {
        let sql = "SELECT coalesce(sum(receipts), 0), coalesce(sum(refused), 0), coalesce(sum(failures), 0),
                     coalesce(sum(limited), 0), coalesce(sum(too_large), 0), coalesce(sum(handshakes), 0)
                   FROM main._knocker_minutes WHERE endpoint_id = ?1 AND minute > ?2";
        let mut statement = self.conn().prepare_cached(sql)?;
        Ok(statement.query_row((endpoint_id, minute(now) - RING), |row| {
            Ok(Tally {
                receipts: row.get(0)?,
                refused: row.get(1)?,
                failures: row.get(2)?,
                limited: row.get(3)?,
                too_large: row.get(4)?,
                handshakes: row.get(5)?,
            })
        })?)
    }

    /// What operators see of the last hour, of every endpoint that took something in it.
    pub(crate) fn last_hours(&self, now: i64) -> Result<HashMap<i64, Tally>> {
        // The primary key has the rows in this order.
        let sql = "SELECT endpoint_id, sum(receipts), sum(refused), sum(failures) FROM main._knocker_minutes
                   WHERE minute > ?1 GROUP BY endpoint_id";
        let mut statement = self.conn().prepare_cached(sql)?;
        let rows = statement.query_map([minute(now) - RING], |row| {
            Ok((row.get(0)?, Tally { receipts: row.get(1)?, refused: row.get(2)?, failures: row.get(3)?, ..Tally::default() }))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
