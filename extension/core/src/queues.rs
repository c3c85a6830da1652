//! The queues that a claim looks at: each by itself where they are few, and where they are many all of them at once.
//!
//! A file with many endpoints has an index of its own for that, `_knocker_live_due`. It costs a receive a page more, so that it is made with the
//! endpoint that needs it: a file with few of them is looked through as fast without.

use std::borrow::Cow;

use rusqlite::{Params, Row};

use crate::claim_filter::ClaimFilter;
use crate::due::{Candidate, FURTHEST_DUE_S, FURTHEST_LEASE_S, OWNER, Waiting, candidate_columns};
use crate::endpoint::queue_name;
use crate::error::Result;
use crate::queue::{Standing, seconds};
use crate::store::Store;

/// Up to so many queues are asked one by one.
const FEW: i64 = 64;

/// What the index holds: the waiting jobs of all our queues. SQLite uses it for a query that says so in the same words.
macro_rules! waiting {
    () => {
        "state = 'pending' AND queue >= 'knocker:' AND queue < 'knocker;'"
    };
}

/// The index. Its order is that of the queue.
const INDEX: &str =
    concat!("CREATE INDEX IF NOT EXISTS main._knocker_live_due ON _honker_live (priority DESC, run_at, id) WHERE ", waiting!());

/// Where a query finds them, if it says so.
const WAITING: &str = "main._honker_live INDEXED BY _knocker_live_due";

/// Where a query finds them.
const EVERYWHERE: &str = concat!("main._honker_live INDEXED BY _knocker_live_due WHERE ", waiting!());

/// The leased jobs of all our queues.
const LEASED: &str = "main._honker_live INDEXED BY _honker_live_processing_deadline
     WHERE state = 'processing' AND queue >= 'knocker:' AND queue < 'knocker;'";

/// Which queues are looked at.
pub(crate) struct Queues<'f> {
    /// In the order of their names; `None` for every one.
    names: Option<Cow<'f, [String]>>,
    /// Whether they are looked through all at once.
    at_once: bool,
}

impl Queues<'_> {
    /// The queues to be asked one by one.
    pub fn names(&self) -> &[String] {
        self.names.as_deref().unwrap_or_default()
    }

    /// Whether they are so many that jobs which are due one after the other are mostly in different ones.
    pub fn are_many(&self) -> bool {
        self.at_once
    }

    fn has(&self, queue: &String) -> bool {
        self.names.as_ref().is_none_or(|names| names.binary_search(queue).is_ok())
    }
}

impl Store {
    /// Makes the index where the file has many endpoints.
    pub(crate) fn index_many_queues(&self) -> Result<()> {
        if self.has_many_endpoints()? {
            self.conn().execute_batch(INDEX)?;
        }
        Ok(())
    }

    /// Whether the file has so many endpoints that it is to have the index. Told by the newest one's id: each claim asks, and to count them costs more than
    /// all else that it reads.
    pub(crate) fn has_many_endpoints(&self) -> Result<bool> {
        let sql = "SELECT max(id) FROM main._knocker_endpoints";
        let newest: Option<i64> = self.conn().prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(newest.is_some_and(|newest| newest > FEW))
    }

    fn has_index(&self) -> bool {
        self.conn().prepare_cached(&format!("SELECT 1 FROM {EVERYWHERE} LIMIT 1")).is_ok()
    }

    /// The queues of a filter.
    pub(crate) fn queues<'f>(&self, filter: &'f ClaimFilter) -> Result<Queues<'f>> {
        if let Some(names) = filter.queues() {
            return Ok(Queues { names: Some(Cow::Borrowed(names)), at_once: names.len() as i64 > FEW && self.has_index() });
        }
        if self.has_many_endpoints()? && self.has_index() {
            return Ok(Queues { names: None, at_once: true });
        }
        let mut names: Vec<String> = self.endpoint_names()?.iter().map(|(_, name)| queue_name(name)).collect();
        names.sort_unstable();
        Ok(Queues { names: Some(Cow::Owned(names)), at_once: false })
    }

    /// The first `limit` jobs that can be claimed, in the queue's order over all of the queues.
    pub(crate) fn due_candidates(&self, queues: &Queues, limit: i64, now: i64) -> Result<Vec<Candidate>> {
        if queues.at_once
            && let Some(due) = self.candidates_at_once(queues, limit, now)?
        {
            return Ok(due);
        }
        let mut due = Vec::new();
        for queue in queues.names() {
            due.extend(self.candidates(queue, limit, now)?);
        }
        if queues.names().len() > 1 {
            due.sort_unstable_by_key(|candidate| (-candidate.priority, candidate.run_at, candidate.job.id));
            due.truncate(limit as usize);
        }
        Ok(due)
    }

    fn candidates_at_once(&self, queues: &Queues, limit: i64, now: i64) -> Result<Option<Vec<Candidate>>> {
        let mut found = Vec::new();
        let mut priority = self.next_priority_of_all(i64::MAX)?;
        while let Some(current) = priority
            && current >= 0
            && (found.len() as i64) < limit
        {
            for (due, bound) in [("run_at <= ?2", seconds(now)), ("run_at > ?2", seconds(now) + FURTHEST_DUE_S)] {
                let room = limit - found.len() as i64;
                let sql = format!(
                    "SELECT {columns}, queue FROM {WAITING} {OWNER} WHERE {waiting} AND priority = ?1 AND {due}
                       AND (expires_at IS NULL OR expires_at > ?3)
                     ORDER BY run_at, id",
                    columns = candidate_columns(),
                    waiting = waiting!(),
                );
                let read = |row: &Row| Candidate::read(row, current);
                let Some(more) = self.pick(&sql, (current, bound, seconds(now)), queues, room, read)? else { return Ok(None) };
                found.extend(more);
            }
            priority = self.next_priority_of_all(current - 1)?;
        }
        Ok(Some(found))
    }

    /// The highest priority up to `highest`, suspects' included.
    fn next_priority_of_all(&self, highest: i64) -> Result<Option<i64>> {
        let sql = format!("SELECT priority FROM {EVERYWHERE} AND priority <= ?1 ORDER BY priority DESC LIMIT 1");
        let mut statement = self.conn().prepare_cached(&sql)?;
        let mut rows = statement.query([highest])?;
        Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
    }

    /// The first `limit` of the rows whose last column is one of the queues; `None` where so many of other queues stand before them that it costs
    /// less to ask each queue.
    fn pick<T>(
        &self,
        sql: &str,
        values: impl Params,
        queues: &Queues,
        limit: i64,
        read: impl Fn(&Row) -> rusqlite::Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let mut statement = self.conn().prepare_cached(sql)?;
        let queue_column = statement.column_count() - 1;
        let mut rows = statement.query(values)?;
        let (mut found, mut others) = (Vec::new(), 0);
        while (found.len() as i64) < limit
            && let Some(row) = rows.next()?
        {
            if queues.names.is_none() || queues.has(&row.get(queue_column)?) {
                found.push(read(row)?);
                continue;
            }
            others += 1;
            if others > queues.names().len() {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// The first suspect of the queues that can be claimed.
    pub(crate) fn first_suspect_of(&self, queues: &Queues, now: i64) -> Result<Option<Candidate>> {
        let Some(queues) = self.queues_with_due_suspects(queues, now)? else { return Ok(None) };
        let mut first: Option<Candidate> = None;
        for queue in &*queues {
            if let Some(suspect) = self.first_suspect(queue, now)?
                && first.as_ref().is_none_or(|first| suspect.precedes(first))
            {
                first = Some(suspect);
            }
        }
        Ok(first)
    }

    /// The queue of the first one, or all that are asked one by one; `None` where there is no suspect that can be claimed.
    fn queues_with_due_suspects<'q>(&self, queues: &'q Queues, now: i64) -> Result<Option<Cow<'q, [String]>>> {
        if !queues.at_once {
            return Ok(Some(Cow::Borrowed(queues.names())));
        }
        for (due, bound) in [("run_at <= ?2", seconds(now)), ("run_at > ?2", seconds(now) + FURTHEST_DUE_S)] {
            let sql = format!("SELECT queue FROM {EVERYWHERE} AND priority = ?1 AND {due} ORDER BY run_at, id");
            match self.pick(&sql, (Standing::Suspect.priority(), bound), queues, 1, |row| row.get::<_, String>(0))? {
                None => return Ok(Some(Cow::Borrowed(queues.names()))),
                Some(found) if !found.is_empty() => return Ok(Some(Cow::Owned(found))),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    /// Those of the queues that have leases which are over, or all that are asked one by one.
    pub(crate) fn queues_with_ended_leases<'q>(&self, queues: &'q Queues, now: i64) -> Result<Cow<'q, [String]>> {
        if !queues.at_once {
            return Ok(Cow::Borrowed(queues.names()));
        }
        let sql = format!("SELECT DISTINCT queue FROM {LEASED} AND claim_expires_at NOT BETWEEN ?1 AND ?2");
        let mut statement = self.conn().prepare_cached(&sql)?;
        let found = statement.query_map((seconds(now), seconds(now) + FURTHEST_LEASE_S), |row| row.get(0))?;
        let found = found.collect::<rusqlite::Result<Vec<String>>>()?;
        Ok(Cow::Owned(found.into_iter().filter(|queue| queues.has(queue)).collect()))
    }

    /// The second in which the first lease of the queues will be over.
    pub(crate) fn first_lease_end(&self, queues: &Queues, now: i64) -> Result<Option<i64>> {
        if !queues.at_once {
            let ends = queues.names().iter().map(|queue| self.next_lease_end(queue, now));
            return Ok(ends.collect::<Result<Vec<_>>>()?.into_iter().flatten().min());
        }
        let sql = format!("SELECT queue, min(claim_expires_at) + 1, max(claim_expires_at) + 1 FROM {LEASED} GROUP BY queue");
        let mut statement = self.conn().prepare_cached(&sql)?;
        let ends = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        let mut first: Option<i64> = None;
        for end in ends {
            let (queue, earliest, last) = end?;
            if queues.has(&queue) {
                let at = if last > seconds(now) + FURTHEST_LEASE_S + 1 { earliest.min(seconds(now)) } else { earliest };
                first = first.into_iter().chain([at]).min();
            }
        }
        Ok(first)
    }

    /// The second from which the first of the waiting jobs of the queues can be claimed, or any that is over where there is one.
    pub(crate) fn first_waiting(&self, queues: &Queues, whose: Waiting, now: i64) -> Result<Option<i64>> {
        if queues.at_once
            && let Some(first) = self.first_waiting_at_once(queues, whose, now)?
        {
            return Ok(first);
        }
        let waiting = queues.names().iter().map(|queue| self.next_waiting(queue, whose, now));
        Ok(waiting.collect::<Result<Vec<_>>>()?.into_iter().flatten().min())
    }

    /// `None` where each queue has to be asked.
    fn first_waiting_at_once(&self, queues: &Queues, whose: Waiting, now: i64) -> Result<Option<Option<i64>>> {
        let mut first: Option<i64> = None;
        let mut priority = self.next_priority_of_all(i64::MAX)?;
        while let Some(current) = priority {
            let counts = match whose {
                Waiting::All => true,
                Waiting::Ordinary => current == Standing::Ordinary.priority(),
                Waiting::Suspects => current < 0,
            };
            if counts {
                // The last one may be due too late to be true, which is now.
                for order in ["ASC", "DESC"] {
                    if whose == Waiting::All && first.is_some_and(|at| at <= seconds(now)) {
                        return Ok(Some(first));
                    }
                    let sql = format!("SELECT run_at, queue FROM {EVERYWHERE} AND priority = ?1 ORDER BY run_at {order}");
                    let Some(found) = self.pick(&sql, [current], queues, 1, |row| row.get::<_, i64>(0))? else { return Ok(None) };
                    let too_far = |at: i64| if at > seconds(now) + FURTHEST_DUE_S { seconds(now) } else { at };
                    first = first.into_iter().chain(found.first().copied().map(too_far)).min();
                }
            }
            priority = self.next_priority_of_all(current - 1)?;
        }
        Ok(Some(first))
    }
}
