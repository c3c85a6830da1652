//! Where in the order of ids the events of a time stand, by what `event_notes.rs` notes of them.

use std::ops::RangeInclusive;

use rusqlite::OptionalExtension;

use crate::error::Result;
use crate::event_notes::{Note, Width, within};
use crate::store::Store;

/// The times of receipt that a walk looks for: from `since` on and before `until`, where there is one, or later than `ahead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub since: i64,
    pub until: Option<i64>,
    pub ahead: i64,
}

impl Times {
    pub const ALL: Self = Self { since: i64::MIN, until: None, ahead: i64::MAX };

    fn may_be_of(&self, note: &Note) -> bool {
        (self.until.is_none_or(|until| note.earliest < until) && note.latest >= self.since) || note.latest > self.ahead
    }

    /// Whether every event that it is about has such a time.
    fn are_of_all(&self, note: &Note) -> bool {
        note.earliest >= self.since && self.until.is_none_or(|until| note.latest < until)
    }
}

/// Stretches of ids, ascending, less what is left out.
struct Stretches {
    ids: Vec<(i64, i64)>,
    from: i64,
}

impl Stretches {
    fn leave_out(&mut self, first: i64, last: i64) {
        if first > self.from {
            self.ids.push((self.from, first - 1));
        }
        self.from = last + 1;
    }
}

impl Store {
    /// The id of the first event that was received at or after this time. Writes nothing.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn first_event_since(&self, time: i64) -> Result<Option<i64>> {
        self.require_schema()?;
        let sql = "SELECT id FROM main._knocker_events WHERE id BETWEEN ?1 AND ?2 AND received_at >= ?3 ORDER BY id LIMIT 1";
        self.first_found(sql, self.ids_of(&Times { since: time, ..Times::ALL })?.into_iter(), time)
    }

    /// The id of the last event that was received before this time. Writes nothing.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn last_event_before(&self, time: i64) -> Result<Option<i64>> {
        self.require_schema()?;
        let sql = "SELECT id FROM main._knocker_events WHERE id BETWEEN ?1 AND ?2 AND received_at < ?3 ORDER BY id DESC LIMIT 1";
        self.first_found(sql, self.ids_of(&Times { until: Some(time), ..Times::ALL })?.into_iter().rev(), time)
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

    /// The ids between which events of these times can be, ascending: all but the spans whose notes say that there are none. What is within a span is looked at
    /// where its note leaves the question open.
    pub(crate) fn ids_of(&self, times: &Times) -> Result<Vec<(i64, i64)>> {
        let mut stretches = Stretches { ids: Vec::new(), from: i64::MIN };
        self.leave_out(Width::WIDEST, Width::WIDEST.all(), times, &mut stretches)?;
        stretches.ids.push((stretches.from, i64::MAX));
        Ok(stretches.ids)
    }

    fn leave_out(&self, width: Width, spans: RangeInclusive<i64>, times: &Times, stretches: &mut Stretches) -> Result<()> {
        let look_within = |spans: RangeInclusive<i64>, stretches: &mut Stretches| match width.narrower() {
            Some(narrower) if !spans.is_empty() => self.leave_out(narrower, within(spans), times, stretches),
            _ => Ok(()),
        };
        let mut next = *spans.start();
        for note in self.span_notes(width, &spans)? {
            look_within(next..=note.span - 1, stretches)?;
            if !times.may_be_of(&note) {
                stretches.leave_out(width.start(note.span), width.start(note.span + 1) - 1);
            } else if !times.are_of_all(&note) {
                look_within(note.span..=note.span, stretches)?;
            }
            next = note.span + 1;
        }
        look_within(next..=*spans.end(), stretches)
    }
}
