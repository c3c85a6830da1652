//! Where in the order of ids the events of a time stand: what an index on the time would tell, which would cost every receive a page.
//!
//! Of each 4,096 ids a note says when the earliest and the latest of their events was received, so that a walk leaves out those that hold nothing of
//! what it looks for. Clocks that went back and rows of another file only make a note say less. It stands in `_knocker_counts`, under the number of its
//! block below zero, with the two times as `n` and `duration_ms`. Only full blocks have one, in which no new event can come to be, since ids grow; a row
//! that gets there all the same, or another time, takes the note back (`_knocker_event_inserted` and `_knocker_event_retimed`). Rows that go leave a note
//! true. A block without a note is walked through, so that older versions, which write none, do no harm.

use std::collections::BTreeSet;
use std::time::Instant;

use rusqlite::OptionalExtension;

use crate::chunks::rest_after;
use crate::error::Result;
use crate::store::Store;

/// Ids of a block, as a power of two: notes of ten million events are read in a fraction of a millisecond, and a block is walked through in another.
const BITS: u32 = 12;
/// Blocks that a transaction notes at most of those that lack a note: some 500 pages, which a disk that holds none of them in memory reads in 50 ms.
pub(crate) const AT_ONCE: usize = 4;
/// Four million events take some seconds once. Who asks may not wait for more.
const MOST_CHUNKS: usize = 256;

fn block(id: i64) -> i64 {
    id >> BITS
}

/// The first id of a block.
fn start(block: i64) -> i64 {
    block << BITS
}

/// The times of receipt that a walk looks for: from `since` on and before `until`, or later than `ahead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub since: i64,
    pub until: i64,
    pub ahead: i64,
}

impl Times {
    pub const ALL: Self = Self { since: i64::MIN, until: i64::MAX, ahead: i64::MAX };

    fn may_be_between(&self, earliest: i64, latest: i64) -> bool {
        (earliest < self.until && latest >= self.since) || latest > self.ahead
    }
}

impl Store {
    /// The id of the first event that was received at or after this time.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn first_event_since(&self, time: i64) -> Result<Option<i64>> {
        self.require_schema()?;
        let sql = "SELECT id FROM main._knocker_events WHERE id BETWEEN ?1 AND ?2 AND received_at >= ?3 ORDER BY id LIMIT 1";
        self.first_found(sql, self.ids_of(&Times { since: time, ..Times::ALL })?.into_iter(), time)
    }

    /// The id of the last event that was received before this time.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn last_event_before(&self, time: i64) -> Result<Option<i64>> {
        self.require_schema()?;
        let sql = "SELECT id FROM main._knocker_events WHERE id BETWEEN ?1 AND ?2 AND received_at < ?3 ORDER BY id DESC LIMIT 1";
        self.first_found(sql, self.ids_of(&Times { until: time, ..Times::ALL })?.into_iter().rev(), time)
    }

    fn first_found(&self, sql: &str, ids: impl Iterator<Item = (i64, i64)>, time: i64) -> Result<Option<i64>> {
        let mut statement = self.conn().prepare_cached(sql)?;
        for (first, last) in ids {
            if let Some(id) = statement.query_row((first, last, time), |row| row.get(0)).optional()? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// The ids between which events of these times can be, ascending: all but the blocks whose notes say that there are none.
    pub(crate) fn ids_of(&self, times: &Times) -> Result<Vec<(i64, i64)>> {
        let mut ids = Vec::new();
        let mut from = i64::MIN;
        let sql = "SELECT -1 - endpoint_id, n, duration_ms FROM main._knocker_counts WHERE endpoint_id < 0 AND status = 'events:times'
                   ORDER BY endpoint_id DESC";
        let mut statement = self.conn().prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if times.may_be_between(row.get(1)?, row.get(2)?) {
                continue;
            }
            let block: i64 = row.get(0)?;
            if start(block) > from {
                ids.push((from, start(block) - 1));
            }
            from = start(block + 1);
        }
        ids.push((from, i64::MAX));
        Ok(ids)
    }

    /// Notes the blocks that are full with events of these ids, which have just been received. Most receives fill none.
    pub(crate) fn note_filled(&self, first: i64, last: i64) -> Result<()> {
        if block(first - 1) == block(last) {
            return Ok(());
        }
        for full in block(first - 1)..block(last) {
            self.note(full)?;
        }
        // What it said of events that are gone.
        let sql = "DELETE FROM main._knocker_counts WHERE endpoint_id < 0 AND status = 'events:times'
                     AND endpoint_id > -1 - ((SELECT min(id) FROM main._knocker_events) >> ?1)";
        self.run(sql, [BITS])?;
        Ok(())
    }

    /// Notes the oldest `most` of the full blocks that have no note, in a file that an earlier version wrote, and says whether there may be more.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn note_event_times(&self, most: usize) -> Result<bool> {
        self.write(|| self.note_missing(most))
    }

    /// Notes what is missing in transactions of a few blocks, before a search without the write lock. The lock is not even asked for where all is noted.
    pub(crate) fn note_missing_in_chunks(&self) -> Result<()> {
        if self.note_missing(0)? {
            for _ in 0..MOST_CHUNKS {
                let began = Instant::now();
                if !self.note_event_times(AT_ONCE)? {
                    break;
                }
                rest_after(began);
            }
        }
        Ok(())
    }

    pub(crate) fn note_missing(&self, most: usize) -> Result<bool> {
        let mut statement = self
            .conn()
            .prepare_cached("SELECT -1 - endpoint_id FROM main._knocker_counts WHERE endpoint_id < 0 AND status = 'events:times'")?;
        let noted: BTreeSet<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let newest: Option<i64> =
            self.conn().prepare_cached("SELECT max(id) FROM main._knocker_events")?.query_row([], |row| row.get(0))?;
        let Some(open) = newest.map(block) else { return Ok(false) };
        let mut next = self.conn().prepare_cached("SELECT min(id) FROM main._knocker_events WHERE id >= ?1")?;
        let (mut at, mut left) = (0, most);
        loop {
            while noted.contains(&at) {
                at += 1;
            }
            // Passes over what is empty.
            let found: Option<i64> = next.query_row([start(at)], |row| row.get(0))?;
            match found.map(block) {
                None => return Ok(false),
                Some(found) if found >= open => return Ok(false),
                Some(found) if noted.contains(&found) => at = found,
                Some(_) if left == 0 => return Ok(true),
                Some(found) if !self.note(found)? => return Ok(false),
                Some(found) => (at, left) = (found + 1, left - 1),
            }
        }
    }

    /// Notes a full block, and says whether it did. A file that this version has not opened yet lacks the trigger that would take the note back.
    fn note(&self, full: i64) -> Result<bool> {
        let sql = "INSERT OR REPLACE INTO main._knocker_counts (endpoint_id, status, n, duration_ms)
                   SELECT -1 - ?1, 'events:times', min(received_at), max(received_at) FROM main._knocker_events WHERE id BETWEEN ?2 AND ?3
                   HAVING count(*) > 0 AND EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = '_knocker_event_retimed')";
        Ok(self.run(sql, (full, start(full), start(full + 1) - 1))? > 0)
    }
}
