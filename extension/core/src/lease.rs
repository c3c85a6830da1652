//! Leasing: jobs in as few statements as can be. SQLite keeps what pages were before each.

use std::sync::LazyLock;

use rusqlite::{ToSql, params_from_iter};

use crate::error::Result;
use crate::queue::seconds;
use crate::store::Store;

/// Jobs that one statement leases at most.
const MOST_LEASED_AT_ONCE: usize = 32;
/// The same where each is likely in a queue of its own: its entries in Honker's indexes are then in pages of their own. SQLite keeps what pages were before
/// a statement in memory up to 64 KiB, and makes a file for more.
const MOST_LEASED_APART: usize = 4;

impl Store {
    /// Leases jobs, which may be `apart`: each in another queue. The attempts count from now on. The trigger _knocker_job_moved makes their events
    /// `processing`: to move them beforehand, so that it finds nothing left to do, takes more than that.
    pub(crate) fn lease(&self, job_ids: &[i64], apart: bool, worker: &str, lease_s: i64, now: i64) -> Result<()> {
        let until = seconds(now) + lease_s;
        for some in job_ids.chunks(if apart { MOST_LEASED_APART } else { MOST_LEASED_AT_ONCE }) {
            let (sql, room) = lease_sql(some.len());
            let ids = (0..room).map(|place| some.get(place).or(some.last()).expect("a chunk has a job"));
            self.run(sql, params_from_iter([&worker as &dyn ToSql, &until].into_iter().chain(ids.map(|id| id as &dyn ToSql))))?;
        }
        Ok(())
    }
}

/// The statement that leases so many jobs, and the number of its places for their ids. A few statements do for all numbers of jobs: the last one stands in
/// the places that are left.
fn lease_sql(jobs: usize) -> (&'static str, usize) {
    static STATEMENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let of_room = |room: usize| {
            let places: Vec<String> = (3..room + 3).map(|place| format!("?{place}")).collect();
            format!(
                "UPDATE main._honker_live SET state = 'processing', worker_id = ?1, claim_expires_at = ?2, attempts = attempts + 1
                 WHERE id IN ({})",
                places.join(", ")
            )
        };
        (0..=MOST_LEASED_AT_ONCE.ilog2()).map(|power| of_room(1 << power)).collect()
    });
    let room = jobs.next_power_of_two();
    (&STATEMENTS[room.ilog2() as usize], room)
}
