//! The processes that have the file open, as far as Linux tells: those of this user, and of all where this process may look.

use std::path::Path;

use super::files::FileFacts;

/// A process that has the file open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
    /// Where what it has open is a file that was at the path before: the link through which it can still be read.
    pub former: Option<String>,
    /// Inodes of the libraries of Knocker that it has loaded, each with its path as the kernel tells it.
    pub libraries: Vec<(u64, String)>,
}

impl Holder {
    /// `python3 (4711)`.
    pub fn title(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }
}

#[cfg(not(target_os = "linux"))]
pub fn read(_path: &Path, _database: &FileFacts) -> Vec<Holder> {
    Vec::new()
}

#[cfg(target_os = "linux")]
pub fn read(path: &Path, database: &FileFacts) -> Vec<Holder> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| pid != std::process::id()).filter_map(|pid| holder(pid, path, database)).collect()
}

#[cfg(target_os = "linux")]
fn holder(pid: u32, path: &Path, database: &FileFacts) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt;
    let deleted = format!("{} (deleted)", path.display());
    let name = path.file_name()?;
    let mut former = None;
    let mut current = false;
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let at_path = target == path || target.as_os_str() == deleted.as_str();
        if !at_path && target.file_name() != Some(name) {
            continue;
        }
        // The link leads to what is open, whatever stands at the path now. In another container the path can be another one.
        let inode = std::fs::metadata(entry.path()).map(|metadata| metadata.ino()).ok();
        if inode == Some(database.inode) {
            current = true;
        } else if at_path {
            former = Some(entry.path().display().to_string());
        }
    }
    if !current && former.is_none() {
        return None;
    }
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim().to_owned()).unwrap_or_default();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    Some(Holder { pid, name, former, libraries: libraries(&maps) })
}

/// The libraries of Knocker among what a process has mapped.
#[cfg(any(target_os = "linux", test))]
fn libraries(maps: &str) -> Vec<(u64, String)> {
    let mut found: Vec<(u64, String)> = maps
        .lines()
        .filter_map(|line| {
            let path = &line[line.find('/')?..];
            let name = path.rsplit('/').next()?.trim_end_matches(" (deleted)");
            let is_library = name.starts_with("libknocker") || name.starts_with("knocker.");
            let inode = line.split_whitespace().nth(4)?.parse().ok()?;
            is_library.then(|| (inode, path.to_owned()))
        })
        .collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_told_once_by_inode_and_path() {
        let maps = "\
7f00-7f01 r--p 00000000 fe:00 77 /usr/lib/libc.so.6
7f10-7f11 r--p 00000000 fe:00 42 /opt/app/libknocker.so (deleted)
7f11-7f12 r-xp 00001000 fe:00 42 /opt/app/libknocker.so (deleted)
7f20-7f21 rw-p 00000000 00:00 0 [heap]";
        assert_eq!(libraries(maps), [(42, "/opt/app/libknocker.so (deleted)".to_owned())]);
    }
}
