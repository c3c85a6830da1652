//! The ring of sixty minutes: what an endpoint took, refused and failed in the last hour.

use serde::Serialize;

use crate::error::Result;
use crate::store::Store;

const RING: i64 = 60;

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
    /// Adds to this minute. A slot that still holds an earlier minute starts anew; one that lies ahead, because the clock was set back, goes on.
    pub(crate) fn count_minute(&self, endpoint_id: i64, tally: Tally, now: i64) -> Result<()> {
        let sql =
            "INSERT INTO main._knocker_minutes (endpoint_id, slot, minute, receipts, refused, failures, limited, too_large, handshakes)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                   ON CONFLICT (endpoint_id, slot) DO UPDATE SET
                     receipts = excluded.receipts + iif(minute >= excluded.minute, receipts, 0),
                     refused = excluded.refused + iif(minute >= excluded.minute, refused, 0),
                     failures = excluded.failures + iif(minute >= excluded.minute, failures, 0),
                     limited = excluded.limited + iif(minute >= excluded.minute, limited, 0),
                     too_large = excluded.too_large + iif(minute >= excluded.minute, too_large, 0),
                     handshakes = excluded.handshakes + iif(minute >= excluded.minute, handshakes, 0),
                     minute = excluded.minute";
        let minute = minute(now);
        let Tally { receipts, refused, failures, limited, too_large, handshakes } = tally;
        let slot = minute.rem_euclid(RING);
        self.run(sql, (endpoint_id, slot, minute, receipts, refused, failures, limited, too_large, handshakes))?;
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
}
