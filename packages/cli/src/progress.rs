//! Long work: how far it is, on a terminal, and its end between two chunks where somebody interrupts it.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use knocker_core::chunks::Chunks;
pub use knocker_core::chunks::{BUDGET, rest_after};

use crate::failure::{Exit, Failure, Result};
use crate::printable::count;

/// Set by the first SIGINT, SIGTERM or SIGHUP while work is under way.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static LISTENING: Once = Once::new();

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Bytes, shown as sizes.
    Bytes,
    /// Things with this name, such as `event`.
    Items(&'static str),
}

/// Whether somebody wants the work to end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Work under way. It shows its progress, rate and remaining time on standard error where that is a terminal, and nothing elsewhere.
///
/// While it lives, an interrupt does not end the process but the work: between two chunks, where [`Progress::checkpoint`] is called. A second
/// interrupt ends the process at once, as SQLite allows at any time.
pub struct Progress {
    bar: ProgressBar,
    unit: Unit,
}

impl Progress {
    /// Starts. `doing` says what, as in "exporting"; without a `total` only what is done and the rate are shown.
    pub fn start(doing: &'static str, unit: Unit, total: Option<u64>) -> Self {
        LISTENING.call_once(|| {
            // Without the handler an interrupt ends the process as ever, which harms nothing but tells nothing.
            let _ = ctrlc::set_handler(|| {
                if INTERRUPTED.swap(true, Ordering::Relaxed) {
                    std::process::exit(Exit::Interrupted as i32);
                }
            });
        });
        // Draws on standard error, and nowhere where that is no terminal.
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        bar.set_style(style(unit, total.is_some()));
        bar.set_message(doing);
        Self { bar, unit }
    }

    /// So much more is done.
    pub fn advance(&self, done: u64) {
        self.bar.inc(done);
    }

    /// So much is done in all, of a total that may have grown.
    pub fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    fn is_done(&self) -> bool {
        self.bar.length() == Some(self.bar.position())
    }

    /// Whether somebody wants the work to end.
    pub fn interrupted(&self) -> bool {
        interrupted()
    }

    /// Between two chunks: a failure where somebody wants the work to end. `next` says how to go on.
    pub fn checkpoint(&self, next: impl Into<Cow<'static, str>>) -> Result {
        if !self.interrupted() {
            return Ok(());
        }
        let done = match self.unit {
            Unit::Bytes => crate::printable::size(self.bar.position() as i64),
            Unit::Items(noun) => count(self.bar.position() as i64, noun),
        };
        self.bar.finish_and_clear();
        Err(Failure::new(Exit::Interrupted, format!("interrupted after {done}; what was done is whole"), next))
    }
}

/// Runs work of the core in small transactions, with its progress, and leaves other writers the time between them. Beside the result stands whether
/// somebody interrupted it.
pub fn in_chunks<T>(doing: &'static str, unit: Unit, work: impl FnOnce(&mut Chunks) -> Result<T>) -> Result<(T, Result)> {
    let progress = Progress::start(doing, unit, Some(0));
    let mut begun = Instant::now();
    let mut between = |done: usize, total: usize| {
        progress.set(done as u64, total as u64);
        if done == total {
            return ControlFlow::Continue(());
        }
        if progress.interrupted() {
            return ControlFlow::Break(());
        }
        rest_after(begun);
        begun = Instant::now();
        ControlFlow::Continue(())
    };
    let result = work(&mut Chunks { budget: BUDGET, between: &mut between })?;
    let ended = if progress.is_done() { Ok(()) } else { progress.checkpoint("Run the same command again: it goes on with what is left.") };
    Ok((result, ended))
}

/// The line goes as the work ends: what was done is told by its result.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(unit: Unit, has_total: bool) -> ProgressStyle {
    let template = match (unit, has_total) {
        (Unit::Bytes, true) => "{msg} [{bar:20}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left",
        (Unit::Bytes, false) => "{msg} {spinner} {binary_bytes}, {binary_bytes_per_sec}",
        (Unit::Items(_), true) => "{msg} [{bar:20}] {human_pos} of {human_len}, {per_sec}, {eta} left",
        (Unit::Items(_), false) => "{msg} {spinner} {human_pos}, {per_sec}",
    };
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_a_valid_line() {
        for unit in [Unit::Bytes, Unit::Items("event")] {
            style(unit, true);
            style(unit, false);
        }
    }
}
