//! The journal: its mode, its size, and why it does not shrink.

use crate::doctor::finding::{Code, Finding, Severity};
use crate::doctor::reading::Reading;
use crate::printable::{count, size};

pub const NOT_WAL: Code = Code::new("not_wal", Severity::Warning);
pub const WAL_HELD: Code = Code::new("wal_held", Severity::Warning);
pub const WAL_NOT_CHECKPOINTED: Code = Code::new("wal_not_checkpointed", Severity::Warning).repairable();
pub const WAL_LARGE: Code = Code::new("wal_large", Severity::Note).repairable();
pub const CODES: &[Code] = &[NOT_WAL, WAL_HELD, WAL_NOT_CHECKPOINTED, WAL_LARGE];

/// SQLite's own limit after which it would copy the log into the file.
const FRAMES: i64 = 1000;
/// Below this a log is no matter.
const LARGE: u64 = 64 << 20;

pub fn check(reading: &Reading) -> Vec<Finding> {
    let Ok(database) = &reading.database else { return Vec::new() };
    if database.journal_mode != "wal" {
        let what = format!("the journal mode is {}: readers and writers wait for each other", database.journal_mode);
        return vec![NOT_WAL.found(what, "Open the file with a package of Knocker, or type: sqlite3 FILE 'PRAGMA journal_mode = WAL'")];
    }
    let wal = reading.files.wal.as_ref().map_or(0, |wal| wal.size);
    let behind = database.wal_frames - database.wal_checkpointed;
    let waits = format!("{} of the log ({} in all) are not in the file yet", size(behind * database.page_size), size(wal as i64));
    let holders: Vec<&_> = reading.readers.iter().filter(|reader| i64::from(reader.behind) > FRAMES).collect();
    if !holders.is_empty() {
        return holders.iter().map(|reader| held(reading, reader.pid, i64::from(reader.behind) * database.page_size)).collect();
    }
    if behind > 10 * FRAMES {
        return vec![WAL_NOT_CHECKPOINTED.found(
            format!("{waits}, and no reader of an older state is to be seen: no process runs checkpoints"),
            format!("See that a worker or a server of a package runs; or type: {}", reading.command("doctor --repair")),
        )];
    }
    if wal > LARGE && wal as i64 > database.pages * database.page_size / 4 {
        let what = format!(
            "the log takes {} though little of it is in use: it was that large once, and is written again from its start",
            size(wal as i64)
        );
        return vec![WAL_LARGE.found(what, format!("To give the room back: {}", reading.command("doctor --repair")))];
    }
    Vec::new()
}

fn held(reading: &Reading, pid: u32, bytes: i64) -> Finding {
    let process = reading.process(pid);
    let what = format!("{process} reads a state of the file {} ago: the log cannot start over and grows until that read ends", size(bytes));
    if process.to_lowercase().contains("litestream") {
        return Finding {
            severity: Severity::Note,
            ..WAL_HELD.found(what, "Litestream does so on purpose; see that it runs and reaches its replica: litestream status")
        };
    }
    let cure = format!(
        "End the transaction of that process that was left open (a cursor that was not read to its end, a shell with BEGIN); or restart it: kill {pid}"
    );
    WAL_HELD.found(what, cure)
}

/// What the report says of the log.
pub fn summary(reading: &Reading) -> String {
    let Ok(database) = &reading.database else { return "unknown".into() };
    let wal = reading.files.wal.as_ref().map_or(0, |wal| wal.size);
    let readers = match reading.readers.iter().max_by_key(|reader| reader.behind) {
        Some(reader) => format!("; the oldest reader is {} frames behind", reader.behind),
        None => String::new(),
    };
    if database.wal_frames < 0 {
        return format!("{} mode, none", database.journal_mode);
    }
    format!("{}, {} of {} in the file{readers}", size(wal as i64), database.wal_checkpointed, count(database.wal_frames, "frame"))
}
