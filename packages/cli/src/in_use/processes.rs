//! The processes that have the file open, as far as Linux tells: those of this user, and of all where this process may look.

#[cfg(target_os = "linux")]
use std::collections::{BTreeMap, HashMap};
#[cfg(target_os = "linux")]
use std::ffi::OsString;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

use super::files::FileFacts;
#[cfg(target_os = "linux")]
use crate::beside::with_suffix;

/// A process that has the file open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
    /// Where what it has open is a file that was at the path before: the link through which it can still be read.
    pub former: Option<String>,
    /// The libraries of Knocker that it has loaded.
    pub libraries: Vec<Library>,
}

/// A library of Knocker that a process has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Of the process.
    pub pid: u32,
    /// Its device and its inode.
    pub file: (String, u64),
    /// As the kernel tells it.
    pub path: String,
}

impl Library {
    /// Whether another file stands at its path since, or none.
    pub fn is_replaced(&self) -> bool {
        self.path.ends_with(DELETED)
    }

    /// Whether the other is this file or a copy of it: each package of an application brings its own.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.file == other.file || matches!((self.content(), other.content()), (Some(one), Some(other)) if one == other)
    }

    /// In a container the path leads to it from the root of the process.
    fn content(&self) -> Option<Vec<u8>> {
        std::fs::read(format!("/proc/{}/root{}", self.pid, self.path)).ok()
    }
}

/// What the kernel appends to the path of a file that is there no more.
const DELETED: &str = " (deleted)";

impl Holder {
    /// `python3 (4711)`.
    pub fn title(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }
}

/// What processes had open when it was read.
#[derive(Debug, Default)]
pub struct Processes {
    /// By the last part of the path: a process, the link to what it has open, and the path that the link tells.
    #[cfg(target_os = "linux")]
    open: HashMap<OsString, Vec<(u32, PathBuf, PathBuf)>>,
}

impl Processes {
    /// Reads all: once for any number of files, as it takes longer than most of them do.
    #[cfg(target_os = "linux")]
    pub fn read() -> Self {
        let mut open: HashMap<_, Vec<_>> = HashMap::new();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for pid in pids.filter(|&pid| pid != std::process::id()) {
            for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
                let Ok(target) = std::fs::read_link(entry.path()) else { continue };
                if let Some(name) = target.file_name() {
                    open.entry(name.to_owned()).or_default().push((pid, entry.path(), target));
                }
            }
        }
        Self { open }
    }

    /// Elsewhere the system is not asked.
    #[cfg(not(target_os = "linux"))]
    pub fn read() -> Self {
        Self::default()
    }

    /// Those that have this file open, or one that was at the path before.
    #[cfg(target_os = "linux")]
    pub fn holders(&self, path: &Path, database: &FileFacts) -> Vec<Holder> {
        use std::os::unix::fs::MetadataExt;
        let Some(name) = path.file_name() else { return Vec::new() };
        let mut deleted = name.to_owned();
        deleted.push(DELETED);
        let mut found: BTreeMap<u32, (bool, Option<String>)> = BTreeMap::new();
        for (pid, link, target) in [name, &deleted].into_iter().filter_map(|name| self.open.get(name)).flatten() {
            // The link leads to what is open, whatever stands at the path now. In another container the path can be another one.
            // A process that has ended or closed it since holds nothing.
            let Ok(inode) = std::fs::metadata(link).map(|metadata| metadata.ino()) else { continue };
            let at_path = target == path || target.as_os_str() == with_suffix(path, DELETED).as_os_str();
            if inode == database.inode {
                found.entry(*pid).or_default().0 = true;
            } else if at_path {
                found.entry(*pid).or_default().1 = Some(link.display().to_string());
            }
        }
        found.into_iter().map(|(pid, (_, former))| holder(pid, former)).collect()
    }

    /// Elsewhere none is known.
    #[cfg(not(target_os = "linux"))]
    pub fn holders(&self, _path: &Path, _database: &FileFacts) -> Vec<Holder> {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
fn holder(pid: u32, former: Option<String>) -> Holder {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim().to_owned()).unwrap_or_default();
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    Holder { pid, name, former, libraries: libraries(pid, &maps) }
}

/// The libraries of Knocker among what a process has mapped.
#[cfg(any(target_os = "linux", test))]
fn libraries(pid: u32, maps: &str) -> Vec<Library> {
    let mut found: Vec<Library> = maps
        .lines()
        .filter_map(|line| {
            let path = &line[line.find('/')?..];
            let name = path.rsplit('/').next()?.trim_end_matches(DELETED);
            let mut facts = line.split_whitespace().skip(3);
            let file = (facts.next()?.to_owned(), facts.next()?.parse().ok()?);
            is_library(name).then(|| Library { pid, file, path: path.to_owned() })
        })
        .collect();
    found.dedup();
    found
}

/// Whether a file of this name is the library: `libknocker.so`, also without `lib` or with a version. Neither are Elixir's native driver
/// (`libknocker_native….so`, which the virtual machine loads beside it) and the index of a log (`knocker.db-shm`).
#[cfg(any(target_os = "linux", test))]
fn is_library(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("lib").unwrap_or(name).strip_prefix("knocker") else { return false };
    rest.starts_with(['.', '-']) && (rest.ends_with(".so") || rest.contains(".so."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_ends_while_all_are_read_has_no_former_file_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("app.db");
        std::fs::write(&path, "").unwrap();
        let stdin = std::fs::File::open(&path).unwrap();
        let mut other = std::process::Command::new("sleep").arg("600").stdin(stdin).spawn().unwrap();
        let database = super::super::files::Files::read(&path).unwrap().database;
        let processes = Processes::read();
        let holders = processes.holders(&path, &database);
        assert_eq!(holders.iter().map(|holder| (holder.pid, &holder.former)).collect::<Vec<_>>(), [(other.id(), &None)]);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(processes.holders(&path, &database), []);
    }

    #[test]
    fn a_library_is_told_once_by_inode_and_path() {
        let maps = "\
7f00-7f01 r--p 00000000 fe:00 77 /usr/lib/libc.so.6
7f10-7f11 r--p 00000000 fe:00 42 /opt/app/libknocker.so (deleted)
7f11-7f12 r-xp 00001000 fe:00 42 /opt/app/libknocker.so (deleted)
7f20-7f21 rw-p 00000000 00:00 0 [heap]";
        let library = Library { pid: 7, file: ("fe:00".into(), 42), path: "/opt/app/libknocker.so (deleted)".into() };
        assert_eq!(libraries(7, maps), [library]);
    }

    #[test]
    fn the_library_is_known_by_its_name_and_the_driver_of_elixir_is_none() {
        for name in ["libknocker.so", "knocker.so", "libknocker.so.0", "libknocker-0.1.0.so", "knocker-linux-x64.so"] {
            assert!(is_library(name), "{name}");
        }
        for name in [
            "libknocker_native.so",
            "libknocker_native.so.new",
            "libknocker_native-v0.1.0-nif-2.16-aarch64-unknown-linux-musl.so",
            "libknocker_recorder.so",
            "knocker.db",
            "knocker.db-shm",
            "libknocker.db-shm",
            "knocker",
            "libc.so.6",
        ] {
            assert!(!is_library(name), "{name}");
        }
    }
}
