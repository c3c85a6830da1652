//! The file system that the file is on.

use std::path::Path;

/// What kind of file system it is, and its room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Its kind as the system calls it, such as `ext4`.
    pub kind: String,
    /// Where it is mounted.
    pub point: String,
    pub read_only: bool,
    /// Bytes that the user of this process may still use.
    pub free: u64,
}

impl Mount {
    #[cfg(target_os = "linux")]
    pub fn read(path: &Path) -> Option<Self> {
        let room = rustix::fs::statvfs(path).ok()?;
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let (point, kind) = find(&table, path).unwrap_or_default();
        let read_only = room.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
        Some(Self { kind, point, read_only, free: room.f_bavail * room.f_frsize })
    }

    #[cfg(not(target_os = "linux"))]
    pub fn read(path: &Path) -> Option<Self> {
        let disks = sysinfo::Disks::new_with_refreshed_list();
        let disk = disks.list().iter().filter(|disk| path.starts_with(disk.mount_point()));
        let disk = disk.max_by_key(|disk| disk.mount_point().as_os_str().len())?;
        Some(Self {
            kind: disk.file_system().to_string_lossy().into_owned(),
            point: disk.mount_point().display().to_string(),
            read_only: disk.is_read_only(),
            free: disk.available_space(),
        })
    }
}

/// Mount point and kind of the longest mount point above the path; of several at one point the last one, which covers the others.
#[cfg(any(target_os = "linux", test))]
fn find(table: &str, path: &Path) -> Option<(String, String)> {
    let mounts = table.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let point = unescape(mount.split(' ').nth(4)?);
        Some((point, system.split(' ').next()?.to_owned()))
    });
    mounts.filter(|(point, _)| path.starts_with(point)).max_by_key(|(point, _)| point.len())
}

/// The kernel writes blanks and the like in octal.
#[cfg(any(target_os = "linux", test))]
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:31 / /srv rw - tmpfs tmpfs rw
31 22 0:32 /x /srv/my\\040data rw,nosuid master:2 - nfs4 host:/x rw
32 22 0:33 / /srv rw - overlay overlay rw,lowerdir=/l";

    #[test]
    fn the_longest_mount_point_counts_and_of_equal_ones_the_last() {
        let kind = |path| find(TABLE, Path::new(path)).unwrap();
        assert_eq!(kind("/home/inbox.db"), ("/".into(), "ext4".into()));
        assert_eq!(kind("/srv/inbox.db"), ("/srv".into(), "overlay".into()));
        assert_eq!(kind("/srv/my data/inbox.db"), ("/srv/my data".into(), "nfs4".into()));
        assert_eq!(kind("/srv2/inbox.db").1, "ext4");
    }
}
