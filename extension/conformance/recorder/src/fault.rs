//! Which call fails: `KNOCKER_RECORDER_FAULT=<call>:<file>:<first>:<count>:<errno>[:armed]`.
//!
//! - call: `sync`, `write`, `read`, `truncate`, `open`, `unlink`, `lock`, `map`, `stat`, or `any`
//! - file: `wal`, `main`, `both` (of these), or `all` that is recorded
//! - the first that fails, counted from 1 in this process, and how many of them; 0 is all that follow
//! - the error's number
//! - `armed`: counted from the moment when the process writes a mark that begins with `armed`

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::table::Role;

/// A call that is to fail.
pub struct Fault {
    call: &'static str,
    file: &'static str,
    first: u64,
    count: u64,
    errno: i32,
    seen: AtomicU64,
    armed: AtomicBool,
}

impl Fault {
    /// `None` where the text has another form.
    pub fn parse(text: &'static [u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.split(':');
        let (call, file) = (parts.next()?, parts.next()?);
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (first, count, errno) = (number()?, number()?, number()?);
        let armed = AtomicBool::new(parts.next() != Some("armed"));
        Some(Self { call, file, first, count, errno: i32::try_from(errno).ok()?, seen: AtomicU64::new(0), armed })
    }

    /// From now on calls are counted.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// The error with which this call is to fail.
    pub fn strikes(&self, call: &str, role: Role) -> Option<i32> {
        let meant = (self.call == "any" || self.call == call)
            && match self.file {
                "wal" => role == Role::Wal,
                "main" => role == Role::Main,
                "both" => role != Role::Other,
                _ => true,
            };
        if !meant || !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        (number >= self.first && (self.count == 0 || number < self.first + self.count)).then_some(self.errno)
    }
}
