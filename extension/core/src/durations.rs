//! How many attempts there were and how long they took: counted beside the number of events of each status.
//!
//! Neither a claim nor, mostly, a verdict writes there. Now and then a verdict counts the attempts since the last that is counted, and with those that
//! handled their event its move to `handled`; whoever reads the counts adds what is not counted yet. What is `processing` is never counted: it stands
//! among what it was before, as the triggers of `schema/objects.sql` say, and whoever reads takes it out of there.

use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::lifecycle::{AttemptResult, EventStatus};
use crate::store::Store;

/// The bounds of the buckets, in milliseconds: the columns `within_…`.
pub const BOUNDS_MS: [i64; 14] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000];

/// What an attempt adds to a sum at most, a hundred years: a worker may give any number, and millions of sums stay below the largest one.
const LONGEST_MS: i64 = 3_155_760_000_000;

/// By how many ids the sequence of the table is ahead of it at least.
const SEQUENCE_AHEAD: i64 = 100_000;

/// What attempts took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Durations {
    /// How many lie between a bound and the one before it.
    pub within: [i64; BOUNDS_MS.len()],
    /// How many there are, longer ones included.
    pub count: i64,
    /// What they took together, in milliseconds.
    pub sum_ms: i64,
}

impl std::ops::AddAssign for Durations {
    fn add_assign(&mut self, other: Self) {
        for (own, others) in self.within.iter_mut().zip(other.within) {
            *own += others;
        }
        self.count += other.count;
        self.sum_ms += other.sum_ms;
    }
}

/// What is counted of an endpoint, by status of events and by result of attempts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Events that stand there.
    pub events: HashMap<String, i64>,
    /// Attempts that ended so.
    pub attempts: HashMap<String, Durations>,
}

impl Counts {
    /// Events that have a job.
    pub fn open_events(&self) -> i64 {
        ["received", "processing", "failed"].iter().filter_map(|&status| self.events.get(status)).sum()
    }
}

/// Attempts that are not counted yet.
#[derive(Debug, Default)]
struct Uncounted {
    /// What they add to the rows of `_knocker_counts`, by endpoint and name: the number, and milliseconds.
    rows: BTreeMap<(i64, String), (i64, i64)>,
    /// The last of them.
    last: Option<i64>,
}

impl Uncounted {
    fn add(&mut self, endpoint_id: i64, name: String, n: i64, duration_ms: i64) {
        let row = self.rows.entry((endpoint_id, name)).or_default();
        row.0 += n;
        row.1 += duration_ms;
    }

    /// Attempts count in the row of their result and of the first bound that their durations are within.
    fn add_attempts(&mut self, of: Alike, n: i64, duration_ms: i64) {
        let name = format!("{}:{}", of.result.name(), of.bound_ms.map_or(String::new(), |bound| bound.to_string()));
        self.add(of.endpoint_id, name, n, duration_ms);
        if of.result == AttemptResult::Handled {
            self.add(of.endpoint_id, of.before.name().to_owned(), -n, 0);
            self.add(of.endpoint_id, EventStatus::Handled.name().to_owned(), n, 0);
        }
    }
}

/// What attempts have in common that count alike. Most of those that are counted together do.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Alike {
    endpoint_id: i64,
    result: AttemptResult,
    /// The first bound that the duration is within. A lease that ran out has no duration.
    bound_ms: Option<i64>,
    before: EventStatus,
}

/// What an event was before this attempt at it, and counts as while it is processing.
fn before(attempt: i64) -> EventStatus {
    if attempt > 1 { EventStatus::Failed } else { EventStatus::Received }
}

impl Counts {
    fn add(&mut self, name: &str, n: i64, duration_ms: i64) {
        let Some((result, bound)) = name.split_once(':') else {
            *self.events.entry(name.to_owned()).or_default() += n;
            return;
        };
        let attempts = self.attempts.entry(result.to_owned()).or_default();
        attempts.count += n;
        attempts.sum_ms += duration_ms;
        if let Some(at) = bound.parse().ok().and_then(|bound: i64| BOUNDS_MS.iter().position(|&own| own == bound)) {
            attempts.within[at] += n;
        }
    }
}

impl Store {
    /// Counts the attempts since the last that is counted.
    pub(crate) fn count_attempts(&self) -> Result<()> {
        let uncounted = self.uncounted()?;
        let Some(last) = uncounted.last else { return Ok(()) };
        let sql = "INSERT INTO main._knocker_counts (endpoint_id, status, n, duration_ms) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (endpoint_id, status) DO UPDATE SET n = n + excluded.n, duration_ms = duration_ms + excluded.duration_ms";
        for ((endpoint_id, name), (n, duration_ms)) in &uncounted.rows {
            self.run(sql, (endpoint_id, name, n, duration_ms))?;
        }
        let sql = "INSERT INTO main._knocker_counts (endpoint_id, status, n) VALUES (0, 'attempts:counted', ?1)
                   ON CONFLICT (endpoint_id, status) DO UPDATE SET n = excluded.n";
        self.run(sql, [last])?;
        // SQLite writes the table's sequence for an id above it, so it is kept well ahead.
        let sql = "UPDATE main.sqlite_sequence SET seq = ?1 + 2 * ?2 WHERE name = '_knocker_attempts' AND seq < ?1 + ?2";
        self.run(sql, (last, SEQUENCE_AHEAD))?;
        Ok(())
    }

    /// Gives none of the next `n` ids to an attempt, in a file that was restored: attempts that it knows nothing of have had them.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn skip_attempt_ids(&self, n: i64) -> Result<()> {
        self.write(|| {
            self.count_attempts()?;
            let sql = "UPDATE main._knocker_counts SET n = n + ?1 WHERE endpoint_id = 0 AND status = 'attempts:counted'";
            self.run(sql, [n])?;
            Ok(())
        })
    }

    /// The attempts since the last that is counted.
    fn uncounted(&self) -> Result<Uncounted> {
        let mut uncounted = Uncounted::default();
        let sql = "SELECT a.id, e.endpoint_id, a.result, a.duration_ms, a.attempt FROM main._knocker_attempts a
                   LEFT JOIN main._knocker_events e ON e.id = a.event_id
                   WHERE a.id > coalesce((SELECT n FROM main._knocker_counts WHERE endpoint_id = 0 AND status = 'attempts:counted'), 0)
                   ORDER BY a.id";
        let mut statement = self.conn().prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut all: HashMap<Alike, (i64, i64)> = HashMap::new();
        while let Some(row) = rows.next()? {
            uncounted.last = Some(row.get(0)?);
            let (Some(endpoint_id), Some(result)) = (row.get(1)?, row.get_ref(2)?.as_str().ok().and_then(AttemptResult::from_name)) else {
                continue;
            };
            let duration_ms: Option<i64> = row.get(3)?;
            let bound_ms = duration_ms.and_then(|duration| BOUNDS_MS.into_iter().find(|&bound| duration <= bound));
            let (n, sum_ms) = all.entry(Alike { endpoint_id, result, bound_ms, before: before(row.get(4)?) }).or_default();
            *n += 1;
            *sum_ms += duration_ms.unwrap_or_default().min(LONGEST_MS);
        }
        for (of, (n, duration_ms)) in all {
            uncounted.add_attempts(of, n, duration_ms);
        }
        Ok(uncounted)
    }

    /// What is counted and what is to be, by endpoint. Both must be seen in one state of the file.
    pub(crate) fn counts(&self) -> Result<HashMap<i64, Counts>> {
        let mut all: HashMap<i64, Counts> = HashMap::new();
        let sql = "SELECT endpoint_id, status, n, duration_ms FROM main._knocker_counts WHERE endpoint_id > 0";
        let mut statement = self.conn().prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(1)?.as_str().unwrap_or_default();
            all.entry(row.get(0)?).or_default().add(name, row.get(2)?, row.get(3)?);
        }
        for ((endpoint_id, name), (n, duration_ms)) in self.uncounted()?.rows {
            all.entry(endpoint_id).or_default().add(&name, n, duration_ms);
        }
        for (endpoint_id, attempt) in self.attempts_under_way()? {
            let of_endpoint = all.entry(endpoint_id).or_default();
            of_endpoint.add(before(attempt).name(), -1, 0);
            of_endpoint.add(EventStatus::Processing.name(), 1, 0);
        }
        Ok(all)
    }
}
