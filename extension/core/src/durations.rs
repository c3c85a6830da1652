//! How many attempts there were and how long they took: counted beside the number of events of each status, in a page that a verdict writes anyway.

use std::collections::HashMap;

use crate::attempt::Attempt;
use crate::error::Result;
use crate::lifecycle::AttemptResult;
use crate::store::Store;

/// The bounds of the buckets, in milliseconds: the columns `within_…`.
pub const BOUNDS_MS: [i64; 14] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000];

/// What an attempt adds to a sum at most, a hundred years: a worker may give any number, and millions of sums stay below the largest one.
const LONGEST_MS: i64 = 3_155_760_000_000;

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

/// The name of the row in `_knocker_counts`: the result and the bound.
fn row_name(result: AttemptResult, duration_ms: Option<i64>) -> String {
    match duration_ms.and_then(|duration| BOUNDS_MS.iter().find(|&&bound| duration <= bound)) {
        Some(bound) => format!("{}:{bound}", result.name()),
        None => format!("{}:", result.name()),
    }
}

impl Store {
    /// Counts an attempt. A lease that ran out has no duration.
    pub(crate) fn count_attempt(&self, attempt: &Attempt) -> Result<()> {
        // Asked for apart: with a query inside, SQLite would keep a journal for the one statement.
        let mut event = self.conn().prepare_cached("SELECT endpoint_id FROM main._knocker_events WHERE id = ?1")?;
        let endpoint_id: i64 = event.query_row([attempt.job.event_id], |row| row.get(0))?;
        let sql = "INSERT INTO main._knocker_counts (endpoint_id, status, n, duration_ms) VALUES (?1, ?2, 1, ?3)
                   ON CONFLICT (endpoint_id, status) DO UPDATE SET n = n + 1, duration_ms = duration_ms + excluded.duration_ms";
        let name = row_name(attempt.result, attempt.duration_ms);
        self.run(sql, (endpoint_id, name, attempt.duration_ms.unwrap_or_default().min(LONGEST_MS)))?;
        Ok(())
    }

    /// What is counted, by endpoint.
    pub(crate) fn counts(&self) -> Result<HashMap<i64, Counts>> {
        let mut all: HashMap<i64, Counts> = HashMap::new();
        let mut statement = self.conn().prepare_cached("SELECT endpoint_id, status, n, duration_ms FROM main._knocker_counts")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (of, name, n) = (all.entry(row.get(0)?).or_default(), row.get_ref(1)?.as_str().unwrap_or_default(), row.get(2)?);
            let Some((result, bound)) = name.split_once(':') else {
                of.events.insert(name.to_owned(), n);
                continue;
            };
            let attempts = of.attempts.entry(result.to_owned()).or_default();
            attempts.count += n;
            attempts.sum_ms += row.get::<_, i64>(3)?;
            if let Some(at) = bound.parse().ok().and_then(|bound: i64| BOUNDS_MS.iter().position(|&own| own == bound)) {
                attempts.within[at] += n;
            }
        }
        Ok(all)
    }
}
