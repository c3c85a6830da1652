//! Preloaded into any process (`LD_PRELOAD`), this makes every sync to the disk take at least `KNOCKER_SYNC_MICROSECONDS`.
//!
//! A developer's disk syncs in a tenth of a millisecond, a rented one in one to five. SQLite, as each runtime ships it, syncs through one of
//! these two functions of the C library. The real sync is made first, and the rest of the time is slept, so that a disk which is slow itself
//! does not become slower.
#![cfg(target_os = "linux")]

use std::ffi::{c_int, c_long};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

static LEAST: LazyLock<Duration> = LazyLock::new(|| {
    let microseconds = std::env::var("KNOCKER_SYNC_MICROSECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_micros(microseconds.unwrap_or(0))
});

fn at_least(call: c_long, descriptor: c_int) -> c_int {
    let start = Instant::now();
    // SAFETY: a system call that takes one descriptor, of which the kernel judges whether it is one.
    let result = unsafe { libc::syscall(call, descriptor) };
    // A failed one is told at once, with the error number as it is.
    if result == 0 {
        sleep(LEAST.saturating_sub(start.elapsed()));
    }
    result as c_int
}

/// The C library's `fsync`.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(descriptor: c_int) -> c_int {
    at_least(libc::SYS_fsync, descriptor)
}

/// The C library's `fdatasync`.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    at_least(libc::SYS_fdatasync, descriptor)
}
