//! Changing many files: what would happen is told or asked about first, as with one file, together with in how many files it would.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::{Done, each, in_turn, name};
use crate::confirm::Consent;
use crate::context::Context;
use crate::failure::Result;
use crate::printable::{count, text};

/// What a change of one file came to. It adds up.
pub trait Outcome: Clone + Serialize + Send {
    /// Adds that of another file.
    fn add(&mut self, other: &Self);
    /// Whether nothing was there to change.
    fn is_nothing(&self) -> bool;
    /// What was changed, or would be: `2 events deleted`.
    fn told(&self) -> String;
    /// What is told where nothing was there in any file.
    fn nothing(&self) -> &'static str;
    /// What is told where a limit left more.
    fn more(&self) -> Option<&'static str>;
    /// The sum, for programs.
    fn sum(&self) -> Value {
        serde_json::to_value(self).expect("figures are JSON")
    }
}

/// A change, as one file is changed.
pub struct Change<'a, T> {
    /// Tells what would happen and changes nothing.
    pub foreseen: &'a (dyn Fn(&Context) -> Result<T> + Sync),
    /// Does it; beside the result stands whether somebody interrupted it.
    pub work: &'a dyn Fn(&Context) -> Result<(T, Result)>,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
}

impl<T: Outcome> Change<'_, T> {
    /// Changes each file after a yes. `question` is asked of the sum, and of in how many files that is.
    pub fn run(
        &self,
        context: &Context,
        files: &[PathBuf],
        consent: impl FnOnce() -> Result<Consent>,
        question: impl FnOnce(&T, &str) -> String,
    ) -> Result {
        if self.dry_run {
            let foreseen = each(context, files, self.foreseen)?;
            return end(context, &foreseen, files.len(), Ok(()));
        }
        let consent = consent()?;
        let mut affected = files.to_vec();
        let mut failed = Vec::new();
        if consent == Consent::Ask {
            let foreseen = each(context, files, self.foreseen)?;
            let Some(sum) = sum(&foreseen).filter(|sum| !sum.is_nothing()) else {
                return end(context, &foreseen, files.len(), Ok(()));
            };
            affected = foreseen.done.into_iter().filter(|(_, result)| !result.is_nothing()).map(|(file, _)| file).collect();
            failed = foreseen.failed;
            consent.obtain(&question(&sum, &of_all(affected.len(), files.len())))?;
        }
        let (mut changed, ended) = in_turn(context, &affected, self.work)?;
        changed.failed.extend(failed);
        end(context, &changed, files.len(), ended)
    }
}

/// Tells what was done, then with which files it was not, and how it ended.
pub fn end<T: Outcome>(context: &Context, done: &Done<T>, files: usize, ended: Result) -> Result {
    tell(context, done, files)?;
    let told = done.end(context);
    ended.and(told)
}

/// Tells what was done with each file in which anything was, and the sum.
fn tell<T: Outcome>(context: &Context, done: &Done<T>, files: usize) -> Result {
    let sum = sum(done);
    if context.out.json() {
        return done.document(context, sum.map_or(Value::Object(Default::default()), |sum| sum.sum()));
    }
    let affected: Vec<_> = done.done.iter().filter(|(_, result)| !result.is_nothing()).collect();
    for (file, result) in &affected {
        context.out.line(format_args!("{}: {}", text(&name(file)), result.told()))?;
    }
    let Some(sum) = sum else { return Ok(()) };
    if affected.is_empty() {
        return context.out.line(sum.nothing());
    }
    context.out.line(format_args!("{} in {}", sum.told(), of_all(affected.len(), files)))?;
    sum.more().map_or(Ok(()), |more| context.out.line(more))
}

fn sum<T: Outcome>(done: &Done<T>) -> Option<T> {
    let mut results = done.done.iter().map(|(_, result)| result);
    let mut sum = results.next()?.clone();
    results.for_each(|result| sum.add(result));
    Some(sum)
}

/// `3 of 1000 files`.
fn of_all(affected: usize, files: usize) -> String {
    if affected == files { count(files as i64, "file") } else { format!("{affected} of {}", count(files as i64, "file")) }
}
