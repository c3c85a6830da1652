//! What was recorded, read back.

use super::format::{self, HEADER, Header};

/// One thing that a process did.
#[derive(Debug, Clone)]
pub struct Record {
    /// The process.
    pub process: u32,
    /// What it did.
    pub action: Action,
}

/// Files are numbers: a name may be given to another file later.
#[derive(Debug, Clone)]
pub enum Action {
    /// A file was opened, and created where it was not there.
    Open {
        /// Its number from now on.
        file: u32,
        /// Its name in the folder.
        name: String,
        /// Whether it is new.
        created: bool,
    },
    /// Bytes were written.
    Write {
        /// Into this file.
        file: u32,
        /// From here on.
        offset: usize,
        /// These.
        data: Vec<u8>,
    },
    /// A file was given another size.
    Truncate {
        /// This file.
        file: u32,
        /// Its size.
        size: usize,
    },
    /// A sync returned.
    Sync {
        /// Of this file.
        file: u32,
        /// How.
        outcome: Sync,
    },
    /// The folder was synced: its names are safe.
    SyncFolder,
    /// A name was removed.
    Unlink(String),
    /// A name was replaced by another.
    Rename(String, String),
    /// Lines that the process said.
    Mark(String),
    /// A call of this kind was made to fail.
    Fault(String),
}

/// How a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Everything written before is on the disk.
    Done,
    /// The disk refused: what was not written yet counts as clean and will not be tried again.
    Failed,
    /// It reported an earlier failure that this descriptor had not been told of.
    OldFailure,
}

/// Reads a log. A record that was cut off by the end of its process is left out.
///
/// # Panics
/// Where it is no log.
pub fn read(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<HEADER>() {
        let header = Header::decode(header).expect("a record of the recorder");
        let Some((data, next)) = after.split_at_checked(header.length as usize) else { break };
        records.push(Record { process: header.process, action: action(&header, data) });
        rest = next;
    }
    records
}

fn action(header: &Header, data: &[u8]) -> Action {
    let text = || String::from_utf8(data.to_vec()).expect("text in UTF-8");
    let file = header.file;
    match header.kind {
        format::OPEN => Action::Open { file, name: text(), created: header.a == 1 },
        format::WRITE => Action::Write { file, offset: header.a as usize, data: data.to_vec() },
        format::TRUNCATE => Action::Truncate { file, size: header.a as usize },
        format::SYNC => {
            let outcome = match (header.errno, header.a) {
                (0, _) => Sync::Done,
                (_, 1) => Sync::OldFailure,
                _ => Sync::Failed,
            };
            Action::Sync { file, outcome }
        }
        format::SYNC_FOLDER => Action::SyncFolder,
        format::UNLINK => Action::Unlink(text()),
        format::RENAME => {
            let text = text();
            let (from, to) = text.split_once('\0').expect("two names");
            Action::Rename(from.to_owned(), to.to_owned())
        }
        format::MARK => Action::Mark(text()),
        format::FAULT => Action::Fault(text()),
        other => panic!("a record of an unknown kind: {other}"),
    }
}
