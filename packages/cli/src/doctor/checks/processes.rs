//! What the processes that have the file open say of it.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::in_use::processes::Library;

pub const FILE_REPLACED: Code = Code::new("file_replaced", Severity::Error);
pub const LIBRARY_SKEW: Code = Code::new("library_skew", Severity::Warning);
pub const CODES: &[Code] = &[FILE_REPLACED, LIBRARY_SKEW];

pub fn check(reading: &Reading) -> Vec<Finding> {
    let mut found = Vec::new();
    for holder in &reading.holders {
        if let Some(former) = &holder.former {
            let what = format!(
                "{} works on a file that was at this path and is not any more: what it writes is in no file that others see",
                holder.title()
            );
            // Through the link the file is still there, with everything in it but the log.
            let cure = format!("Before you end it, save what it has: cp {former} rescued.db; then restart it: kill {}", holder.pid);
            found.push(FILE_REPLACED.found(what, cure));
        }
    }
    for holder in reading.holders.iter().filter(|holder| holder.libraries.iter().any(Library::is_replaced)) {
        let what = format!("{} runs a library of Knocker that was replaced since: it is of the version before", holder.title());
        found.push(LIBRARY_SKEW.found(what, format!("Restart it: kill {}", holder.pid)));
    }
    let different = different(reading);
    if different.len() > 1 {
        let paths: Vec<&str> = different.iter().map(|library| library.path.as_str()).collect();
        let what = format!("processes on this file have loaded different libraries of Knocker: {}", paths.join(", "));
        found.push(LIBRARY_SKEW.found(what, "Compare SELECT knocker_version() in each; see that all are of one release."));
    }
    found
}

/// One of each library that processes have loaded, by its path.
fn different(reading: &Reading) -> Vec<&Library> {
    let mut libraries: Vec<&Library> = reading.holders.iter().flat_map(|holder| &holder.libraries).collect();
    libraries.retain(|library| !library.is_replaced());
    libraries.sort_by_key(|library| &library.path);
    let mut different: Vec<&Library> = Vec::new();
    for library in libraries {
        if !different.iter().any(|other| other.is_same_as(library)) {
            different.push(library);
        }
    }
    different
}
