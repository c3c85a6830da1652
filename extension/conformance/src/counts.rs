//! What this suite tells `release/conformance-table` of the cases that it ran.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

/// Writes how many cases of `kind` ran.
///
/// # Panics
/// Where the file cannot be written.
pub fn write(kind: &str, ran: usize) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let folder = target.join("conformance");
    fs::create_dir_all(&folder).expect("the folder of counts");
    let count = json!({"package": "rust", "kind": kind, "ran": ran, "on": "the loaded library"});
    fs::write(folder.join(format!("rust.{kind}.json")), format!("{count}\n")).expect("a count is written");
}
