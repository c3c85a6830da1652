//! The file, its log, its index and their folder.

use std::fs::{self, Metadata};
use std::path::Path;

use crate::beside::with_suffix;

/// A file as its folder knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileFacts {
    pub size: u64,
    /// Permission bits; none where the system has no such thing.
    pub mode: Option<u32>,
    pub owner: u32,
    pub inode: u64,
    pub links: u64,
}

/// The database file and what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    pub database: FileFacts,
    pub wal: Option<FileFacts>,
    pub shm: Option<FileFacts>,
    pub folder: Option<FileFacts>,
    /// Litestream keeps a folder beside the file that it replicates.
    pub litestream: bool,
}

impl Files {
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let beside = |suffix: &str| fs::metadata(with_suffix(path, suffix)).ok().map(|metadata| facts(&metadata));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            database: facts(&fs::metadata(path)?),
            wal: beside("-wal"),
            shm: beside("-shm"),
            folder: path.parent().and_then(|folder| fs::metadata(folder).ok()).map(|metadata| facts(&metadata)),
            litestream: path.with_file_name(format!(".{name}-litestream")).is_dir(),
        })
    }
}

#[cfg(unix)]
fn facts(metadata: &Metadata) -> FileFacts {
    use std::os::unix::fs::MetadataExt;
    FileFacts {
        size: metadata.len(),
        mode: Some(metadata.mode() & 0o7777),
        owner: metadata.uid(),
        inode: metadata.ino(),
        links: metadata.nlink(),
    }
}

#[cfg(not(unix))]
fn facts(metadata: &Metadata) -> FileFacts {
    FileFacts { size: metadata.len(), links: 1, ..FileFacts::default() }
}
