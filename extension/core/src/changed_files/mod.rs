//! Which files of a folder were written to: for those who serve many files at once and must not keep each of them open to hear of it.
//!
//! On Linux the kernel tells of it. Everywhere else, and besides, sizes and times are compared in the call itself: no thread runs.

mod comparison;
#[cfg(target_os = "linux")]
mod kernel_events;
mod pattern;
mod watched;

use std::collections::HashMap;

pub use pattern::Pattern;

use crate::Result;
use watched::Watched;

/// What one caller was told about each pattern.
#[derive(Default)]
pub struct ChangedFiles {
    process: u32,
    watched: HashMap<String, Watched>,
}

impl ChangedFiles {
    /// The files of the pattern that appeared or were written to since the last call with it, sorted; the first call gives all that match. A
    /// process that was forked begins anew: what the kernel has to tell, it tells one of the two.
    ///
    /// # Errors
    /// `invalid_argument` for what is no [`Pattern`].
    pub fn since_last(&mut self, pattern: &str) -> Result<Vec<String>> {
        let process = std::process::id();
        if self.process != process {
            self.process = process;
            self.watched.clear();
        }
        if let Some(watched) = self.watched.get_mut(pattern) {
            return Ok(watched.changed());
        }
        let mut watched = Watched::new(Pattern::parse(pattern)?);
        let all = watched.changed();
        self.watched.insert(pattern.to_owned(), watched);
        Ok(all)
    }
}
