//! What is known of each file, read anew where it was written to: which its log tells without opening it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use knocker_core::minutes::Tally;
use knocker_core::stats::Stats;
use serde::Serialize;

use crate::beside::with_suffix;
use crate::database;
use crate::failure::Result;
use crate::stats::many::Sum;

/// After so long a file is read anew although nobody wrote to it: the last hour goes on.
const STALE_MS: i64 = 60_000;

/// The figures of one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    pub stats: Stats,
    /// As those of the screen of one file.
    pub minutes: Vec<Tally>,
    /// When they were read.
    #[serde(skip)]
    pub at: i64,
}

impl Figures {
    /// Opens the file, reads, and closes it. One that is locked is left alone soon.
    pub fn read(path: &Path, now: i64) -> Result<Self> {
        let store = database::open_to_glance(path)?;
        let transaction = store.conn().unchecked_transaction()?;
        let figures = Self { stats: store.stats(now)?, minutes: store.minutes(now)?, at: now };
        drop(transaction);
        Ok(figures)
    }
}

/// The sum of all, and the last hour by the minute, each file's minutes at their place.
pub fn sum<'f>(all: impl IntoIterator<Item = &'f Figures>, now: i64) -> (Sum, Vec<Tally>) {
    let mut sum = Sum::default();
    let mut minutes = vec![Tally::default(); 60];
    for figures in all {
        sum.add(&figures.stats);
        // Minutes that have gone by since.
        let gone = (now.div_euclid(60_000) - figures.at.div_euclid(60_000)).max(0) as usize;
        for (at, minute) in figures.minutes.iter().enumerate().skip(gone) {
            minutes[at - gone] += *minute;
        }
    }
    (sum, minutes)
}

/// What tells that a file was written to: length and time of it and of its log.
type Stamp = [Option<(u64, SystemTime)>; 2];

/// What is known of a file.
#[derive(Debug, Default)]
pub struct Known {
    /// The newest figures that could be read.
    pub figures: Option<Figures>,
    /// Why it could not be read when it was tried last.
    pub trouble: Option<String>,
    stamp: Stamp,
    tried_at: Option<i64>,
}

/// The files.
#[derive(Debug, Default)]
pub struct Folder {
    pub files: BTreeMap<PathBuf, Known>,
}

impl Folder {
    /// These files are there, and no others.
    pub fn list(&mut self, files: Vec<PathBuf>) {
        let mut before = std::mem::take(&mut self.files);
        self.files =
            files.into_iter().map(|file| (before.remove(&file), file)).map(|(known, file)| (file, known.unwrap_or_default())).collect();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// How many of them were looked into.
    pub fn read(&self) -> usize {
        self.files.values().filter(|known| known.tried_at.is_some()).count()
    }

    /// Reads what was written to since it was read, and what has not been read for long, the longest unread first, for as long as there is time.
    pub fn look(&mut self, now: i64, mut is_time: impl FnMut() -> bool) {
        let mut due: Vec<(bool, i64, &PathBuf, Stamp)> = Vec::new();
        for (file, known) in &self.files {
            let stamp = stamp(file);
            let tried_at = known.tried_at.unwrap_or(i64::MIN);
            let changed = stamp != known.stamp || known.tried_at.is_none();
            if changed || now - known.tried_at.unwrap_or(now) >= STALE_MS {
                due.push((!changed, tried_at, file, stamp));
            }
        }
        due.sort();
        let due: Vec<(PathBuf, Stamp)> = due.into_iter().map(|(_, _, file, stamp)| (file.clone(), stamp)).collect();
        for (file, stamp) in due {
            if !is_time() {
                return;
            }
            let known = self.files.get_mut(&file).expect("it was just there");
            match Figures::read(&file, now) {
                Ok(figures) => (known.figures, known.trouble) = (Some(figures), None),
                Err(failure) => known.trouble = Some(failure.message().to_owned()),
            }
            // As it was before the look: what comes meanwhile is seen the next time.
            (known.stamp, known.tried_at) = (stamp, Some(now));
        }
    }
}

fn stamp(file: &Path) -> Stamp {
    let of = |path: &Path| fs::metadata(path).ok().and_then(|metadata| Some((metadata.len(), metadata.modified().ok()?)));
    [of(file), of(&with_suffix(file, "-wal"))]
}
