//! A file on the disk, with what belongs to it, and the processes that have it open.

pub mod files;
pub mod processes;

use std::path::Path;

use files::Files;
use processes::{Holder, Processes};

/// The other processes that have the file open, as far as the system tells.
pub fn holders(path: &Path) -> Vec<String> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let Ok(files) = Files::read(&path) else { return Vec::new() };
    Processes::read().holders(&path, &files.database).iter().map(Holder::title).collect()
}
