//! How long attempts take: whether a handler is slower than it was a day before, and since when.

use std::fmt;

use rusqlite::Connection;

use super::around::ATTEMPTS;
use crate::failure::Result;
use crate::moment;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Of so many types of an endpoint the pace is told.
const TYPES: i64 = 10;
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

/// How long attempts took, in milliseconds.
#[derive(Clone, Copy)]
struct Pace(i64);

impl Pace {
    /// Whether this is much slower.
    fn is_passed_by(self, ms: i64) -> bool {
        ms >= self.0 * FACTOR && ms - self.0 >= NOTABLE_MS
    }
}

impl fmt::Display for Handler<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} of {}", self.event_type.unwrap_or("events without a type"), self.endpoint)
    }
}

/// Which handlers of an endpoint are slower than they were a day before their last attempt.
pub fn slow_handlers(conn: &Connection, endpoint: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT type, max(id), max(finished_at) FROM
           (SELECT a.id, a.endpoint, a.finished_at, e.type FROM knocker_attempts a JOIN knocker_events e ON e.id = a.event_id
            ORDER BY a.id DESC LIMIT {SAMPLE})
         WHERE endpoint = ?1 GROUP BY type LIMIT {TYPES}"
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([endpoint])?;
    let mut sentences = Vec::new();
    while let Some(row) = rows.next()? {
        let event_type: Option<String> = row.get(0)?;
        let handler = Handler { endpoint, event_type: event_type.as_deref() };
        sentences.extend(handler.slow_now(conn, row.get(1)?, row.get(2)?)?);
    }
    Ok(sentences)
}

impl Handler<'_> {
    /// A sentence where an attempt took much longer than such attempts did a day before.
    pub fn slow_attempt(&self, conn: &Connection, attempt_id: i64, took_ms: i64, finished_at: i64) -> Result<Option<String>> {
        let Some(former) = self.former(conn, attempt_id, finished_at)? else { return Ok(None) };
        if !former.is_passed_by(took_ms) {
            return Ok(None);
        }
        let took = format!("This attempt took {}; a day before, {} took {} (median)", shown(took_ms), self, shown(former.0));
        let recent = self.median_before(conn, attempt_id + 1)?.unwrap_or(took_ms);
        if !former.is_passed_by(recent) {
            return Ok(Some(format!("{took}, and those around it take {} still: this one alone was slow.", shown(recent))));
        }
        Ok(Some(format!("{took}: {}", self.since(conn, former, finished_at)?)))
    }

    /// A sentence where the last attempts took much longer than those of a day before.
    fn slow_now(&self, conn: &Connection, last_id: i64, finished_at: i64) -> Result<Option<String>> {
        let Some(former) = self.former(conn, last_id, finished_at)? else { return Ok(None) };
        let recent = self.median_before(conn, last_id + 1)?.filter(|&recent| former.is_passed_by(recent));
        let Some(recent) = recent else { return Ok(None) };
        let since = self.since(conn, former, finished_at)?;
        Ok(Some(format!(
            "The last attempts of {self} took {}; a day before they took {} (median): {since}",
            shown(recent),
            shown(former.0)
        )))
    }

    /// The pace of a day before, or the first that there was.
    fn former(&self, conn: &Connection, attempt_id: i64, finished_at: i64) -> Result<Option<Pace>> {
        let then = self.median_before(conn, ATTEMPTS.id_at(conn, finished_at - DAY_MS)?)?;
        Ok(match then {
            None => self.first_median(conn, attempt_id)?,
            then => then,
        }
        .map(Pace))
    }

    /// Since when it is slower: by the last attempts before each full hour of the day.
    fn since(&self, conn: &Connection, former: Pace, finished_at: i64) -> Result<String> {
        for hour in 1..=24 {
            let at = finished_at - DAY_MS + hour * HOUR_MS;
            if self.median_before(conn, ATTEMPTS.id_at(conn, at)?)?.is_some_and(|ms| former.is_passed_by(ms)) {
                return Ok(format!("the handler got slower, by {} at the latest. What was deployed or changed then?", moment::show(at)));
            }
        }
        Ok("the handler got slower in the last hour before it. What was deployed or changed then?".into())
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
