//! Work on many rows in transactions of a few, so that none holds the write lock for long.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::conditions::Conditions;
use crate::error::Result;
use crate::store::Store;

/// How work on many rows is cut up.
pub struct Chunks<'a> {
    /// How long a transaction goes on taking rows. The row under way is finished, and the commit comes on top.
    pub budget: Duration,
    /// Told after each transaction how many rows of how many are done. Breaking ends the work: what was done stays done.
    pub between: &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>,
}

impl Store {
    /// Does `work` with each row of `table` that had one of these ids and still meets the conditions once the write lock is had. `after` is the last
    /// part of each transaction. Returns how many rows were gone through, those that meet them no more included.
    pub(crate) fn in_chunks(
        &self,
        table: &str,
        conditions: &Conditions,
        ids: &[i64],
        chunks: &mut Chunks,
        mut work: impl FnMut(i64) -> Result<()>,
        mut after: impl FnMut() -> Result<()>,
    ) -> Result<usize> {
        let sql = format!("SELECT 1 FROM main.{table} WHERE {} AND id = ?{}", conditions.to_sql(), conditions.values().len() + 1);
        let mut done = 0;
        while done < ids.len() {
            self.write(|| {
                let mut still_meets = self.conn().prepare_cached(&sql)?;
                let started = Instant::now();
                for &id in &ids[done..] {
                    let values = conditions.values().iter().cloned().chain([id.into()]);
                    if still_meets.exists(rusqlite::params_from_iter(values))? {
                        work(id)?;
                    }
                    done += 1;
                    if started.elapsed() >= chunks.budget {
                        break;
                    }
                }
                after()
            })?;
            if (chunks.between)(done, ids.len()).is_break() {
                break;
            }
        }
        Ok(done)
    }
}
