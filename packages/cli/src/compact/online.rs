//! Giving free pages back while others write: the last pages of the file move into free ones before them, a few in each transaction.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::log::Log;
use super::space::Space;
use crate::failure::Result;
use crate::progress::{Progress, Unit, rest_after};

/// How long a transaction shall hold the write lock, its commit included: far enough below 50 ms that a disk which is slow once does not reach them.
const HOLD: Duration = Duration::from_millis(10);
/// Pages of the first transaction, which nothing was measured before.
const FIRST: usize = 64;
/// No transaction moves more than this, however quick the machine is: the log gets as long as each of them and the pages that point at it.
const MOST: usize = 512;
const NEXT: &str = "Run the same command again: it goes on with what is left.";
const FULL: &str = "Free space on the disk, then run the same command again: it goes on with what is left. What was given back stays so.";

/// How many pages were given back, and what ended it before all were.
pub fn run(conn: &Connection, log: &mut Log, space: &Space) -> Result<(i64, Result)> {
    let progress = Progress::start("giving back", Unit::Bytes, Some((space.free_pages * space.page_size) as u64));
    let mut most = FIRST;
    let mut given = 0;
    loop {
        let step = match next_step(conn, log, &progress, most) {
            Ok(Some(step)) => step,
            Ok(None) => break,
            Err(failure) if given > 0 => {
                let failure = if failure.is_full_disk() { failure.with_hint(FULL) } else { failure };
                return Ok((given, Err(failure)));
            }
            Err(failure) => return Err(failure),
        };
        let after = step.begun.elapsed();
        given += step.pages;
        if step.free_pages == 0 || step.moved == 0 {
            break;
        }
        progress.set((given * space.page_size) as u64, ((given + step.free_pages) * space.page_size) as u64);
        if progress.interrupted() {
            break;
        }
        most = next(most, step.moved, after);
        rest_after(step.begun);
    }
    Ok((given, progress.checkpoint(NEXT)))
}

struct Step {
    /// When it had the write lock.
    begun: Instant,
    /// By how many the file is shorter.
    pages: i64,
    /// How many were moved or cut off, one by one.
    moved: usize,
    /// How many are free still.
    free_pages: i64,
}

/// One transaction, where the log has room for it.
fn next_step(conn: &Connection, log: &mut Log, progress: &Progress, most: usize) -> Result<Option<Step>> {
    if log.has_room(progress)? { give_back(conn, most).map(Some) } else { Ok(None) }
}

/// One transaction.
fn give_back(conn: &Connection, most: usize) -> Result<Step> {
    // Dropped without a commit, it is rolled back.
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let begun = Instant::now();
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let before = number("PRAGMA page_count")?;
    let mut moved = 0;
    {
        // Each row is a page. A look for a free one can take long where very many are.
        let mut statement = conn.prepare("PRAGMA incremental_vacuum")?;
        let mut pages = statement.raw_query();
        while moved < most && pages.next()?.is_some() {
            moved += 1;
            // After the page and not before it: a machine that is busy otherwise may take that long to get here.
            if begun.elapsed() >= HOLD {
                break;
            }
        }
    }
    let step = Step { begun, pages: before - number("PRAGMA page_count")?, moved, free_pages: number("PRAGMA freelist_count")? };
    transaction.commit()?;
    Ok(step)
}

/// As many as fit into the time at the speed of the last ones, and no more than twice as many.
fn next(most: usize, moved: usize, held: Duration) -> usize {
    let fitting = moved as f64 * HOLD.as_secs_f64() / held.as_secs_f64().max(1e-6);
    (fitting as usize).clamp(1, MOST.min(2 * most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_takes_what_fits_into_its_time_and_grows_slowly() {
        assert_eq!(next(64, 64, Duration::from_millis(20)), 32);
        assert_eq!(next(64, 64, Duration::from_millis(1)), 128);
        assert_eq!(next(500, 500, Duration::from_millis(1)), MOST);
        assert_eq!(next(64, 1, Duration::from_secs(9)), 1);
    }
}
