//! The file system, and its room.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::doctor::reading::rows::DAY;
use crate::moment;
use crate::printable::size;

pub const NETWORK: Code = Code::new("network_file_system", Severity::Error);
pub const MEMORY: Code = Code::new("memory_file_system", Severity::Warning);
pub const CONTAINER: Code = Code::new("container_file_system", Severity::Warning);
pub const READ_ONLY: Code = Code::new("read_only_file_system", Severity::Error);
pub const DISK_FULL: Code = Code::new("disk_full", Severity::Error);
pub const DISK_FILLING: Code = Code::new("disk_filling", Severity::Warning);
pub const CODES: &[Code] = &[NETWORK, MEMORY, CONTAINER, READ_ONLY, DISK_FULL, DISK_FILLING];

/// With less than this a busy inbox stops within minutes.
const LEAST_FREE: i64 = 64 << 20;
/// A disk that is full within so many days is told.
const DAYS: i64 = 30;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Some(mount) = &reading.mount else { return Vec::new() };
    let mut found = Vec::new();
    let (kind, point) = (mount.kind.to_lowercase(), &mount.point);
    let network = ["nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "sshfs", "lustre", "webdav", "virtiofs"];
    if network.iter().any(|name| kind.contains(name)) {
        found.push(NETWORK.found(
            format!(
                "the file is on {} ({point}): its locks and its shared memory do not hold between machines, which can damage the file",
                mount.kind
            ),
            "Move the file to a disk of the machine that runs the application.",
        ));
    }
    if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
        let what = format!("the file is in memory ({} at {point}): a restart of the machine loses every webhook", mount.kind);
        found.push(MEMORY.found(what, "Move the file to a disk."));
    }
    if kind.contains("overlay") || kind == "aufs" {
        let what = format!("the file is in a container's own layer ({} at {point}): it goes with the container", mount.kind);
        found.push(CONTAINER.found(what, "Put the file on a volume."));
    }
    if mount.read_only {
        let what = format!("the file system {point} is mounted read-only: every receipt is answered 503");
        found.push(READ_ONLY.found(what, format!("Look for the reason (dmesg), then: mount -o remount,rw {point}")));
        return found;
    }
    found.extend(room(reading, mount.free as i64));
    found
}

fn room(reading: &Reading, free: i64) -> Option<Finding> {
    let cure = format!(
        "Make room; then delete old rows and keep it so: {} && {}",
        reading.command("prune events --older-than 30d --dry-run"),
        reading.command("retention --handled 30d --ignored 30d --deliveries 7d")
    );
    if free < LEAST_FREE {
        let what = format!(
            "the disk is full, or nearly: {} are free. A receipt that finds no room is answered 503, and nothing is lost that was acknowledged",
            size(free)
        );
        return Some(DISK_FULL.found(what, cure));
    }
    let per_day = reading.rows.as_ref()?.growth.as_ref()?.bytes_per_day;
    let days = free.checked_div(per_day)?;
    if days > DAYS {
        return None;
    }
    let day = moment::show(reading.now + days * DAY);
    let what = format!("webhooks add {} a day, {} are free: the disk is full on {}", size(per_day), size(free), &day[..10]);
    Some(DISK_FILLING.found(what, cure))
}

/// What the report says of the room.
pub fn summary(reading: &Reading) -> String {
    let Some(mount) = &reading.mount else { return "unknown".into() };
    let growth = reading.rows.as_ref().and_then(|rows| rows.growth.as_ref());
    let growth = growth.map_or_else(String::new, |growth| {
        let days = (mount.free as i64).checked_div(growth.bytes_per_day);
        let full = days.filter(|&days| days < 36_500).map(|days| format!(", full on {}", &moment::show(reading.now + days * DAY)[..10]));
        format!("; webhooks add {} a day{}", size(growth.bytes_per_day), full.unwrap_or_default())
    });
    format!("{} at {}, {} free{growth}", mount.kind, mount.point, size(mount.free as i64))
}
