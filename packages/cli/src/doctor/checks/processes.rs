//! What the processes that have the file open say of it.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;

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
    let old = reading.holders.iter().filter(|holder| holder.libraries.iter().any(|(_, path)| path.ends_with("(deleted)")));
    for holder in old {
        let what = format!("{} runs a library of Knocker that was replaced since: it is of the version before", holder.title());
        found.push(LIBRARY_SKEW.found(what, format!("Restart it: kill {}", holder.pid)));
    }
    let mut libraries: Vec<&(u64, String)> = reading.holders.iter().flat_map(|holder| &holder.libraries).collect();
    libraries.retain(|(_, path)| !path.ends_with("(deleted)"));
    libraries.sort();
    libraries.dedup();
    if libraries.len() > 1 {
        let paths: Vec<&str> = libraries.iter().map(|(_, path)| path.as_str()).collect();
        let what = format!("processes on this file have loaded different libraries of Knocker: {}", paths.join(", "));
        found.push(LIBRARY_SKEW.found(what, "Compare SELECT knocker_version() in each; see that all are of one release."));
    }
    found
}
