//! What a file and its log look like from outside, so that two looks can be told apart.

use std::fs::{self, Metadata};
use std::time::{Duration, SystemTime};

/// The clock of a file's time may stand still for this long, while somebody writes.
const GRAIN: Duration = Duration::from_millis(50);

/// A file, its log and its journal at one moment. Empty ones of the latter are none: opening a file makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    file: Mark,
    log: Option<Mark>,
    journal: Option<Mark>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    modified: Option<SystemTime>,
    identity: (u64, u64),
}

impl Look {
    /// Nothing where there is no such file. A link is none: SQLite keeps the log beside what it leads to.
    pub fn at(path: &str) -> Option<Self> {
        let file = Mark::of(&fs::symlink_metadata(path).ok().filter(Metadata::is_file)?);
        let beside = |suffix: &str| {
            let metadata = fs::symlink_metadata(format!("{path}{suffix}")).ok()?;
            (metadata.len() > 0).then(|| Mark::of(&metadata))
        };
        Some(Self { file, log: beside("-wal"), journal: beside("-journal") })
    }

    /// Whether somebody has written since: what a removed log held is in the file.
    pub fn written_since(&self, earlier: &Self) -> bool {
        let other = |now: Option<Mark>, then: Option<Mark>| now.is_some() && now != then;
        self.file != earlier.file || other(self.log, earlier.log) || other(self.journal, earlier.journal)
    }

    /// Whether somebody may write after this look and leave no trace, since the clock of the file's time has not moved on.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        let fresh = |mark: &Mark| mark.modified.and_then(|modified| now.duration_since(modified).ok()).is_some_and(|age| age < GRAIN);
        fresh(&self.file) || [self.log, self.journal].iter().flatten().any(fresh)
    }
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// A file that was put in another's place has been made at another time.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> (u64, u64) {
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
    let created = metadata.created().ok().and_then(since).unwrap_or_default();
    (created.as_secs(), created.subsec_nanos().into())
}
