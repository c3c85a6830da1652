//! What is noted of when events were received, so that a search by time need not walk through all of them: an index on the time would cost every receive
//! a page.
//!
//! Of each 128 ids, a span, a note says when the earliest and the latest of their events was received; of each 16 such spans a wider one has a note, of
//! 16 of those another, and so on: few are read, however many events there are. Clocks that went back and rows of another file only make a note say less.
//! Notes stand in `_knocker_counts`, under numbers below zero, with the two times as `n` and `duration_ms`. Only full spans have one, in which no new event
//! can come to be, since ids grow; a row that gets there all the same, or another time, takes the note of its narrowest span back
//! (`_knocker_event_inserted` and `_knocker_event_times_changed`), and that takes those of the wider ones (`_knocker_event_note_deleted`). So the empty spans
//! within one that is noted have notes as well. Rows that go leave a note true. What has no note is walked through, so that older versions, which write
//! none, do no harm.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Instant;

use crate::chunks::rest_after;
use crate::error::Result;
use crate::store::Store;

/// Ids of a narrow span, as a power of two. The newest events, which have no note, are walked through by every search: at most so many.
const NARROW_BITS: u32 = 7;
/// Spans of the next wider one, as a power of two.
const WIDER_BITS: u32 = 4;
/// The widest spans have half a million ids: of ten million events some twenty of them are read, and sixteen of each narrower width.
const WIDEST: u32 = 3;
/// The numbers of each width begin so far from those of the one before.
const WIDTHS_APART: u32 = 56;
/// Narrow spans that a transaction notes at most of those that lack a note: some 500 pages, which a disk that holds none of them in memory reads in 50 ms.
pub(crate) const AT_ONCE: usize = 128;
/// Four million events take some seconds once. Who asks may not wait for more.
const MOST_CHUNKS: usize = 256;

/// How wide a span is: 0 for the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width(u32);

impl Width {
    const NARROWEST: Self = Self(0);
    pub const WIDEST: Self = Self(WIDEST);

    fn bits(self) -> u32 {
        NARROW_BITS + WIDER_BITS * self.0
    }

    /// The next narrower one, where there is one.
    pub fn narrower(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// The span of an id.
    fn of(self, id: i64) -> i64 {
        id >> self.bits()
    }

    /// The first id of a span.
    pub fn start(self, span: i64) -> i64 {
        span << self.bits()
    }

    /// Every span of this width.
    pub fn all(self) -> RangeInclusive<i64> {
        0..=self.of(i64::MAX)
    }

    /// Where its note stands.
    fn place(self, span: i64) -> i64 {
        -1 - (i64::from(self.0) << WIDTHS_APART) - span
    }
}

/// The spans that are as much as these of the next wider width.
pub(crate) fn within(spans: RangeInclusive<i64>) -> RangeInclusive<i64> {
    spans.start() << WIDER_BITS..=(spans.end() << WIDER_BITS) + (1 << WIDER_BITS) - 1
}

/// The span that a note is of, and its two times.
pub(crate) struct Note {
    pub span: i64,
    pub earliest: i64,
    pub latest: i64,
}

/// How far some spans are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// All of them, but for empty ones.
    Whole,
    /// Some lack their notes.
    InPart,
    /// They are not full yet, or notes are not to be relied on.
    Not,
}

/// What may be done about notes that are missing.
struct Work {
    /// The narrow span of the newest event, which is not full.
    open: i64,
    /// Narrow spans that may be walked through.
    left: usize,
    writes: bool,
}

impl Store {
    /// The notes of these spans, ascending.
    pub(crate) fn span_notes(&self, width: Width, spans: &RangeInclusive<i64>) -> Result<Vec<Note>> {
        let sql = "SELECT ?1 - endpoint_id, n, duration_ms FROM main._knocker_counts
                   WHERE endpoint_id BETWEEN ?2 AND ?3 AND status = 'events:times' ORDER BY endpoint_id DESC";
        let mut statement = self.conn().prepare_cached(sql)?;
        let places = [width.place(0), width.place(*spans.end()), width.place(*spans.start())];
        let notes = statement.query_map(places, |row| Ok(Note { span: row.get(0)?, earliest: row.get(1)?, latest: row.get(2)? }))?;
        Ok(notes.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes the spans that are full with events of these ids, which have just been received. Most receives fill none.
    pub(crate) fn note_filled(&self, first: i64, last: i64) -> Result<()> {
        let (former, open) = (Width::NARROWEST.of(first - 1), Width::NARROWEST.of(last));
        if former == open {
            return Ok(());
        }
        for full in former..open {
            self.note(full)?;
        }
        let mut work = Work { open, left: 0, writes: true };
        for width in (1..=WIDEST).map(Width) {
            for full in width.of(first - 1)..width.of(last) {
                self.complete(width, full, &mut work)?;
            }
        }
        // What they said of events that are gone, one of the widest at a time.
        let sql = "DELETE FROM main._knocker_counts WHERE endpoint_id < 0 AND status = 'events:times'
                     AND endpoint_id > -1 - (((SELECT min(id) FROM main._knocker_events) >> ?1) << ?2)";
        self.run(sql, (Width::WIDEST.bits(), Width::WIDEST.bits() - NARROW_BITS))?;
        Ok(())
    }

    /// Notes the oldest `most` of the full narrow spans that have no note, in a file that an earlier version wrote, and the wider ones that they are
    /// all of; says whether there may be more.
    ///
    /// # Errors
    /// Those of a failing database.
    pub fn note_event_times(&self, most: usize) -> Result<bool> {
        self.write(|| self.note_missing(most))
    }

    /// Notes what is missing in transactions of a few spans, before a search without the write lock. The lock is not even asked for where all is noted.
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

    /// As [`Store::note_event_times`], within a transaction. With 0 it writes nothing, and needs none.
    pub(crate) fn note_missing(&self, most: usize) -> Result<bool> {
        let newest: Option<i64> =
            self.conn().prepare_cached("SELECT max(id) FROM main._knocker_events")?.query_row([], |row| row.get(0))?;
        let Some(newest) = newest else { return Ok(false) };
        let mut work = Work { open: Width::NARROWEST.of(newest), left: most, writes: most > 0 };
        Ok(self.fill(Width::WIDEST, Width::WIDEST.all(), &mut work)? == Noted::InPart)
    }

    /// Notes those of these spans that have no note, as far as the work goes.
    fn fill(&self, width: Width, spans: RangeInclusive<i64>, work: &mut Work) -> Result<Noted> {
        let noted: BTreeSet<i64> = self.span_notes(width, &spans)?.into_iter().map(|note| note.span).collect();
        let mut at = *spans.start();
        loop {
            while noted.contains(&at) {
                at += 1;
            }
            // Passes over what is empty.
            let Some(next) = self.first_event_from(width.start(at))? else { return Ok(Noted::Not) };
            let found = width.of(next);
            if !spans.contains(&found) {
                return Ok(Noted::Whole);
            }
            if noted.contains(&found) {
                at = found;
                continue;
            }
            match self.complete(width, found, work)? {
                Noted::Whole => at = found + 1,
                other => return Ok(other),
            }
        }
    }

    /// Notes a span that has no note, once all within it are noted.
    fn complete(&self, width: Width, span: i64, work: &mut Work) -> Result<Noted> {
        match width.narrower() {
            None if span >= work.open => return Ok(Noted::Not),
            None if work.left == 0 => return Ok(Noted::InPart),
            None => work.left -= 1,
            Some(narrower) => match self.fill(narrower, within(span..=span), work)? {
                Noted::Whole if !work.writes => return Ok(Noted::InPart),
                Noted::Whole => {}
                other => return Ok(other),
            },
        }
        let is_noted = if width == Width::NARROWEST { self.note(span)? } else { self.note_wider(width, span)? };
        Ok(if is_noted { Noted::Whole } else { Noted::Not })
    }

    fn first_event_from(&self, id: i64) -> Result<Option<i64>> {
        let mut first = self.conn().prepare_cached("SELECT min(id) FROM main._knocker_events WHERE id >= ?1")?;
        Ok(first.query_row([id], |row| row.get(0))?)
    }

    /// Notes a full narrow span, and says whether it did. A file that this version has not opened yet lacks the trigger that would take the note back.
    fn note(&self, span: i64) -> Result<bool> {
        let sql = "INSERT OR REPLACE INTO main._knocker_counts (endpoint_id, status, n, duration_ms)
                   SELECT ?1, 'events:times', earliest, latest
                   FROM (SELECT min(received_at) AS earliest, max(received_at) AS latest FROM main._knocker_events WHERE id BETWEEN ?2 AND ?3)
                   WHERE earliest IS NOT NULL AND EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = '_knocker_event_times_changed')";
        let width = Width::NARROWEST;
        Ok(self.run(sql, (width.place(span), width.start(span), width.start(span + 1) - 1))? > 0)
    }

    /// Notes a span all of which is noted but for what is empty, which is now as well, and says whether it did.
    fn note_wider(&self, width: Width, span: i64) -> Result<bool> {
        let Some(narrower) = width.narrower() else { return Ok(false) };
        let within = within(span..=span);
        let (first, last) = (narrower.place(*within.end()), narrower.place(*within.start()));
        let sql = "INSERT OR REPLACE INTO main._knocker_counts (endpoint_id, status, n, duration_ms)
                   SELECT ?1, 'events:times', earliest, latest
                   FROM (SELECT min(n) AS earliest, max(duration_ms) AS latest FROM main._knocker_counts
                         WHERE endpoint_id BETWEEN ?2 AND ?3 AND status = 'events:times')
                   WHERE earliest IS NOT NULL AND EXISTS (SELECT 1 FROM main.sqlite_schema WHERE name = '_knocker_event_note_deleted')";
        if self.run(sql, (width.place(span), first, last))? == 0 {
            return Ok(false);
        }
        self.note_empty(narrower, within)?;
        Ok(true)
    }

    /// Notes those of these spans that have no note as empty, and what is within them: with times that no search is for, and that change nothing of what
    /// is said of a wider one.
    fn note_empty(&self, width: Width, spans: RangeInclusive<i64>) -> Result<()> {
        let sql = "WITH RECURSIVE empty(place) AS (SELECT ?1 UNION ALL SELECT place + 1 FROM empty WHERE place < ?2)
                   INSERT OR IGNORE INTO main._knocker_counts (endpoint_id, status, n, duration_ms) SELECT place, 'events:times', ?3, ?4 FROM empty";
        self.run(sql, (width.place(*spans.end()), width.place(*spans.start()), i64::MAX, i64::MIN))?;
        width.narrower().map_or(Ok(()), |narrower| self.note_empty(narrower, within(spans)))
    }
}
