//! Which file stands at a path: a database that was replaced is another one, whatever its name.

use std::path::Path;

/// The identity of a file. Windows replaces no file that is open, so there it only tells whether one is there.
#[derive(Debug, PartialEq, Eq)]
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
