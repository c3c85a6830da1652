//! Work on many files, which a pattern in the place of the path names: what each does alone, a row for each, and a total.

pub mod change;
pub mod list;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Serialize;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::printable::count;
use crate::progress::interrupted;

/// How many files are open at once: enough to keep the cores busy, and far below what a process may have open.
const AT_ONCE: usize = 4;

/// What was done with many files.
pub struct Done<T> {
    /// Those with which it was done, in the order of their names.
    pub done: Vec<(PathBuf, T)>,
    /// Those with which it was not. The others do not wait for them.
    pub failed: Vec<(PathBuf, Failure)>,
}

/// Does the work with each file, with few of them at once. It must be such that the order does not matter.
///
/// # Errors
/// Where the command line is wrong, or nobody reads the output any more; and where no file has the endpoint that was named: those that have it not
/// are passed over, as not every tenant has each.
pub fn each<T: Send>(context: &Context, files: &[PathBuf], work: impl Fn(&Context) -> Result<T> + Sync) -> Result<Done<T>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(files.len()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(files.len()) {
            scope.spawn(|| {
                while !interrupted()
                    && let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let result = work(&context.of(file));
                    results.lock().expect("no thread panics with it").push((file.clone(), result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panics with it");
    if results.len() < files.len() {
        return Err(stopped("looked at", results.len()));
    }
    results.sort_by(|(one, _), (other, _)| one.cmp(other));
    gathered(results)
}

/// Does the work with one file after the other, as is right for what writes. It ends early where somebody interrupts it: `T` then says what was done
/// with the file that was under way, and beside all results stands that it was.
pub fn in_turn<T>(
    context: &Context,
    files: &[PathBuf],
    mut work: impl FnMut(&Context) -> Result<(T, Result)>,
) -> Result<(Done<T>, Result)> {
    let mut results = Vec::with_capacity(files.len());
    let mut ended = Ok(());
    for file in files {
        match work(&context.of(file)) {
            Ok((done, whole)) => {
                results.push((file.clone(), Ok(done)));
                ended = whole;
            }
            // Between two files, where nothing was done with the second.
            Err(failure) if failure.exit == Exit::Interrupted => ended = Err(failure),
            Err(failure) if ends_all(&failure) => return Err(failure),
            Err(failure) => results.push((file.clone(), Err(failure))),
        }
        if ended.is_ok() && interrupted() && results.len() < files.len() {
            ended = Err(stopped("done", results.len()));
        }
        if ended.is_err() {
            break;
        }
    }
    Ok((gathered(results)?, ended))
}

fn stopped(what: &str, files: usize) -> Failure {
    let message = format!("interrupted with {} {what}; what was done is whole", count(files as i64, "file"));
    Failure::new(Exit::Interrupted, message, "Run the same command again: it goes on with what is left.")
}

/// Whether the next file would end in the same way.
fn ends_all(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::Usage | Exit::ReaderGone)
}

fn gathered<T>(results: Vec<(PathBuf, Result<T>)>) -> Result<Done<T>> {
    let mut gathered = Done { done: Vec::new(), failed: Vec::new() };
    let mut passed_over = None;
    for (file, result) in results {
        match result {
            Ok(done) => gathered.done.push((file, done)),
            Err(failure) if ends_all(&failure) => return Err(failure),
            Err(failure) if failure.is_unknown_endpoint() => passed_over = Some(failure),
            Err(failure) => gathered.failed.push((file, failure)),
        }
    }
    match passed_over {
        Some(failure) if gathered.done.is_empty() && gathered.failed.is_empty() => Err(failure),
        _ => Ok(gathered),
    }
}

/// What a file's result is in a list of them.
#[derive(Serialize)]
struct Named<'a, T> {
    database: String,
    #[serde(flatten)]
    result: &'a T,
}

impl<T: Serialize> Done<T> {
    /// All of it as one document: `databases`, `failed`, and `total` with how many there are.
    pub fn document(&self, context: &Context, total: impl Serialize) -> Result {
        let databases: Vec<_> = self.done.iter().map(|(file, result)| Named { database: name(file), result }).collect();
        let failed: Vec<_> =
            self.failed.iter().map(|(file, failure)| json!({"database": name(file), "error": failure.message()})).collect();
        let mut total = serde_json::to_value(total).expect("figures are JSON");
        total["databases"] = Value::from(self.done.len());
        total["failed"] = Value::from(self.failed.len());
        context.out.document(&json!({"databases": databases, "failed": failed, "total": total}))
    }
}

impl<T> Done<T> {
    /// Tells each file with which it was not done, and why. To be called last.
    pub fn end(&self, context: &Context) -> Result {
        if self.failed.is_empty() {
            return Ok(());
        }
        for (file, failure) in &self.failed {
            failure.of_file(file).report(context.color);
        }
        let exit = exit(self.failed.iter().map(|(_, failure)| failure.exit));
        let all = self.done.len() + self.failed.len();
        let others = if self.done.is_empty() { "" } else { ", and the others are done" };
        let message = format!("{} of {} failed{others}", self.failed.len(), count(all as i64, "file"));
        Err(Failure::new(exit, message, "Each is named above. `knocker --db FILE doctor` tells more of one."))
    }
}

/// The exit code of some failures: their own where it is the same, else the general one.
fn exit(mut failures: impl Iterator<Item = Exit>) -> Exit {
    let first = failures.next().unwrap_or(Exit::Failed);
    if failures.all(|exit| exit == first) { first } else { Exit::Failed }
}

/// The file as it is told.
pub fn name(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_are_more_files_worked_on_at_once_and_the_order_is_that_of_names() {
        let context = Context::new(None, false, anstream::ColorChoice::Never);
        let files: Vec<PathBuf> = (0..100).map(|index| format!("{index:03}.db").into()).collect();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let done = each(&context, &files, |context| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            context.db_path()
        })
        .unwrap();
        assert!(most.into_inner() <= AT_ONCE);
        assert!(done.done.iter().map(|(_, path)| path).eq(&files));
    }

    #[test]
    fn how_files_failed_is_told_together_where_it_is_the_same() {
        assert_eq!(exit([Exit::Retry, Exit::Retry].into_iter()), Exit::Retry);
        assert_eq!(exit([Exit::Retry, Exit::NotFound].into_iter()), Exit::Failed);
    }
}
