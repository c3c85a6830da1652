//! A page cache over a disk, fed with what was recorded.
//!
//! A file has what is on the disk for certain, and the changes since its last sync, each with a snapshot of the pages that it touched. A power
//! cut leaves any mix of them. Names are changes of the folder in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::log::{Action, Sync};

/// What the kernel caches and writes at once.
const PAGE: usize = 4096;
/// The smallest thing that a disk writes whole.
const SECTOR: usize = 512;

type Page = Arc<[u8]>;

/// Files by name, as they stand in a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

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

/// What a file system promises beyond the standard, for one replay of a log.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    /// After a failed sync.
    pub loss: Loss,
    /// Whether the sync of a file makes its name safe as well, as ext4 does.
    pub sync_names: bool,
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
    Size(usize),
}

#[derive(Default)]
struct File {
    cache: Vec<u8>,
    disk: Vec<u8>,
    /// The cached size before the pending changes. After a failed sync it may differ from that on the disk.
    size: usize,
    pending: Vec<(usize, Change)>,
    stuck: BTreeSet<usize>,
}

/// The folder.
pub struct Disk {
    nature: Nature,
    files: BTreeMap<u32, File>,
    names: BTreeMap<String, u32>,
    safe_names: BTreeMap<String, u32>,
    pending_names: Vec<(usize, String, Option<u32>)>,
    clock: usize,
    random: StdRng,
}

impl Disk {
    /// A folder with files that are safe on the disk.
    pub fn new(base: &Files, nature: Nature, random: StdRng) -> Self {
        // Numbers that no recorder gives.
        let numbered = || base.values().zip((0..u32::MAX).rev());
        let names: BTreeMap<String, u32> = base.keys().cloned().zip(numbered().map(|(_, number)| number)).collect();
        let files = numbered()
            .map(|(data, number)| (number, File { cache: data.clone(), disk: data.clone(), size: data.len(), ..File::default() }))
            .collect();
        Self { nature, files, safe_names: names.clone(), names, pending_names: Vec::new(), clock: 0, random }
    }

    /// What one process did next.
    pub fn apply(&mut self, action: &Action) {
        self.clock += 1;
        let clock = self.clock;
        match action {
            Action::Open { file, name, created: true } => {
                self.files.insert(*file, File::default());
                self.name(name, Some(*file));
            }
            Action::Open { file, name, created: false } => {
                if !self.files.contains_key(file) {
                    // One of the base is opened for the first time: it gets its number.
                    let former = self.names[name];
                    let content = self.files.remove(&former).expect("a file of the base");
                    self.files.insert(*file, content);
                    self.names
                        .values_mut()
                        .chain(self.safe_names.values_mut())
                        .filter(|number| **number == former)
                        .for_each(|n| *n = *file);
                }
            }
            Action::Write { file, offset, data } => self.file(*file).write(clock, *offset, data),
            Action::Truncate { file, size } => self.file(*file).resize(clock, *size),
            Action::Sync { file, outcome } => self.sync(*file, *outcome),
            Action::SyncFolder => {
                self.safe_names = self.names.clone();
                self.pending_names.clear();
            }
            Action::Unlink(name) => self.name(name, None),
            Action::Rename(from, to) => {
                let file = self.names[from];
                self.name(to, Some(file));
                self.name(from, None);
            }
            Action::Mark(_) | Action::Fault(_) => {}
        }
    }

    fn file(&mut self, number: u32) -> &mut File {
        self.files.get_mut(&number).expect("a file that was opened")
    }

    fn name(&mut self, name: &str, file: Option<u32>) {
        match file {
            Some(file) => self.names.insert(name.to_owned(), file),
            None => self.names.remove(name),
        };
        self.pending_names.push((self.clock, name.to_owned(), file));
    }

    fn sync(&mut self, number: u32, outcome: Sync) {
        let nature = self.nature;
        let file = self.files.get_mut(&number).expect("a file that was opened");
        match outcome {
            // The pages were handed over, but nothing says that they arrived.
            Sync::OldFailure => return,
            Sync::Failed => return file.fail(nature.loss, &mut self.random),
            Sync::Done => file.settle(),
        }
        if nature.sync_names {
            let last = self.pending_names.iter().rposition(|(_, _, file)| *file == Some(number));
            if let Some(last) = last {
                let name = self.pending_names[last].1.clone();
                let moment = self.pending_names[last].0;
                // What was done to the name before is over.
                self.pending_names.retain(|(clock, other, _)| *clock > moment || *other != name);
                self.safe_names.insert(name, number);
            }
        }
    }

    /// How many changes there were so far.
    pub fn moments(&self) -> usize {
        self.clock
    }

    /// What may be on the disk if the power is cut now. `each` is asked once for the names and once for each file.
    pub fn cut(&self, mut each: impl FnMut() -> Survival, random: &mut impl Rng) -> Files {
        let names = self.surviving_names(each(), random);
        let mut found = Files::new();
        for (name, number) in names {
            let data = self.files[&number].survive(each(), random);
            if name.ends_with("-shm") {
                // Shared memory is never synced: anything may be there, or nothing.
                if random.random_bool(0.5) {
                    found.insert(name, (0..data.len()).map(|_| random.random()).collect());
                }
            } else {
                found.insert(name, data);
            }
        }
        found
    }

    fn surviving_names(&self, survival: Survival, random: &mut impl Rng) -> BTreeMap<String, u32> {
        let mut names = self.safe_names.clone();
        let mut put = |name: &String, file: Option<u32>| {
            match file {
                Some(file) => names.insert(name.clone(), file),
                None => names.remove(name),
            };
        };
        match survival {
            Survival::Lost => {}
            Survival::Kept => self.pending_names.iter().for_each(|(_, name, file)| put(name, *file)),
            Survival::Before(moment) => {
                self.pending_names.iter().filter(|(clock, ..)| *clock <= moment).for_each(|(_, name, file)| put(name, *file));
            }
            Survival::Pages | Survival::Sectors => {
                let changed: BTreeSet<&String> = self.pending_names.iter().map(|(_, name, _)| name).collect();
                for name in changed {
                    let versions: Vec<Option<u32>> =
                        self.pending_names.iter().filter(|(_, other, _)| other == name).map(|(_, _, file)| *file).collect();
                    let chosen = random.random_range(0..=versions.len());
                    if chosen > 0 {
                        put(name, versions[chosen - 1]);
                    }
                }
            }
        }
        names
    }
}

impl File {
    fn write(&mut self, clock: usize, offset: usize, data: &[u8]) {
        let end = offset + data.len();
        if end > self.cache.len() {
            self.cache.resize(end, 0);
            self.pending.push((clock, Change::Size(end)));
        }
        self.cache[offset..end].copy_from_slice(data);
        let pages = (offset / PAGE..end.div_ceil(PAGE)).map(|page| (page, self.page(page))).collect();
        self.pending.push((clock, Change::Pages(pages)));
    }

    fn resize(&mut self, clock: usize, size: usize) {
        let former = self.cache.len();
        self.cache.resize(size, 0);
        self.pending.push((clock, Change::Size(size)));
        if size < former {
            let pages = (size / PAGE..former.div_ceil(PAGE)).map(|page| (page, self.page(page))).collect();
            self.pending.push((clock, Change::Pages(pages)));
        }
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
    fn settle(&mut self) {
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
    fn fail(&mut self, loss: Loss, random: &mut StdRng) {
        match loss {
            Loss::Written => return self.settle(),
            Loss::Partly => self.disk = self.survive(Survival::Pages, random),
            Loss::Dropped | Loss::Stuck => {
                let on_disk = self.disk.len().div_ceil(PAGE);
                if loss == Loss::Stuck {
                    let written = self.pending.iter().filter_map(|(_, change)| match change {
                        Change::Pages(pages) => Some(pages.iter().map(|(page, _)| *page)),
                        Change::Size(_) => None,
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
                Change::Size(size) => {
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

    fn survive(&self, survival: Survival, random: &mut impl Rng) -> Vec<u8> {
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

    /// Each piece in one of its states since the last sync, whatever the others are in.
    fn mixed(&self, piece: usize, random: &mut impl Rng) -> Vec<u8> {
        let mut sizes = vec![self.disk.len(), self.size, self.cache.len()];
        let mut versions: BTreeMap<usize, Vec<&Page>> = BTreeMap::new();
        let stuck = self.after(self.pending.len()).1;
        for (_, change) in &self.pending {
            match change {
                Change::Size(size) => sizes.push(*size),
                Change::Pages(pages) => {
                    for (page, content) in pages.iter().filter(|(page, _)| !stuck.contains(page)) {
                        versions.entry(*page).or_default().push(content);
                    }
                }
            }
        }
        let mut image = self.disk.clone();
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
        let size = if random.random_bool(0.5) { self.cache.len() } else { sizes[random.random_range(0..sizes.len())] };
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
