//! One file: a page cache over a disk.
//!
//! There is what is on the disk for certain, and the changes since the last sync, each with a snapshot of the pages that it touched. A power cut
//! leaves any mix of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// What the kernel caches and writes at once.
pub const PAGE: usize = 4096;
/// The smallest thing that a disk writes whole.
pub const SECTOR: usize = 512;

type Page = Arc<[u8]>;

/// What becomes of the pages that a failed sync could not write. All variants were seen on real file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// None is on the disk; one that is written to again goes there with a later sync.
    Dropped,
    /// Some are on the disk.
    Partly,
    /// None, and places that were new in the file stay lost until it is truncated: later syncs succeed without them.
    Stuck,
    /// All were written; only the report was bad.
    Written,
}

/// Which of the changes that no sync has made safe are on the disk after the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// None.
    Lost,
    /// All.
    Kept,
    /// Those before a moment, in the order in which they were made.
    Before(usize),
    /// Each page one of its states since the last sync, each name and size too.
    Pages,
    /// Each sector: torn writes.
    Sectors,
}

enum Change {
    Pages(Vec<(usize, Page)>),
    Longer(usize),
    Shorter(usize),
}

/// A file as the kernel and the disk know it.
#[derive(Default)]
pub struct File {
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// The cached size before the pending changes. After a failed sync it may differ from that on the disk.
    size: usize,
    pending: Vec<(usize, Change)>,
    stuck: BTreeSet<usize>,
}

impl File {
    /// One that is on the disk as it is.
    pub fn safe(data: &[u8]) -> Self {
        Self { cache: data.to_vec(), disk: data.to_vec(), size: data.len(), ..Self::default() }
    }

    /// Bytes are written.
    pub fn write(&mut self, clock: usize, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if end > self.cache.len() {
            self.cache.resize(end, 0);
            self.pending.push((clock, Change::Longer(end)));
        }
        self.cache[offset..end].copy_from_slice(data);
        let pages = (offset / PAGE..end.div_ceil(PAGE)).map(|page| (page, self.page(page))).collect();
        self.pending.push((clock, Change::Pages(pages)));
    }

    /// It gets another size.
    pub fn resize(&mut self, clock: usize, size: usize) {
        let shorter = size < self.cache.len();
        self.cache.resize(size, 0);
        self.pending.push((clock, if shorter { Change::Shorter(size) } else { Change::Longer(size) }));
    }

    /// A page as it is cached, zeros after the end.
    fn page(&self, page: usize) -> Page {
        let start = (page * PAGE).min(self.cache.len());
        let end = (start + PAGE).min(self.cache.len());
        let mut copy = vec![0; PAGE];
        copy[..end - start].copy_from_slice(&self.cache[start..end]);
        copy.into()
    }

    /// A sync succeeded: all is on the disk, but for what the file system has forgotten.
    pub fn settle(&mut self) {
        let (disk, stuck) = self.after(self.pending.len());
        self.disk = disk;
        self.stuck = stuck;
        self.disk.resize(self.cache.len(), 0);
        self.begin();
    }

    fn begin(&mut self) {
        self.pending.clear();
        self.size = self.cache.len();
    }

    /// A sync failed: nothing of the cache counts as unwritten any more.
    pub fn fail(&mut self, loss: Loss, random: &mut StdRng) {
        match loss {
            Loss::Written => return self.settle(),
            Loss::Partly => self.disk = self.survive(Survival::Pages, random),
            Loss::Dropped | Loss::Stuck => {
                let on_disk = self.disk.len().div_ceil(PAGE);
                if loss == Loss::Stuck {
                    let written = self.pending.iter().filter_map(|(_, change)| match change {
                        Change::Pages(pages) => Some(pages.iter().map(|(page, _)| *page)),
                        Change::Longer(_) | Change::Shorter(_) => None,
                    });
                    self.stuck.extend(written.flatten().filter(|page| *page >= on_disk && page * PAGE < self.cache.len()));
                }
                if random.random_bool(0.5) {
                    self.disk.resize(self.cache.len(), 0);
                }
            }
        }
        self.begin();
    }

    /// The disk with the first changes on it, in their order, and what is stuck then.
    fn after(&self, changes: usize) -> (Vec<u8>, BTreeSet<usize>) {
        let mut image = self.disk.clone();
        let mut stuck = self.stuck.clone();
        if changes > 0 {
            image.resize(self.size, 0);
        }
        for (_, change) in &self.pending[..changes] {
            match change {
                Change::Longer(size) | Change::Shorter(size) => {
                    image.resize(*size, 0);
                    stuck.retain(|page| page * PAGE < *size);
                }
                Change::Pages(pages) => {
                    for (page, content) in pages.iter().filter(|(page, _)| !stuck.contains(page)) {
                        put(&mut image, page * PAGE, content);
                    }
                }
            }
        }
        (image, stuck)
    }

    /// What may be on the disk after a cut.
    pub fn survive(&self, survival: Survival, random: &mut impl Rng) -> Vec<u8> {
        match survival {
            Survival::Lost => self.disk.clone(),
            Survival::Kept => {
                let (mut image, _) = self.after(self.pending.len());
                image.resize(self.cache.len(), 0);
                image
            }
            Survival::Before(moment) => self.after(self.pending.iter().take_while(|(clock, _)| *clock <= moment).count()).0,
            Survival::Pages => self.mixed(PAGE, random),
            Survival::Sectors => self.mixed(SECTOR, random),
        }
    }

    /// Each piece in one of its states since the last sync, whatever the others are in. A truncation gives up the places that a file had, at once:
    /// it has happened, and what came before it is gone, or not, and what was written after it has no place.
    fn mixed(&self, piece: usize, random: &mut impl Rng) -> Vec<u8> {
        let truncations = self.pending.iter().filter(|(_, change)| matches!(change, Change::Shorter(_))).count();
        let mut left = random.random_range(0..=truncations);
        let complete = left == truncations;
        let mut image = self.disk.clone();
        let mut sizes = vec![self.disk.len(), self.size];
        let mut versions: BTreeMap<usize, Vec<&Page>> = BTreeMap::new();
        let stuck = self.after(self.pending.len()).1;
        for (_, change) in &self.pending {
            match change {
                Change::Longer(size) => sizes.push(*size),
                Change::Shorter(_) if left == 0 => break,
                Change::Shorter(size) => {
                    left -= 1;
                    image.truncate(*size);
                    versions.retain(|page, _| page * PAGE < *size);
                    sizes = vec![*size];
                }
                Change::Pages(pages) => {
                    for (page, content) in pages.iter().filter(|(page, _)| !stuck.contains(page)) {
                        versions.entry(*page).or_default().push(content);
                    }
                }
            }
        }
        if complete {
            sizes.push(self.cache.len());
        }
        image.resize(sizes.iter().copied().max().unwrap_or_default(), 0);
        // Mostly nearly all or nearly nothing: a fair coin for each piece hardly ever leaves a long run of good ones.
        let lost = [0.05, 0.5, 0.95][random.random_range(0..3)];
        for (page, contents) in versions {
            for start in (0..PAGE).step_by(piece) {
                if random.random_bool(lost) {
                    continue;
                }
                let latest = contents.len() - 1;
                let chosen = if random.random_bool(0.5) { latest } else { random.random_range(0..=latest) };
                put(&mut image, page * PAGE + start, &contents[chosen][start..start + piece]);
            }
        }
        let size = if random.random_bool(0.5) { sizes[sizes.len() - 1] } else { sizes[random.random_range(0..sizes.len())] };
        image.resize(size, 0);
        image
    }
}

/// Copies what fits before the end.
fn put(image: &mut [u8], start: usize, content: &[u8]) {
    if start < image.len() {
        let end = (start + content.len()).min(image.len());
        image[start..end].copy_from_slice(&content[..end - start]);
    }
}
