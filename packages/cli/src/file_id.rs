//! Which file stands at a path: a database that was replaced is another one, whatever its name.

use std::path::Path;

/// Whether both paths lead to one file: by another spelling, a symbolic or a hard link.
pub fn same(one: &Path, other: &Path) -> bool {
    let hard_link = cfg!(unix) && FileId::of(one).is_some() && FileId::of(one) == FileId::of(other);
    hard_link || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The identity of a file. Windows replaces no file that is open, so there it only tells whether one is there.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct FileId(u64, u64);

impl FileId {
    /// That of the file at the path; none where there is no file.
    #[cfg(unix)]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// That of the file at the path; none where there is no file.
    #[cfg(not(unix))]
    pub fn of(path: &Path) -> Option<Self> {
        path.exists().then_some(Self(0, 0))
    }
}
