//! The data files of `verification/` and `lifecycle/`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A parsed data file.
pub struct DataFile {
    /// Folder and name, for what is printed.
    pub name: String,
    /// Its content.
    pub content: Value,
}

/// Every JSON file of one folder beside this crate's manifest, by name.
///
/// # Panics
/// Where the folder or a file cannot be read, or there is none: an empty folder must not look like success.
pub fn read(folder: &str) -> Vec<DataFile> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no data files", directory.display());
    paths.iter().map(|path| DataFile { name: label(folder, path), content: parse(path) }).collect()
}

fn label(folder: &str, path: &Path) -> String {
    format!("{folder}/{}", path.file_name().expect("a file").to_string_lossy())
}

fn parse(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// How many cases or scenarios the files hold, counted without running them.
pub fn count(files: &[DataFile], list: &str) -> usize {
    files.iter().map(|file| file.content[list].as_array().map_or(0, Vec::len)).sum()
}
