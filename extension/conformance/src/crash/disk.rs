//! A folder on a disk, fed with what was recorded: its files, and the names that they have for certain or perhaps.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::file::File;
pub use super::file::{Loss, Survival};
use super::log::{Action, Sync};

/// Files by name, as they stand in a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a file system promises beyond the standard, for one replay of a log.
#[derive(Debug, Clone, Copy)]
pub struct Nature {
    /// After a failed sync.
    pub loss: Loss,
    /// Whether the sync of a file makes its name safe as well, as ext4 does.
    pub sync_names: bool,
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
        let files = numbered().map(|(data, number)| (number, File::safe(data))).collect();
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::file::{PAGE, SECTOR};
    use super::*;

    fn disk(loss: Loss, actions: &[Action]) -> Disk {
        let mut disk = Disk::new(&Files::new(), Nature { loss, sync_names: true }, StdRng::seed_from_u64(1));
        disk.apply(&Action::Open { file: 1, name: "a".to_owned(), created: true });
        actions.iter().for_each(|action| disk.apply(action));
        disk
    }

    fn write(page: usize, byte: u8) -> Action {
        Action::Write { file: 1, offset: page * PAGE, data: vec![byte; PAGE] }
    }

    fn sync(outcome: Sync) -> Action {
        Action::Sync { file: 1, outcome }
    }

    /// The first byte of each page after a cut in which everything survives that can.
    fn pages(disk: &Disk) -> Vec<u8> {
        let files = disk.cut(|| Survival::Kept, &mut StdRng::seed_from_u64(1));
        files["a"].chunks(PAGE).map(|page| page[0]).collect()
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may_be_lost() {
        let disk = disk(Loss::Dropped, &[write(0, 1), sync(Sync::Done), write(0, 2), write(1, 3)]);
        assert_eq!(pages(&disk), [2, 3]);
        let lost = disk.cut(|| Survival::Lost, &mut StdRng::seed_from_u64(1));
        assert_eq!(lost["a"], vec![1; PAGE]);
    }

    #[test]
    fn a_failed_sync_loses_pages_until_they_are_written_again() {
        let actions = [write(0, 1), write(1, 2), sync(Sync::Failed), write(1, 3), sync(Sync::Done)];
        assert_eq!(pages(&disk(Loss::Dropped, &actions)), [0, 3]);
    }

    #[test]
    fn what_is_stuck_is_lost_until_the_file_is_truncated() {
        let mut actions = vec![write(0, 1), sync(Sync::Failed), write(0, 2), sync(Sync::Done)];
        assert_eq!(pages(&disk(Loss::Stuck, &actions)), [0]);
        actions.extend([Action::Truncate { file: 1, size: 0 }, write(0, 3), sync(Sync::Done)]);
        assert_eq!(pages(&disk(Loss::Stuck, &actions)), [3]);
    }

    #[test]
    fn a_sector_is_in_one_of_its_states_and_no_other() {
        let disk = disk(Loss::Dropped, &[write(0, 1), sync(Sync::Done), write(0, 2), write(0, 3)]);
        let mut random = StdRng::seed_from_u64(1);
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let torn = disk.cut(|| Survival::Sectors, &mut random);
            for sector in torn["a"].chunks(SECTOR) {
                assert!(sector.iter().all(|byte| *byte == sector[0]));
                seen.insert(sector[0]);
            }
        }
        assert_eq!(seen, BTreeSet::from([1, 2, 3]));
    }

    #[test]
    fn a_name_is_safe_when_its_folder_is_synced() {
        let nature = Nature { loss: Loss::Dropped, sync_names: false };
        let mut disk = Disk::new(&Files::new(), nature, StdRng::seed_from_u64(1));
        disk.apply(&Action::Open { file: 1, name: "a".to_owned(), created: true });
        disk.apply(&sync(Sync::Done));
        assert!(disk.cut(|| Survival::Lost, &mut StdRng::seed_from_u64(1)).is_empty());
        disk.apply(&Action::SyncFolder);
        assert_eq!(disk.cut(|| Survival::Lost, &mut StdRng::seed_from_u64(1)).len(), 1);
    }
}
