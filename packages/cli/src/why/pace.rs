//! How long attempts take: whether a handler is slower than it was a day before, and since when.

use rusqlite::Connection;

use super::around::ATTEMPTS;
use crate::failure::Result;
use crate::moment;

const HOUR_MS: i64 = 3_600_000;
/// Among how many attempts those that tell a pace are looked for, and how many are needed.
const SAMPLE: i64 = 500;
const LEAST: usize = 5;
/// And how many at most: so few that they are of one time.
const MOST: usize = 21;
/// What counts as slower: so many times the former pace, and so much more in all.
const FACTOR: i64 = 3;
const NOTABLE_MS: i64 = 100;

/// The handler of an endpoint's events of one type.
pub struct Handler<'a> {
    pub endpoint: &'a str,
    pub event_type: Option<&'a str>,
}

impl Handler<'_> {
    /// A sentence where an attempt took much longer than such attempts did a day before.
    pub fn slowdown(&self, conn: &Connection, attempt_id: i64, took_ms: i64, finished_at: i64) -> Result<Option<String>> {
        let then = finished_at - 24 * HOUR_MS;
        let Some(former) = self
            .median_before(conn, ATTEMPTS.id_at(conn, then)?)?
            .map_or_else(|| self.first_median(conn, attempt_id), |ms| Ok(Some(ms)))?
        else {
            return Ok(None);
        };
        let slow = |ms: i64| ms >= former * FACTOR && ms - former >= NOTABLE_MS;
        if !slow(took_ms) {
            return Ok(None);
        }
        let recent = self.median_before(conn, attempt_id + 1)?.unwrap_or(took_ms);
        let took = format!("This attempt took {}; a day before, attempts of this handler took {} (median)", shown(took_ms), shown(former));
        if !slow(recent) {
            return Ok(Some(format!("{took}, and those around it take {} still: this one alone was slow.", shown(recent))));
        }
        // The last ones before each full hour.
        for hour in 1..=24 {
            let at = then + hour * HOUR_MS;
            if self.median_before(conn, ATTEMPTS.id_at(conn, at)?)?.is_some_and(slow) {
                let since = moment::show(at);
                return Ok(Some(format!("{took}: the handler got slower, by {since} at the latest. What was deployed or changed then?")));
            }
        }
        Ok(Some(format!("{took}: the handler got slower in the last hour before it. What was deployed or changed then?")))
    }

    /// The median of the last attempts before an id.
    fn median_before(&self, conn: &Connection, id: i64) -> Result<Option<i64>> {
        self.median(conn, "a.id < ?1 ORDER BY a.id DESC", id)
    }

    /// The median of the first attempts that there are, all of them before an id.
    fn first_median(&self, conn: &Connection, id: i64) -> Result<Option<i64>> {
        self.median(conn, "a.id < ?1 ORDER BY a.id", id)
    }

    fn median(&self, conn: &Connection, which: &str, id: i64) -> Result<Option<i64>> {
        let sql = format!(
            "SELECT duration_ms FROM
               (SELECT a.duration_ms, a.endpoint, e.type FROM knocker_attempts a JOIN knocker_events e ON e.id = a.event_id
                WHERE {which} LIMIT {SAMPLE})
             WHERE duration_ms IS NOT NULL AND endpoint = ?2 AND type IS ?3 LIMIT {MOST}"
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let mut durations: Vec<i64> =
            statement.query_map((id, self.endpoint, self.event_type), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        durations.sort_unstable();
        Ok((durations.len() >= LEAST).then(|| durations[durations.len() / 2]))
    }
}

/// A duration with a digit behind the point where it is short.
pub fn shown(ms: i64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => moment::duration(ms),
    }
}
