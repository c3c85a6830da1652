//! Who may read and write the file, its log and its folder.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::in_use::files::FileFacts;

pub const NOT_WRITABLE: Code = Code::new("not_writable", Severity::Error);
pub const MIXED_OWNERS: Code = Code::new("mixed_owners", Severity::Error);
pub const WORLD_WRITABLE: Code = Code::new("world_writable", Severity::Warning);
pub const HARD_LINKS: Code = Code::new("hard_links", Severity::Error);
pub const CODES: &[Code] = &[NOT_WRITABLE, MIXED_OWNERS, WORLD_WRITABLE, HARD_LINKS];

pub fn check(reading: &Reading) -> Vec<Finding> {
    let files = &reading.files;
    let path = reading.path.display();
    let owner = files.database.owner;
    let beside = [("the log", "-wal", &files.wal), ("its index", "-shm", &files.shm)];
    let mut found = Vec::new();
    let locked = |facts: &FileFacts| facts.mode.is_some_and(|mode| mode & 0o222 == 0);
    if locked(&files.database) {
        found.push(
            NOT_WRITABLE.found("nobody has the permission to write the file: every receipt is answered 503", format!("chmod u+w {path}")),
        );
    }
    // Log and index are made in the folder by whoever opens the file.
    if let Some(folder) = files.folder.as_ref().filter(|folder| locked(folder)) {
        let what = format!(
            "nobody has the permission to write the folder (mode {:o}), where SQLite makes its log",
            folder.mode.unwrap_or_default()
        );
        found.push(NOT_WRITABLE.found(what, format!("chmod u+wx {}", reading.path.parent().unwrap_or(&reading.path).display())));
    }
    for (name, suffix, facts) in beside {
        let Some(facts) = facts else { continue };
        // Root opens what it likes; a group or all may write what they may write.
        if facts.owner != owner && owner != 0 && facts.mode.is_some_and(|mode| mode & 0o022 == 0) {
            let what = format!("{name} belongs to user {}, the file to user {owner}, who cannot write it", facts.owner);
            found.push(MIXED_OWNERS.found(what, format!("chown {owner} {path}{suffix}; and run what opens the file as one user")));
        }
    }
    let worlds = [("the file", "", Some(&files.database)), ("the log", "-wal", files.wal.as_ref())];
    for (name, suffix, facts) in worlds {
        if let Some(mode) = facts.and_then(|facts| facts.mode).filter(|mode| mode & 0o002 != 0) {
            found.push(
                WORLD_WRITABLE
                    .found(format!("every user of this machine may write {name} (mode {mode:o})"), format!("chmod o-w {path}{suffix}")),
            );
        }
    }
    if files.database.links > 1 {
        let what = format!(
            "the file has {} names: whoever opens it by another one does not see the log of this one, which damages the file",
            files.database.links
        );
        found.push(HARD_LINKS.found(what, format!("Remove the other names: find / -xdev -samefile {path}")));
    }
    found
}
