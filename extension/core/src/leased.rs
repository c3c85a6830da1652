//! What a verdict is about: the leased job, its event, and where the attempt is to stand in the history.
//!
//! All of it is read by one statement, which costs less than half of what one each for the schema, the job and the event does.

use std::sync::LazyLock;

use rusqlite::{OptionalExtension, Row};

use crate::due::OWNER;
use crate::error::{Code, Error, Result};
use crate::queue::{JOB_COLUMN_COUNT, JOB_COLUMNS, Job, read_job};
use crate::store::Store;

/// A leased job, as its worker's verdict finds it.
pub(crate) struct Leased {
    pub job: Job,
    pub endpoint_id: i64,
    pub place: Place,
}

/// Where an attempt stands.
pub(crate) struct Place {
    pub id: i64,
    /// The event's first delivery.
    pub delivery_id: i64,
    /// Whether the event names it, and not the index.
    pub named: bool,
    /// The last attempt that is counted.
    pub counted: i64,
}

/// The columns that [`Found`] reads, of an event that may be missing.
const FOUND_COLUMNS: &str = "endpoint_id, delivery_id, attempt_id IS NULL,
    (SELECT id FROM main._knocker_attempts ORDER BY id DESC LIMIT 1),
    (SELECT n FROM main._knocker_counts WHERE endpoint_id = 0 AND status = 'attempts:counted')";

/// The leased job with what [`Found`] reads of the event that has it, and the version of the schema.
static LEASED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {JOB_COLUMNS}, (SELECT version FROM main._knocker_schema ORDER BY version DESC LIMIT 1), owner, {FOUND_COLUMNS}
         FROM main._honker_live {OWNER}
         WHERE _honker_live.id = ?1 AND worker_id = ?2 AND state = 'processing' AND queue GLOB 'knocker:*'"
    )
});

/// An event's endpoint, and where its next attempt stands. The table would give that an id as well, for a page more.
struct Found {
    endpoint_id: i64,
    place: Place,
}

impl Found {
    fn read(row: &Row, first: usize) -> rusqlite::Result<Self> {
        let (newest, counted): (Option<i64>, Option<i64>) = (row.get(first + 3)?, row.get(first + 4)?);
        let counted = counted.unwrap_or_default();
        let id = newest.unwrap_or_default().max(counted) + 1;
        let place = Place { id, delivery_id: row.get(first + 1)?, named: row.get(first + 2)?, counted };
        Ok(Self { endpoint_id: row.get(first)?, place })
    }
}

impl Place {
    /// The id that the event is to name.
    pub fn named_id(&self) -> Option<i64> {
        self.named.then_some(self.id)
    }
}

impl Store {
    /// The job, if it is leased to this worker and its event has it, on a file whose schema is this build's. A lease that ran out, or that is too far
    /// off to be one, counts as well: its holder may go on, and put it right with an extension, for as long as nobody has taken the job.
    ///
    /// # Errors
    /// [`Code::UnknownEvent`] where the row of its event is gone. It is no lost lease: a handler may have deleted it, whose writes are taken back for
    /// that, and whose attempt has failed.
    pub(crate) fn leased(&self, job_id: i64, worker: &str) -> Result<Option<Leased>> {
        let mut statement = match self.conn().prepare_cached(&LEASED) {
            Ok(statement) => statement,
            // The tables of another schema, or none.
            Err(error) => return Err(self.require_schema().err().unwrap_or_else(|| error.into())),
        };
        let leased = statement.query_row((job_id, worker), |row| {
            let (version, owner): (Option<i64>, Option<i64>) = (row.get(JOB_COLUMN_COUNT)?, row.get(JOB_COLUMN_COUNT + 1)?);
            let job = read_job(row)?;
            let found = (owner == Some(job.event_id)).then(|| Found::read(row, JOB_COLUMN_COUNT + 2)).transpose()?;
            Ok((version, job, found))
        });
        let Some((version, job, found)) = leased.optional()? else {
            self.require_schema()?;
            return Ok(None);
        };
        self.require_version(version.unwrap_or_default())?;
        let found = match found {
            Some(found) => found,
            // The payload may be written otherwise than by us.
            None if self.event_owns_job(job.event_id, job.id)? => self.found(job.event_id)?,
            None if self.has_event(job.event_id)? => return Ok(None),
            None => {
                let message = format!("event {} is gone, and no verdict on its job {} can stand", job.event_id, job.id);
                return Err(Error::new(Code::UnknownEvent, message));
            }
        };
        Ok(Some(Leased { job, endpoint_id: found.endpoint_id, place: found.place }))
    }

    /// Where the next attempt of an event stands.
    pub(crate) fn place_of_attempt(&self, event_id: i64) -> Result<Place> {
        Ok(self.found(event_id)?.place)
    }

    fn found(&self, event_id: i64) -> Result<Found> {
        let sql = format!("SELECT {FOUND_COLUMNS} FROM main._knocker_events WHERE id = ?1");
        Ok(self.conn().prepare_cached(&sql)?.query_row([event_id], |row| Found::read(row, 0))?)
    }

    fn has_event(&self, event_id: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main._knocker_events WHERE id = ?1)";
        Ok(self.conn().prepare_cached(sql)?.query_row([event_id], |row| row.get(0))?)
    }

    /// Whether the event has this job.
    pub(crate) fn event_owns_job(&self, event_id: i64, job_id: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main._knocker_events WHERE id = ?1 AND job_id = ?2)";
        Ok(self.conn().prepare_cached(sql)?.query_row((event_id, job_id), |row| row.get(0))?)
    }
}
