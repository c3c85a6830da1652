//! Work on many rows in transactions of a few, so that none holds the write lock for long.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::store::Store;

/// How long one transaction of many goes on taking rows: the commit and its fsync come on top, and all of it stays far below 50 ms.
pub const BUDGET: Duration = Duration::from_millis(10);
/// The pause between two such transactions at least. A writer that finds the file locked looks again after 1, 2, 5, 10 ms and so on: it finds it free.
const PAUSE: Duration = Duration::from_millis(5);
/// The first transaction seems as long as the search before it.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How work on many rows is cut up.
pub struct Chunks<'a> {
    /// How long a transaction goes on taking rows. The row under way is finished, and the commit comes on top.
    pub budget: Duration,
    /// Told after each transaction how many rows of how many are done. Breaking ends the work: what was done stays done.
    pub between: &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>,
}

/// Leaves other writers their turn after a transaction that began then: as long as it was, on a slow disk too, so that they have half of the time.
pub fn rest_after(began: Instant) {
    std::thread::sleep(began.elapsed().clamp(PAUSE, LONGEST_PAUSE));
}

/// The rows of one transaction: those that are left, until its time is over. One at least.
struct Turn<'a> {
    left: std::slice::Iter<'a, i64>,
    began: Instant,
    budget: Duration,
    given: usize,
}

impl Iterator for Turn<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        if self.given > 0 && self.began.elapsed() >= self.budget {
            return None;
        }
        let id = self.left.next()?;
        self.given += 1;
        Some(*id)
    }
}

impl Store {
    /// Gives these rows to `work`, so many at a time as a transaction has time for. Each transaction ends with what `work` does after its last row.
    /// The rows were found before the write lock was had: `work` passes over one that is not what it was. Returns how many were gone through.
    pub(crate) fn in_chunks(
        &self,
        ids: &[i64],
        chunks: &mut Chunks,
        mut work: impl FnMut(&mut dyn Iterator<Item = i64>) -> Result<()>,
    ) -> Result<usize> {
        let mut done = 0;
        while done < ids.len() {
            done += self.write(|| {
                let mut turn = Turn { left: ids[done..].iter(), began: Instant::now(), budget: chunks.budget, given: 0 };
                work(&mut turn)?;
                Ok(turn.given)
            })?;
            if (chunks.between)(done, ids.len()).is_break() {
                break;
            }
        }
        Ok(done)
    }
}
