//! Who holds the log: the marks of readers in the shared index, and the locks on it, as far as Linux tells.
//!
//! The index is read as a file before this process opens the database: closing it later would drop this process's own locks on it.

use std::path::Path;

/// The locks of readers on the index lie at this byte and the next four.
#[cfg(any(target_os = "linux", test))]
const FIRST_READER: u64 = 123;
#[cfg(any(target_os = "linux", test))]
const READERS: usize = 5;

/// A process that reads an older state of the file than the newest, so that the log cannot start over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    pub pid: u32,
    /// How many frames were written since that state.
    pub behind: u32,
}

#[cfg(not(target_os = "linux"))]
pub fn readers(_shm: &Path, _inode: u64) -> Vec<Reader> {
    Vec::new()
}

#[cfg(target_os = "linux")]
pub fn readers(shm: &Path, inode: u64) -> Vec<Reader> {
    let (Ok(index), Ok(locks)) = (std::fs::read(shm), std::fs::read_to_string("/proc/locks")) else { return Vec::new() };
    behind(&index, &locks, inode)
}

#[cfg(any(target_os = "linux", test))]
fn behind(index: &[u8], locks: &str, inode: u64) -> Vec<Reader> {
    let word = |at: usize| index.get(at..at + 4).map(|bytes| u32::from_ne_bytes(bytes.try_into().expect("four bytes")));
    // https://www.sqlite.org/walformat.html#the_wal_index_file_format: the last frame, and the marks of the readers.
    let Some(last) = word(16) else { return Vec::new() };
    let mut readers = Vec::new();
    for line in locks.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // 12: POSIX  ADVISORY  READ 4711 fe:00:8560769 124 124
        let [_, "POSIX", _, "READ", pid, file, start, ..] = words[..] else { continue };
        let of_index = file.rsplit(':').next().and_then(|text| text.parse().ok()) == Some(inode);
        let slot = start.parse::<u64>().ok().and_then(|start| start.checked_sub(FIRST_READER)).filter(|&slot| slot < READERS as u64);
        if let (true, Some(slot), Ok(pid)) = (of_index, slot, pid.parse()) {
            let mark = word(100 + 4 * slot as usize).unwrap_or(last);
            if mark < last {
                readers.push(Reader { pid, behind: last - mark });
            }
        }
    }
    readers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_as_far_behind_as_the_mark_that_it_has_locked() {
        let mut index = vec![0; 136];
        index[16..20].copy_from_slice(&500_u32.to_ne_bytes());
        for (slot, mark) in [0_u32, 120, 500, u32::MAX, u32::MAX].into_iter().enumerate() {
            index[100 + 4 * slot..104 + 4 * slot].copy_from_slice(&mark.to_ne_bytes());
        }
        let locks = "\
1: POSIX  ADVISORY  READ 11 fe:00:9 124 124
2: POSIX  ADVISORY  READ 12 fe:00:9 125 125
3: POSIX  ADVISORY  WRITE 12 fe:00:9 120 120
4: POSIX  ADVISORY  READ 13 fe:00:8 124 124
5: FLOCK  ADVISORY  WRITE 14 fe:00:9 0 EOF";
        assert_eq!(behind(&index, locks, 9), [Reader { pid: 11, behind: 380 }]);
    }
}
